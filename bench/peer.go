package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // its own tables
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/privatepkgs/license/bench/internal/load"
)

// The peer is PocketBase with a collection of the same fields, beside the server of this project, each as
// it comes: with its log of requests, and PocketBase with its answers to browsers (CORS). Both wait for the
// disk at each commit. PocketBase is given what makes it faster: anybody may do anything, so that it checks
// no token, and it counts no total.
const (
	peerName  = "PocketBase"
	peerPath  = "/api/collections/licenses/records"
	peerQuery = "skipTotal=1"
)

// peerConnect opens a file as PocketBase does, but that commits are on the disk, those of its log aside.
func peerConnect(path string) (*dbx.DB, error) {
	synchronous := "NORMAL"
	if filepath.Base(path) == "data.db" {
		synchronous = "FULL"
	}
	return dbx.Open("sqlite", path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)"+
		"&_pragma=synchronous("+synchronous+")&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)")
}

func peerApp(dir string) (core.App, error) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: peerConnect})
	if err := app.Bootstrap(); err != nil {
		return nil, err
	}
	return app, app.RunAllMigrations()
}

// pocketBase serves what is in a folder.
func pocketBase(dir string) (http.Handler, error) {
	app, err := peerApp(dir)
	if err != nil {
		return nil, err
	}
	router, err := apis.NewRouter(app)
	if err != nil {
		return nil, err
	}
	router.Bind(apis.CORS(apis.CORSConfig{ // as apis.Serve does
		AllowOrigins: []string{"*"},
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete},
	}))
	return router.BuildMux()
}

// peerFolder returns a folder of PocketBase with the licenses that sqliteFile has.
func (b *bench) peerFolder() (dir string, err error) {
	dir = filepath.Join(b.dir, "pocketbase")
	app, err := peerApp(dir)
	if err != nil {
		return "", err
	}
	if found, _ := app.FindCollectionByNameOrId("licenses"); found == nil {
		if err := peerCollection(app); err != nil {
			return "", err
		}
		if err := b.fillPeer(app); err != nil {
			return "", err
		}
	}
	return dir, app.ResetBootstrapState()
}

func peerCollection(app core.App) error {
	anybody := types.Pointer("")
	c := core.NewBaseCollection("licenses")
	c.ListRule, c.ViewRule, c.CreateRule = anybody, anybody, anybody
	c.Fields.Add(
		&core.TextField{Name: "name", Max: 255},
		&core.TextField{Name: "key", Max: 255, Required: true},
		&core.JSONField{Name: "constraint", Required: true},
		&core.BoolField{Name: "suspended"},
		&core.JSONField{Name: "meta"},
		&core.JSONField{Name: "packages", Required: true},
		&core.AutodateField{Name: "createdAt", OnCreate: true},
		&core.AutodateField{Name: "updatedAt", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("licenses_by_key", true, "key", "")
	c.AddIndex("licenses_by_time", false, "createdAt, id", "")
	return app.Save(c)
}

// peerID is an id as PocketBase makes them: 15 letters and digits.
func peerID(i int) string { return fmt.Sprintf("%015x", random(i, 5).Uint64())[:15] }

// fillPeer writes into the table, which is quicker than one call for each license.
func (b *bench) fillPeer(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		for i := range b.peer {
			l, err := bareOf(b.catalogue.license(i))
			if err != nil {
				return err
			}
			at := time.UnixMilli(l.created).UTC().Format(types.DefaultDateLayout)
			if _, err := tx.DB().Insert("licenses", dbx.Params{
				"id": peerID(i), "name": l.name, "key": l.key, "constraint": l.constraint, "suspended": l.suspended, "meta": l.meta,
				"packages": l.packages, "createdAt": at, "updatedAt": at,
			}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
}

func peerRows() []row {
	// The answer to the request i must hold the licenses that found returns.
	peer := func(name, subject string, atLeast float64, found func(b *bench, i int) (first, count int), ours, theirs func(b *bench, i int) load.Request) row {
		return compared("peer/"+name, subject+" over HTTP, SQLite", peerName, timesFaster(atLeast), func(b *bench) (sides, error) {
			return b.compareWithPeer(found, ours, theirs)
		})
	}
	one := func(b *bench, i int) (int, int) { return i % b.peer, 1 }
	return []row{
		peer("id", "get by id", 4, one, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodGet, "/v1/licenses/"+idOf(i%b.peer).String(), apiToken, "", http.StatusOK)
		}, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodGet, peerPath+"/"+peerID(i%b.peer), "", "", http.StatusOK)
		}),
		peer("key", "get by key", 5, one, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodPost, "/v1/licenses/lookup", apiToken, `{"key":"`+keyOf(i%b.peer)+`"}`, http.StatusOK)
		}, func(b *bench, i int) load.Request { return peerByKey(i % b.peer) }),
		peer("list", "list of 100", 7, func(b *bench, i int) (int, int) { return i * 37 % (b.peer - 100), 100 }, func(b *bench, i int) load.Request {
			since := strconv.Itoa(firstMilli + i*37%(b.peer-100))
			return load.NewRequest(http.MethodGet, "/v1/licenses?since="+since, apiToken, "", http.StatusOK)
		}, func(b *bench, i int) load.Request {
			since := time.UnixMilli(int64(firstMilli + i*37%(b.peer-100))).UTC().Format(types.DefaultDateLayout)
			filter := url.QueryEscape("createdAt>='" + since + "'")
			return load.NewRequest(http.MethodGet, peerPath+"?perPage=100&sort=createdAt,id&"+peerQuery+"&filter="+filter, "", "", http.StatusOK)
		}),
		peer("create", "create", 2, func(_ *bench, i int) (int, int) { return newLicenses + i, 1 }, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodPost, "/v1/licenses", apiToken, b.newBody(i), http.StatusCreated)
		}, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodPost, peerPath, "", b.newBody(i), http.StatusOK)
		}),
	}
}

func peerByKey(i int) load.Request {
	filter := url.QueryEscape("key='" + keyOf(i) + "'")
	return load.NewRequest(http.MethodGet, peerPath+"?perPage=1&"+peerQuery+"&filter="+filter, "", "", http.StatusOK)
}

// newLicenses is the number of the first license that is created over HTTP.
const newLicenses = 200_000_000

// newBody is the body that creates a license that is in no store.
func (b *bench) newBody(i int) string { return b.body(newLicenses + i) }

// body is the body that creates a license.
func (b *bench) body(i int) string {
	l := b.catalogue.license(i)
	body, err := json.Marshal(map[string]any{
		"name": l.Name, "key": l.Key, "constraint": l.Constraint, "suspended": l.Suspended, "meta": l.Meta, "packages": l.Packages,
	})
	if err != nil {
		panic(err) // of values that always have a JSON form
	}
	return string(body)
}

func (b *bench) compareWithPeer(found func(b *bench, i int) (first, count int), ours, theirs func(b *bench, i int) load.Request) (sides, error) {
	path, err := b.sqliteFile(b.peer)
	if err != nil {
		return sides{}, err
	}
	dir, err := b.peerFolder()
	if err != nil {
		return sides{}, err
	}
	subject, err := b.startServer(path)
	if err != nil {
		return sides{}, err
	}
	baseline, err := b.start("pocketbase", dir)
	if err != nil {
		return sides{}, err
	}
	for i := range 3 {
		i += 50_000_000 // none that is measured
		first, count := found(b, i)
		if err := errors.Join(subject.answersWith(ours(b, i), first, count), baseline.answersWith(theirs(b, i), first, count)); err != nil {
			return sides{}, err
		}
	}
	return b.both(subject, baseline,
		func(i int) load.Request { return ours(b, i) },
		func(i int) load.Request { return theirs(b, i) })
}

// answersWith sees to it that the answer to a request holds certain licenses and no others.
func (c *child) answersWith(r load.Request, first, count int) error {
	body, err := load.Answer(c.addr, r)
	if err != nil {
		return err
	}
	for i := first; i < first+count; i++ {
		if !strings.Contains(string(body), `"`+keyOf(i)+`"`) {
			return fmt.Errorf("the license %d is not in the answer: %s", i, body)
		}
	}
	if n := strings.Count(string(body), `"key":`); n != count {
		return fmt.Errorf("the answer holds %d licenses and not %d: %s", n, count, body)
	}
	return nil
}
