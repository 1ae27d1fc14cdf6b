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
// disk at each commit, and both check an API token, which in PocketBase is a token of a superuser that does not
// expire soon. PocketBase is given what makes it faster: it counts no total.
//
// A second collection is open to anybody, so that PocketBase checks no token. It does less work there than the
// server beside it, so that row has no goal.
const (
	peerName   = "PocketBase"
	peerQuery  = "skipTotal=1"
	peerPath   = "/api/collections/licenses/records"
	openPath   = "/api/collections/open_licenses/records"
	superusers = core.CollectionNameSuperusers
	superuser  = "bench@example.com"
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

// peerFolder returns a folder of PocketBase with the licenses that sqliteFile has, and its API token.
func (b *bench) peerFolder() (dir, token string, err error) {
	dir = filepath.Join(b.dir, "pocketbase")
	app, err := peerApp(dir)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, app.ResetBootstrapState()) }()
	found, err := app.FindAuthRecordByEmail(superusers, superuser)
	if err != nil {
		found, err = b.newPeer(app)
	}
	if err != nil {
		return "", "", err
	}
	token, err = found.NewStaticAuthToken(24 * time.Hour)
	return dir, token, err
}

// newPeer makes the collections and the superuser.
func (b *bench) newPeer(app core.App) (*core.Record, error) {
	for name, rule := range map[string]*string{"licenses": nil, "open_licenses": types.Pointer("")} {
		if err := errors.Join(peerCollection(app, name, rule), b.fillPeer(app, name)); err != nil {
			return nil, err
		}
	}
	collection, err := app.FindCollectionByNameOrId(superusers)
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(collection)
	r.SetEmail(superuser)
	r.SetRandomPassword()
	return r, app.Save(r)
}

// peerCollection makes a collection that those may use whom a rule names: nil only superusers, "" anybody.
func peerCollection(app core.App, name string, rule *string) error {
	c := core.NewBaseCollection(name)
	c.ListRule, c.ViewRule, c.CreateRule = rule, rule, rule
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
	c.AddIndex(name+"_by_key", true, "key", "")
	c.AddIndex(name+"_by_time", false, "createdAt, id", "")
	return app.Save(c)
}

// peerID is an id as PocketBase makes them: 15 letters and digits.
func peerID(i int) string { return fmt.Sprintf("%015x", random(i, 5).Uint64())[:15] }

// fillPeer writes into the table, which is quicker than one call for each license.
func (b *bench) fillPeer(app core.App, collection string) error {
	return app.RunInTransaction(func(tx core.App) error {
		for i := range b.peer {
			l, err := bareOf(b.catalogue.license(i))
			if err != nil {
				return err
			}
			at := time.UnixMilli(l.created).UTC().Format(types.DefaultDateLayout)
			if _, err := tx.DB().Insert(collection, dbx.Params{
				"id": peerID(i), "name": l.name, "key": l.key, "constraint": l.constraint, "suspended": l.suspended, "meta": l.meta,
				"packages": l.packages, "createdAt": at, "updatedAt": at,
			}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
}

// peer is a collection of PocketBase, and the token that opens it.
type peer struct{ path, token string }

func (p peer) get(path string) load.Request {
	return load.NewRequest(http.MethodGet, p.path+path, p.token, "", http.StatusOK)
}

func (p peer) getByKey(i int) load.Request {
	return p.get("?perPage=1&" + peerQuery + "&filter=" + url.QueryEscape("key='"+keyOf(i)+"'"))
}

// peerRequests are requests by their number, which stands for the same licenses in both.
type peerRequests struct {
	found  func(b *bench, i int) (first, count int) // what the answer must hold
	ours   func(b *bench, i int) load.Request
	theirs func(b *bench, p peer, i int) load.Request
}

func peerRows() []row {
	compared := func(name, subject, baseline, path string, g goal, r peerRequests) row {
		return compared("peer/"+name, subject+" over HTTP, SQLite", baseline, g, func(b *bench) (sides, error) {
			return b.compareWithPeer(path, r)
		})
	}
	byKey := peerRequests{oneOfPeer, func(b *bench, i int) load.Request {
		return ourGetByKey(b.ofPeer(i))
	}, func(b *bench, p peer, i int) load.Request {
		return p.getByKey(b.ofPeer(i))
	}}
	return []row{
		compared("id", "get by id", peerName, peerPath, timesFaster(4), peerRequests{oneOfPeer, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodGet, "/v1/licenses/"+idOf(b.ofPeer(i)).String(), apiToken, "", http.StatusOK)
		}, func(b *bench, p peer, i int) load.Request {
			return p.get("/" + peerID(b.ofPeer(i)))
		}}),
		compared("key", "get by key", peerName, peerPath, timesFaster(5), byKey),
		compared("open", "get by key", peerName+", open to anybody", openPath, timesFaster(0), byKey),
		compared("list", "list of 100", peerName, peerPath, timesFaster(7), peerRequests{func(b *bench, i int) (int, int) {
			return i * 37 % (b.peer - 100), 100
		}, func(b *bench, i int) load.Request {
			since := strconv.Itoa(firstMilli + i*37%(b.peer-100))
			return load.NewRequest(http.MethodGet, "/v1/licenses?since="+since, apiToken, "", http.StatusOK)
		}, func(b *bench, p peer, i int) load.Request {
			since := time.UnixMilli(int64(firstMilli + i*37%(b.peer-100))).UTC().Format(types.DefaultDateLayout)
			return p.get("?perPage=100&sort=createdAt,id&" + peerQuery + "&filter=" + url.QueryEscape("createdAt>='"+since+"'"))
		}}),
		compared("create", "create", peerName, peerPath, timesFaster(2), peerRequests{func(_ *bench, i int) (int, int) {
			return newLicenses + i, 1
		}, func(b *bench, i int) load.Request {
			return load.NewRequest(http.MethodPost, "/v1/licenses", apiToken, b.newBody(i), http.StatusCreated)
		}, func(b *bench, p peer, i int) load.Request {
			return load.NewRequest(http.MethodPost, p.path, p.token, b.newBody(i), http.StatusOK)
		}}),
	}
}

// ofPeer returns the number of the license that the request i asks for: all in turn, in an order in which
// neighbours do not follow each other.
func (b *bench) ofPeer(i int) int { return i * 7919 % b.peer } // a prime

func oneOfPeer(b *bench, i int) (first, count int) { return b.ofPeer(i), 1 }

func ourGetByKey(i int) load.Request {
	return load.NewRequest(http.MethodPost, "/v1/licenses/lookup", apiToken, `{"key":"`+keyOf(i)+`"}`, http.StatusOK)
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

func (b *bench) compareWithPeer(collection string, r peerRequests) (sides, error) {
	path, err := b.sqliteFile(b.peer)
	if err != nil {
		return sides{}, err
	}
	dir, token, err := b.peerFolder()
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
	p := peer{collection, token}
	if collection == openPath {
		p.token = ""
	} else if err := baseline.refuses(collection); err != nil {
		return sides{}, err
	}
	ours := func(i int) load.Request { return r.ours(b, i) }
	theirs := func(i int) load.Request { return r.theirs(b, p, i) }
	for i := range 3 {
		i += 50_000_000 // none that is measured
		first, count := r.found(b, i)
		if err := errors.Join(subject.answersWith(ours(i), first, count), baseline.answersWith(theirs(i), first, count)); err != nil {
			return sides{}, err
		}
	}
	return b.both(subject, baseline, ours, theirs)
}

// refuses sees to it that a collection is not open to anybody.
func (c *child) refuses(collection string) error {
	_, err := load.Answer(c.addr, load.NewRequest(http.MethodGet, collection, "", "", http.StatusForbidden))
	return err
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
