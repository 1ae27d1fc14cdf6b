package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/licensejson"
)

func (a *api) list(w http.ResponseWriter, r *http.Request, _ string) error {
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	ctx := a.forStore(r)
	defer ctx.cancel()
	buffer := a.takeBuffer()
	body, page, err := a.pageBody(ctx, buffer, q)
	if err != nil {
		a.returnBuffer(buffer)
		return err
	}
	if sendBytes(w, r, http.StatusOK, "application/json", body, "Link", pageLinks(externalPath(r), q, page)) == nil {
		a.returnBuffer(buffer)
	}
	return nil
}

func (a *api) create(w http.ResponseWriter, r *http.Request, principal string) error {
	buffer := a.takeBuffer()
	defer a.returnBuffer(buffer)
	body, err := readBody(w, r, buffer)
	if err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	l, err := licensejson.DecodeNew(body)
	if err != nil {
		return err
	}
	ctx := a.forStore(r)
	defer ctx.cancel()
	if key == "" {
		err = a.store.Create(ctx, l)
	} else {
		l, err = a.createOnce(ctx, l, idempotentID(principal, key))
	}
	if err != nil {
		return err
	}
	a.send(w, r, http.StatusCreated, l.AppendJSON, "Etag", etag(l), "Location", externalPath(r)+"/"+l.ID.String())
	return nil
}

func (a *api) lookup(w http.ResponseWriter, r *http.Request, _ string) error {
	buffer := a.takeBuffer()
	defer a.returnBuffer(buffer)
	body, err := readBody(w, r, buffer)
	if err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	key, err := licensejson.DecodeKey(body)
	if err != nil {
		return err
	}
	ctx := a.forStore(r)
	defer ctx.cancel()
	l, err := a.store.GetByKey(ctx, key)
	if err != nil {
		return err
	}
	path := externalPath(r)
	location := path[:strings.LastIndexByte(path, '/')+1] + l.ID.String()
	a.send(w, r, http.StatusOK, l.AppendJSON, "Etag", etag(l), "Content-Location", location)
	return nil
}

func (a *api) get(w http.ResponseWriter, r *http.Request, _ string) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	conditions, err := parseConditions(r.Header)
	if err != nil {
		return err
	}
	ctx := a.forStore(r)
	defer ctx.cancel()
	l, err := a.store.Get(ctx, id)
	if err != nil {
		return err
	}
	tag := etag(l)
	modified, err := conditions.allowRead(tag)
	if err != nil {
		return err
	}
	if !modified {
		w.Header().Set("ETag", tag)
		sendNothing(w, http.StatusNotModified)
		return nil
	}
	a.send(w, r, http.StatusOK, l.AppendJSON, "Etag", tag)
	return nil
}

func (a *api) replace(w http.ResponseWriter, r *http.Request, _ string) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	buffer := a.takeBuffer()
	defer a.returnBuffer(buffer)
	body, err := readBody(w, r, buffer)
	if err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	conditions, err := parseConditions(r.Header)
	if err != nil {
		return err
	}
	l, err := licensejson.DecodeReplacement(body, id)
	if err != nil {
		return err
	}
	ctx := a.forStore(r)
	defer ctx.cancel()
	l.ID = id
	if l.Revision, err = a.revision(ctx, id, conditions); err != nil {
		return err
	}
	if err := a.store.Update(ctx, l); err != nil {
		return err
	}
	// The body is the license as it is now, and the tag is that body's (RFC 9110, section 8.7): what was sent lacked
	// the times, and section 9.3.4 permits no tag for it.
	a.send(w, r, http.StatusOK, l.AppendJSON, "Etag", etag(l), "Content-Location", externalPath(r))
	return nil
}

func (a *api) delete(w http.ResponseWriter, r *http.Request, _ string) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	conditions, err := parseConditions(r.Header)
	if err != nil {
		return err
	}
	ctx := a.forStore(r)
	defer ctx.cancel()
	revision, err := a.revision(ctx, id, conditions)
	if err != nil {
		return err
	}
	if err := a.store.Delete(ctx, id, revision); err != nil {
		return err
	}
	sendNothing(w, http.StatusNoContent)
	return nil
}

// pathID takes what is not a UUID for the id of a license that there is not.
func pathID(r *http.Request) (uuid.UUID, error) {
	id, ok := licensejson.ParseID(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	if !ok {
		return uuid.Nil, license.ErrNotFound
	}
	return id, nil
}

// maxPagination is more than the pagination of a page takes, which precedes the licenses and is known
// after them.
const maxPagination = 128

// pageBody makes the answer to a list in a buffer. The page need not have licenses.
func (a *api) pageBody(ctx context.Context, buffer *[]byte, q license.Query) ([]byte, *license.Page, error) {
	b := append((*buffer)[:0], make([]byte, maxPagination)...)
	count := 0
	page, err := a.eachOfPage(ctx, q, func(l *license.License) {
		if count++; count > 1 {
			b = append(b, ',')
		}
		b = l.AppendJSON(b)
	})
	if err != nil {
		return nil, nil, err
	}
	b = append(b, `]}`...)
	*buffer = b
	pagination := appendPagination(make([]byte, 0, maxPagination), count, page)
	body := b[maxPagination-len(pagination):]
	copy(body, pagination)
	return body, page, nil
}

func appendPagination(b []byte, count int, page *license.Page) []byte {
	b = append(b, `{"pagination":{"count":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	b = append(b, `,"prev":`...)
	b = appendTime(b, page.Prev)
	b = append(b, `,"next":`...)
	b = appendTime(b, page.Next)
	return append(b, `},"data":[`...)
}

// eachOfPage calls use for each license of a page.
func (a *api) eachOfPage(ctx context.Context, q license.Query, use func(*license.License)) (*license.Page, error) {
	if lender, ok := a.store.(license.PageLender); ok {
		return lender.LendPage(ctx, q, use)
	}
	page, err := a.store.List(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, l := range page.Licenses {
		use(l)
	}
	return page, nil
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, t.UnixMilli(), 10)
}

// pageLinks returns the value of Link (RFC 8288): the same list before and after the page.
func pageLinks(path string, q license.Query, page *license.Page) string {
	b := make([]byte, 0, 256) // enough for nearly all, and not on the heap
	if !page.Next.IsZero() {
		next := q
		next.Since = page.Next
		if q.Since.IsZero() {
			next.Until = time.Time{} // it said where this page ends, and the next lies behind
		}
		b = appendLink(b, path, next, "next")
	}
	if !page.Prev.IsZero() {
		prev := q
		prev.Since, prev.Until = time.Time{}, page.Prev
		b = appendLink(b, path, prev, "prev")
	}
	return string(b)
}

func appendLink(b []byte, path string, q license.Query, rel string) []byte {
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(b, '<')
	b = append(b, path...)
	b = append(b, '?')
	b = appendQuery(b, q)
	b = append(b, `>; rel="`...)
	b = append(b, rel...)
	return append(b, '"')
}

// appendQuery appends what parseQuery reads as q.
func appendQuery(b []byte, q license.Query) []byte {
	start := len(b)
	parameter := func(name string) {
		if len(b) > start {
			b = append(b, '&')
		}
		b = append(b, name...)
	}
	if q.Limit != 0 {
		parameter("limit=")
		b = strconv.AppendInt(b, int64(q.Limit), 10)
	}
	if q.Package != "" {
		parameter("package=")
		b = append(b, url.QueryEscape(q.Package)...)
	}
	if !q.Since.IsZero() {
		parameter("since=")
		b = strconv.AppendInt(b, q.Since.UnixMilli(), 10)
	}
	if q.Suspended != nil {
		parameter("suspended=")
		b = strconv.AppendBool(b, *q.Suspended)
	}
	if !q.Until.IsZero() {
		parameter("until=")
		b = strconv.AppendInt(b, q.Until.UnixMilli(), 10)
	}
	return b
}

// externalPath returns the path as the client sent it, with the prefix that was stripped on
// the way here. It begins with one slash: two would name a host.
func externalPath(r *http.Request) string {
	p := r.URL.EscapedPath()
	if sent, _, _ := strings.Cut(r.RequestURI, "?"); sent != p {
		if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
			p = u.EscapedPath()
		}
	}
	rest := strings.TrimLeft(p, "/")
	if slashes := len(p) - len(rest); slashes > 0 {
		return p[slashes-1:]
	}
	return "/" + rest
}
