package reliability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// A shop sells licenses through servers that share a database, and remembers what was
// acknowledged. It gives no write up: it sends it again, to another server, until it hears that it
// is done.
type shop struct {
	number  int
	servers []*server
	http    *http.Client
	random  *rand.Rand

	// deadly says that servers die, so that one may not answer at all.
	deadly bool
	// dropped is how many answers in a thousand get lost on their way, whatever they say.
	dropped int
	// keyless shops send no Idempotency-Key, which is wrong of them.
	keyless bool

	made  int
	alive []content
	gone  []string // the ids of what was deleted
	seen  []observation

	droppedAnswers, unknownOutcomes, unanswered int
}

// content is what a shop knows of a license.
type content struct {
	ID, Name, Key string
	Suspended     bool
	Meta          struct{ Changes int }
}

// observation is an answer to a write.
type observation struct {
	at   time.Time
	took time.Duration
	done bool // false: it has to be sent again
}

func newShops(servers []*server, n int) []*shop {
	shops := make([]*shop, n)
	for i := range shops {
		shops[i] = &shop{
			number:  i,
			servers: servers,
			http:    &http.Client{Transport: new(http.Transport), Timeout: 30 * time.Second},
			random:  rand.New(rand.NewPCG(rand.Uint64(), uint64(i))),
			dropped: 10,
		}
	}
	return shops
}

// write makes one write and returns when it is acknowledged. An error is an answer that no shop
// should get.
func (s *shop) write() error {
	switch p := s.random.IntN(10); {
	case len(s.alive) == 0 || p < 6:
		return s.create()
	case p < 9:
		return s.update(s.random.IntN(len(s.alive)))
	default:
		return s.delete(s.random.IntN(len(s.alive)))
	}
}

func (s *shop) create() error {
	s.made++
	c := content{Name: fmt.Sprintf("license %d of shop %d", s.made, s.number)}
	key := uuid.NewString()
	if s.keyless {
		key = ""
	}
	text, err := s.persist(http.MethodPost, "", key, c, http.StatusCreated, 0)
	if err != nil {
		return err
	}
	var made content
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	c.ID, c.Key = made.ID, made.Key
	if made != c {
		return fmt.Errorf("%+v was made as %+v", c, made)
	}
	s.alive = append(s.alive, c)
	return nil
}

func (s *shop) update(n int) error {
	c := s.alive[n]
	c.Meta.Changes++
	c.Suspended = !c.Suspended
	text, err := s.persist(http.MethodPut, "/"+c.ID, "", c, http.StatusOK, 0)
	if err != nil {
		return err
	}
	var stored content
	if err := json.Unmarshal(text, &stored); err != nil {
		return err
	}
	if stored != c {
		return fmt.Errorf("%+v was stored as %+v", c, stored)
	}
	s.alive[n] = c
	return nil
}

func (s *shop) delete(n int) error {
	id := s.alive[n].ID
	if _, err := s.persist(http.MethodDelete, "/"+id, "", content{}, http.StatusNoContent, http.StatusNotFound); err != nil {
		return err
	}
	s.alive = slices.Delete(s.alive, n, n+1)
	s.gone = append(s.gone, id)
	return nil
}

// persist sends a request until it is answered with the status done, or with doneBefore where an
// earlier answer was not heard. It returns the body.
func (s *shop) persist(method, path, idempotencyKey string, c content, done, doneBefore int) ([]byte, error) {
	const pause = 20 * time.Millisecond
	unheard := false
	for n := s.random.IntN(len(s.servers)); ; n++ {
		begin := time.Now()
		status, header, text, err := s.send(s.servers[n%len(s.servers)], method, path, idempotencyKey, c)
		if err != nil && s.deadly {
			s.seen = append(s.seen, observation{at: time.Now(), took: time.Since(begin)})
			s.unanswered++
			unheard = true
			time.Sleep(pause)
			continue
		}
		if err != nil {
			return nil, err // a server that lives answers, whatever its database does
		}
		acknowledged := status == done || unheard && status == doneBefore
		if acknowledged && s.random.IntN(1000) < s.dropped {
			s.droppedAnswers++
			unheard = true
			continue
		}
		s.seen = append(s.seen, observation{at: time.Now(), took: time.Since(begin), done: acknowledged})
		if acknowledged {
			return text, nil
		}
		var problem struct{ Code string }
		if err := json.Unmarshal(text, &problem); err != nil ||
			status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" ||
			problem.Code != "unavailable" && problem.Code != "outcome_unknown" {
			return nil, fmt.Errorf("%s %s: %d %s", method, path, status, text)
		}
		if problem.Code == "outcome_unknown" {
			s.unknownOutcomes++
			unheard = true
		}
		time.Sleep(pause)
	}
}

func (s *shop) send(to *server, method, path, idempotencyKey string, c content) (int, http.Header, []byte, error) {
	var body io.Reader
	if method != http.MethodDelete {
		fields := map[string]any{
			"name": c.Name, "suspended": c.Suspended, "meta": map[string]int{"changes": c.Meta.Changes},
			"constraint": map[string]string{"type": "version", "value": "<2.0.0"},
			"packages":   []string{"example-package", "another-package"},
		}
		if c.Key != "" {
			fields["key"] = c.Key
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return 0, nil, nil, err
		}
		body = bytes.NewReader(text)
	}
	return request(s.http, method, to.url+"/v1/licenses"+path, idempotencyKey, body)
}

func request(client *http.Client, method, url, idempotencyKey string, body io.Reader) (int, http.Header, []byte, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, text, errors.Join(err, res.Body.Close())
}

// listAll walks over all licenses of a server. A page that is answered with 503 is asked for again, as a
// server has connections of which it has not noticed yet that an outage cut them.
func listAll(t *testing.T, s *server) []content {
	t.Helper()
	var all []content
	for since, begin := "0", time.Now(); ; {
		status, _, text, err := request(http.DefaultClient, http.MethodGet, s.url+"/v1/licenses?limit=1000&since="+since, "", nil)
		require.NoError(t, err)
		if status == http.StatusServiceUnavailable && time.Since(begin) < recoveryTime() {
			time.Sleep(time.Millisecond)
			continue
		}
		require.Equal(t, http.StatusOK, status, "%s", text)
		var page struct {
			Pagination struct{ Next json.Number }
			Data       []content
		}
		require.NoError(t, json.Unmarshal(text, &page))
		all = append(all, page.Data...)
		if since = page.Pagination.Next.String(); since == "" {
			return all
		}
	}
}

// faults are the differences between what was acknowledged and what is there.
type faults struct {
	lost, changed, doubled, undead, strange []string
}

func (f faults) String() string {
	var b strings.Builder
	for _, list := range []struct {
		what  string
		names []string
	}{{"lost", f.lost}, {"changed", f.changed}, {"doubled", f.doubled}, {"undead", f.undead}, {"strange", f.strange}} {
		fmt.Fprintf(&b, "%d %s %v; ", len(list.names), list.what, list.names[:min(3, len(list.names))])
	}
	return b.String()
}

func (f faults) none() bool {
	return len(f.lost)+len(f.changed)+len(f.doubled)+len(f.undead)+len(f.strange) == 0
}

// audit compares the licenses that are there with what the shops know.
func audit(shops []*shop, stored []content) faults {
	var f faults
	byName := make(map[string]content)
	for _, c := range stored {
		if _, twice := byName[c.Name]; twice {
			f.doubled = append(f.doubled, c.Name)
		}
		byName[c.Name] = c
	}
	for _, s := range shops {
		for _, c := range s.alive {
			found, ok := byName[c.Name]
			switch {
			case !ok:
				f.lost = append(f.lost, c.Name)
			case found != c && !slices.Contains(f.doubled, c.Name):
				f.changed = append(f.changed, c.Name)
			}
			delete(byName, c.Name)
		}
	}
	for _, s := range shops {
		for _, c := range byName {
			if slices.Contains(s.gone, c.ID) {
				f.undead = append(f.undead, c.Name)
				delete(byName, c.Name)
			}
		}
	}
	for name := range byName {
		f.strange = append(f.strange, name)
	}
	return f
}
