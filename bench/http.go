package main

import (
	bytesOf "bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/privatepkgs/license/bench/internal/load"
)

func httpRows() []row {
	const bare = "bare net/http writing the same bytes"
	one := func(name, store string, atLeast float64) row {
		return compared("http/get-"+name, "HTTP GET one, "+store, bare, ofRequests(atLeast), func(b *bench) (sides, error) {
			var uris []string
			for i := range 1000 {
				uris = append(uris, "/v1/licenses/"+idOf(i*b.stored/1000).String())
			}
			return b.compareWithBare(name, uris)
		})
	}
	list := func(name, store string, atLeast float64) row {
		return compared("http/list-"+name, "HTTP list of 100, "+store, bare, ofRequests(atLeast), func(b *bench) (sides, error) {
			var uris []string
			for i := range 100 {
				uris = append(uris, "/v1/licenses?since="+strconv.Itoa(firstMilli+i*(b.stored-100)/100))
			}
			return b.compareWithBare(name, uris)
		})
	}
	return []row{
		one("memory", "memory", 0.85),
		one("sqlite", "SQLite", 0.45),
		list("memory", "memory", 0.50),
		list("sqlite", "SQLite", 0.15),
	}
}

// compareWithBare compares the API with a handler that writes what it answered, header and body.
func (b *bench) compareWithBare(store string, uris []string) (sides, error) {
	argument := strconv.Itoa(b.stored)
	if store == "sqlite" {
		var err error
		if argument, err = b.sqliteFile(b.stored); err != nil {
			return sides{}, err
		}
	}
	ours, err := b.start("api-"+store, argument)
	if err != nil {
		return sides{}, err
	}
	authorized := http.Header{"Authorization": {"Bearer " + apiToken}}
	known := make(map[string]answer)
	for _, uri := range uris {
		a, err := ours.get(uri, authorized)
		if err != nil {
			return sides{}, err
		}
		a.Header.Del("Date") // net/http writes it
		known[uri] = a
	}
	text, err := json.Marshal(known)
	if err != nil {
		return sides{}, err
	}
	path := filepath.Join(b.dir, "answers.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return sides{}, err
	}
	bare, err := b.start("answers", path)
	if err != nil {
		return sides{}, err
	}
	var requests []load.Request
	for _, uri := range uris {
		a, err := bare.get(uri, authorized)
		if err != nil {
			return sides{}, err
		}
		a.Header.Del("Date")
		if !bytesOf.Equal(a.Body, known[uri].Body) || !reflect.DeepEqual(a.Header, known[uri].Header) {
			return sides{}, fmt.Errorf("the answers to %s differ", uri)
		}
		requests = append(requests, load.NewRequest(http.MethodGet, uri, apiToken, "", http.StatusOK))
	}
	next := func(i int) load.Request { return requests[i%len(requests)] }
	return b.both(ours, bare, next, next)
}

// both has two servers answer requests.
func (b *bench) both(subject, baseline *child, ours, theirs func(i int) load.Request) (sides, error) {
	s := sides{collects: true}
	var err error
	if s.subject, err = b.requests(subject, ours); err != nil {
		return sides{}, err
	}
	s.baseline, err = b.requests(baseline, theirs)
	return s, err
}
