package postgres_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/pgtest"
	"github.com/privatepkgs/license/sqlstore/postgres"
)

// edit returns a URL that was changed.
func edit(t *testing.T, text string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	change(u)
	return u.String()
}

func option(t *testing.T, text, name, value string) string {
	return edit(t, text, func(u *url.URL) { u.RawQuery += "&" + url.Values{name: {value}}.Encode() })
}

func TestTenInstancesThatStartTogetherOpenAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		url := pgtest.Shared(t).NewDatabase(t)
		ready := make(chan struct{})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				<-ready
				s, err := postgres.Options{MaxConns: 2}.Open(t.Context(), url)
				if !assert.NoError(t, err, "round %d", round) {
					return
				}
				assert.NoError(t, s.Create(t.Context(), newLicense("")))
				assert.NoError(t, s.Close())
			})
		}
		close(ready)
		wg.Wait()
		db := connect(t, url)
		var licenses, migrations int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pkg_licenses`).Scan(&licenses))
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pkg_license_migrations`).Scan(&migrations))
		assert.Equal(t, 10, licenses)
		assert.Equal(t, 1, migrations)
	}
}

func TestOpenRefusesNewerSchemaAndLeavesItAsItIs(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	require.NoError(t, open(t, url, postgres.Options{}).Create(t.Context(), newLicense("KEY")))
	db := connect(t, url)
	_, err := db.ExecContext(t.Context(), `INSERT INTO pkg_license_migrations VALUES (2)`)
	require.NoError(t, err)
	const state = `SELECT (SELECT string_agg(t::text, ';') FROM pkg_license_migrations t) || (SELECT string_agg(t::text, ';') FROM pkg_licenses t) ||
		(SELECT string_agg(oid::regclass::text, ';' ORDER BY oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace)`
	var before, after string
	require.NoError(t, db.QueryRowContext(t.Context(), state).Scan(&before))
	_, err = postgres.Options{Notify: true}.Open(t.Context(), url)
	require.ErrorContains(t, err, "schema 2")
	require.ErrorContains(t, err, "newer version of the library")
	require.NoError(t, db.QueryRowContext(t.Context(), state).Scan(&after))
	assert.Equal(t, before, after)
}

func TestOpenUsesTheSchemaOfTheSearchPath(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	db := connect(t, url)
	for _, schema := range []string{"one", "two"} {
		_, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
		require.NoError(t, err)
	}
	one := open(t, option(t, url, "search_path", "one"), postgres.Options{Notify: true})
	two := open(t, option(t, url, "search_path", "two"), postgres.Options{Notify: true})
	l := newLicense("KEY")
	require.NoError(t, one.Create(t.Context(), l))
	_, err := two.GetByKey(t.Context(), "KEY")
	require.ErrorIs(t, err, license.ErrNotFound)
}

func TestOpenSaysWhatIsWrongAndNeverThePassword(t *testing.T) {
	t.Parallel()
	good := pgtest.Shared(t).NewDatabase(t)
	u, err := url.Parse(good)
	require.NoError(t, err)
	nobody, err := net.Listen("tcp", "127.0.0.1:0") // a port that nobody has once it is closed
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	const secret = "hunter2secret"
	with := func(change func(*url.URL)) string {
		return edit(t, good, func(u *url.URL) {
			u.User = url.UserPassword(u.User.Username(), secret)
			change(u)
		})
	}
	for _, test := range []struct{ name, url, want string }{
		{"nothing", "", "must have the form"},
		{"no URL", "host=localhost password=" + secret, "must have the form"},
		{"another scheme", "mysql://app:" + secret + "@localhost/app", "must have the form"},
		{"slash in the password", "postgres://app:77/" + secret + "@localhost/app", "%2F"},
		{"question mark in the password", "postgres://app:77?" + secret + "@localhost/app", "%3F"},
		{"hash in the password", "postgres://app:77#" + secret + "@localhost/app", "%23"},
		{"colon in the password", "postgres://app:" + secret + "/x:" + secret + "@localhost/app", "must have the form"},
		{"percent in the password", "postgres://app:%zz" + secret + "@localhost/app", "%25"},
		{"bad port", "postgres://app:" + secret + "@localhost:port/app", "must have the form"},
		{"bad option", with(func(u *url.URL) { u.RawQuery = "sslmode=never" }), "option"},
		{"bad mode", with(func(u *url.URL) { u.RawQuery = "default_query_exec_mode=never" }), "option"},
		{"nobody listens", with(func(u *url.URL) { u.Host = nobody.Addr().String() }), "cannot be reached"},
		{"wrong password", with(func(*url.URL) {}), "does not let this user in"},
		{"no such database", edit(t, good, func(u *url.URL) { u.Path = "/nowhere" }), "CREATE DATABASE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := postgres.Open(t.Context(), test.url)
			require.ErrorContains(t, err, test.want)
			assert.True(t, strings.HasPrefix(err.Error(), "postgres: opening the database: "), err.Error())
			password, _ := u.User.Password()
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), password)
		})
	}
	_, err = postgres.Options{MaxConns: -1}.Open(t.Context(), good)
	require.ErrorContains(t, err, "MaxConns")
}

func TestOpenRefusesAnotherEncoding(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabaseWith(t, "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	_, err := postgres.Open(t.Context(), url)
	require.ErrorContains(t, err, "LATIN1")
	require.ErrorContains(t, err, "UTF8")
	var tables int
	require.NoError(t, connect(t, url).QueryRowContext(t.Context(), `SELECT count(*) FROM pg_class WHERE relname LIKE 'pkg_%'`).Scan(&tables))
	assert.Zero(t, tables)
}

// A server that takes connections and says nothing.
func TestOpenGivesUpOnAServerThatSaysNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	began := time.Now()
	_, err = postgres.Open(t.Context(), "postgres://app@"+l.Addr().String()+"/app?sslmode=disable&connect_timeout=1")
	require.ErrorContains(t, err, "cannot be reached")
	assert.Less(t, time.Since(began), 10*time.Second)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = postgres.Open(ctx, "postgres://app@"+l.Addr().String()+"/app?sslmode=disable")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestConnectionsSayWhoseTheyAre(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	db := connect(t, url)
	open(t, url, postgres.Options{})
	open(t, option(t, url, "application_name", "shop"), postgres.Options{})
	var names int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(DISTINCT application_name) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name IN ('license', 'shop')`).Scan(&names))
	assert.Equal(t, 2, names)
}
