package gate

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

var (
	errTooLarge = errors.New("it is larger than Options.MaxListing")
	errCutOff   = errors.New("it was cut off")
)

// captured is the [http.ResponseWriter] that keeps an answer.
type captured struct {
	header   http.Header // as the handler changes it
	status   int         // 0 before WriteHeader
	body     bytes.Buffer
	path     string
	limit    int64
	cancel   context.CancelFunc
	tooLarge bool
	cutOff   bool
}

func (a *captured) Header() http.Header { return a.header }

func (a *captured) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	a.status = status
	a.header = a.header.Clone()
	if n, ok := a.length(); ok && n <= a.limit {
		a.body.Grow(int(n))
	}
}

func (a *captured) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if int64(a.body.Len())+int64(len(b)) > a.limit {
		a.tooLarge = true
		a.cancel()
		return 0, errTooLarge
	}
	return a.body.Write(b)
}

func (a *captured) length() (n int64, ok bool) {
	n, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64)
	return n, err == nil && n >= 0
}

// plainBody returns the body without its encoding.
func (a *captured) plainBody() ([]byte, error) {
	if a.tooLarge {
		return nil, errTooLarge
	}
	if n, ok := a.length(); a.cutOff || ok && n != int64(a.body.Len()) {
		return nil, errCutOff
	}
	switch encoding := strings.ToLower(strings.TrimSpace(a.header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return a.body.Bytes(), nil
	case "gzip", "x-gzip":
		return gunzip(&a.body, a.limit)
	default:
		return nil, fmt.Errorf("its encoding %q is not known", encoding)
	}
}

func gunzip(from io.Reader, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(from)
	if err != nil {
		return nil, fmt.Errorf("decompressing it: %w", err)
	}
	var body bytes.Buffer
	n, err := io.Copy(&body, io.LimitReader(z, limit+1))
	if err != nil {
		return nil, fmt.Errorf("decompressing it: %w", err)
	}
	if n > limit {
		return nil, errTooLarge
	}
	return body.Bytes(), nil
}
