package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// writer writes licenses and remembers what was acknowledged.
type writer struct {
	ledger
	number, made int
	random       *rand.Rand
	heard        [deletion + 1]int
}

// writeUntilCut writes until an answer does not come. An answer that refuses is an error.
func (w *writer) writeUntilCut(client crashClient) error {
	for {
		var err error
		alive := w.alive()
		switch n := w.random.IntN(10); {
		case len(alive) < 5 || n < 4 && len(alive) < 30:
			err = w.create(client, newContent())
		case n < 7:
			err = w.update(client, w.ledger[alive[w.random.IntN(len(alive))]])
		default:
			err = w.delete(client, w.ledger[alive[w.random.IntN(len(alive))]])
		}
		if errors.Is(err, errUnheard) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// alive returns the names of the licenses that are certainly there, in the same order in every run.
func (w *writer) alive() []string {
	var names []string
	for name, e := range w.ledger {
		if e.content != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func newContent() document {
	return document{
		"constraint": map[string]any{"type": "version", "value": "<2.0.0"},
		"suspended":  false,
		"meta":       map[string]any{"changes": 0.0},
		"packages":   []any{"example-package", "another-package"},
	}
}

// create leaves the key of the license to the server, so that nothing but the
// Idempotency-Key keeps a retry from making a second license.
func (w *writer) create(client crashClient, content document) error {
	w.made++
	content["name"] = fmt.Sprintf("license %d of writer %d", w.made, w.number)
	e := &entry{unheard: write{kind: creation, sent: content, key: uuid.NewString()}}
	w.ledger[content.name()] = e
	return w.perform(e, func() (int, string, error) {
		return client.send(http.MethodPost, "/v1/licenses", e.unheard.key, content)
	})
}

func (w *writer) update(client crashClient, e *entry) error {
	sent := maps.Clone(e.content)
	delete(sent, "createdAt")
	delete(sent, "updatedAt")
	changes, _ := sent["meta"].(map[string]any)["changes"].(float64)
	sent["meta"] = map[string]any{"changes": changes + 1, "padding": strings.Repeat("x", w.random.IntN(2000))}
	sent["suspended"] = w.random.IntN(2) == 0
	e.unheard = write{kind: update, sent: sent}
	return w.perform(e, func() (int, string, error) {
		return client.send(http.MethodPut, "/v1/licenses/"+e.id, "", sent)
	})
}

func (w *writer) delete(client crashClient, e *entry) error {
	e.unheard = write{kind: deletion}
	return w.perform(e, func() (int, string, error) {
		return client.send(http.MethodDelete, "/v1/licenses/"+e.id, "", nil)
	})
}

var (
	errUnheard = errors.New("the answer was not heard")
	success    = [...]int{creation: http.StatusCreated, update: http.StatusOK, deletion: http.StatusNoContent}
)

// perform sends the write that e holds as unheard, and takes note of the answer.
func (w *writer) perform(e *entry, send func() (int, string, error)) error {
	status, body, err := send()
	if err != nil {
		return errUnheard
	}
	if status != success[e.unheard.kind] {
		return fmt.Errorf("%d %s", status, body)
	}
	var content document
	if e.unheard.kind != deletion {
		if content, err = parseDocument([]byte(body)); err != nil {
			return err
		}
		e.id = content.id()
	}
	w.heard[e.unheard.kind]++
	e.content, e.unheard = content, write{}
	return nil
}

// crashClient sends requests over connections of its own, which end with the server.
type crashClient struct {
	url  string
	http *http.Client
}

func (p *server) client() crashClient {
	return crashClient{p.url, &http.Client{Transport: new(http.Transport), Timeout: 20 * time.Second}}
}

// send returns an error unless the whole answer came.
func (c crashClient) send(method, path, idempotencyKey string, body document) (int, string, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return 0, "", err
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.url+path, strings.NewReader(string(text)))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+crashToken)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// list returns all licenses: the writers keep so few that they fit into one page.
func (c crashClient) list(t *testing.T) []document {
	t.Helper()
	status, body, err := c.send(http.MethodGet, "/v1/licenses?limit=1000", "", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, body)
	var page struct {
		Pagination struct{ Next *int64 }
		Data       []document
	}
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	require.Nil(t, page.Pagination.Next, "more than a page")
	return page.Data
}
