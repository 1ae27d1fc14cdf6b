package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/internal/toyregistry"
)

// elsewhere is a registry for each ecosystem, and what they were asked. All but npm's want a password.
type elsewhere struct {
	flags []string

	mu    sync.Mutex
	asked []string
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{}
	mux := http.NewServeMux()
	for _, eco := range ecosystems() {
		toy, err := eco.toy(eco.pkg, toyregistry.Releases())
		require.NoError(t, err)
		mux.Handle("/"+eco.name+"-registry/", http.StripPrefix("/"+eco.name+"-registry", toy))
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.note(r)
		user, password, _ := r.BasicAuth()
		wanted := user == "gate" && password == "hunter2"
		if strings.HasPrefix(r.URL.Path, "/npm-registry/") {
			wanted = r.Header.Get("Authorization") == "" // nor a customer's key
		}
		if !wanted {
			http.Error(w, "not for you", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	for _, eco := range ecosystems() {
		root := s.URL
		if eco.name != "npm" {
			root = strings.Replace(s.URL, "://", "://gate:hunter2@", 1)
		}
		e.flags = append(e.flags, "-"+eco.name, root+"/"+eco.name+"-registry")
	}
	return e
}

func (e *elsewhere) note(r *http.Request) {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.URL.String() + "\n")
	_ = r.Header.Write(&b) // a strings.Builder takes everything
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, b.String())
}

func (e *elsewhere) log() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.asked, "\n")
}

func TestGateStandsInFrontOfRegistriesElsewhere(t *testing.T) {
	t.Parallel()
	upstream := newElsewhere(t)
	p := start(t, t.TempDir(), nil, append([]string{"-db", "memory:"}, upstream.flags...)...)
	assert.Contains(t, p.Stdout.String(), "in front of http://127.0.0.1:")
	assert.NotContains(t, p.Stdout.String(), "gate:")
	t.Cleanup(func() { // when the clients have run
		asked := upstream.log()
		for _, key := range p.keys {
			assert.NotContains(t, asked, key, "the key stays here")
		}
		assert.NotContains(t, asked, "PUT ")
		assert.NotContains(t, p.Stdout.String()+p.Stderr.String(), "hunter2")
	})
	for c := range clients {
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			s := p.paste(t, c, p.keys[below2])
			s.requireInstalled(t, "1.9.0")
			denied := p.paste(t, c, p.keys[suspended])
			denied.requireInstalled(t)
			assert.Contains(t, denied.output, "Your license is suspended.")
			if c != "npm" {
				return
			}
			lock, err := os.ReadFile(filepath.Join(s.dir, "package-lock.json"))
			require.NoError(t, err)
			assert.Contains(t, string(lock), p.url+"/npm/@acme/toy/-/toy-1.9.0.tgz", "artifacts are the gate's")
			assert.Contains(t, upstream.log(), "POST /npm-registry/-/npm/v1/security/advisories/bulk", "audits pass")
			s.run(t, `echo '{"name": "@acme/toy", "version": "3.0.0"}' > package.json && npm publish`)
			assert.Contains(t, s.output, "publish to the registry itself")
		})
	}
}
