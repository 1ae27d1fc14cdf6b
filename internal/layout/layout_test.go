package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const top = "../.."

// goTool runs the go command in the root folder of the module and returns what it prints.
func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = top
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	return out
}

func load(t *testing.T) graph {
	t.Helper()
	out := json.NewDecoder(bytes.NewReader(goTool(t, "list", "-deps",
		"-json=ImportPath,Name,Doc,Standard,GoFiles,Imports,Module", "./...")))
	g := make(graph)
	for {
		var p pkg
		err := out.Decode(&p)
		if errors.Is(err, io.EOF) {
			return g
		}
		require.NoError(t, err)
		g[p.ImportPath] = p
	}
}

// requirements returns the modules that go.mod requires, and those of them that are
// required directly.
func requirements(t *testing.T) (all, direct []string) {
	t.Helper()
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod))
	for _, r := range mod.Require {
		all = append(all, r.Path)
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	return all, direct
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	_, direct := requirements(t)
	for _, v := range load(t).violations(direct) {
		t.Error(v)
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	g := load(t)
	for p := range g {
		if g.ours(p) && len(g[p].GoFiles) > 0 {
			assert.NotEmpty(t, g[p].Doc, "package %s has no package comment", folder(p))
		}
	}
}

func TestEveryDependencyIsAccountedFor(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(top, "docs", "dependencies.md"))
	require.NoError(t, err)
	var named []string
	for line := range strings.Lines(string(text)) {
		if module, ok := strings.CutPrefix(line, "### "); ok {
			named = append(named, strings.TrimSpace(module))
		}
	}
	all, direct := requirements(t)
	for _, module := range direct {
		assert.Contains(t, named, module, "docs/dependencies.md says nothing about it")
	}
	for _, module := range named {
		assert.Contains(t, all, module, "docs/dependencies.md names it, and go.mod does not need it")
	}
}

// It also makes go test see every change: it caches what a test prints, and looks at the
// files that the test opens, not at those that go list does.
func TestOneSpellingOfLicense(t *testing.T) {
	t.Parallel()
	british := []byte("licen" + "ce")
	skipped := []string{".git", "node_modules"}
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(skipped, d.Name()) {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 4<<20 {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if i := bytes.Index(bytes.ToLower(text), british); i >= 0 && !bytes.Contains(text, []byte{0}) {
			t.Errorf("%s:%d: write license", path, 1+bytes.Count(text[:i], []byte("\n")))
		}
		return nil
	}))
}

// The control: each breach, put into a sound graph, is found, and nothing else is.
func TestBreachesAreFound(t *testing.T) {
	t.Parallel()
	const (
		testify = "github.com/stretchr/testify"
		pgx     = "github.com/jackc/pgx/v5"
		sqlite  = "modernc.org/sqlite"
	)
	type imports map[string][]string
	build := func(more imports) graph {
		g := graph{"fmt": {ImportPath: "fmt", Standard: true}}
		add := func(path, module string, imports ...string) {
			p := g[path]
			p.ImportPath = path
			p.Module = &struct{ Path string }{module}
			p.Imports = append(p.Imports, imports...)
			g[path] = p
		}
		ours := func(folder string) string { return strings.TrimSuffix(root+"/"+folder, "/.") }
		for module := range importers {
			add(module, module, "fmt")
		}
		add(testify+"/require", testify)
		add("example.com/libc", "example.com/libc")
		add(sqlite, sqlite, "example.com/libc")
		add(root, root, "fmt", "github.com/google/uuid", "github.com/Masterminds/semver/v3")
		add(ours("internal/strict"), root, root)
		add(ours("internal/pgtest"), root, pgx, testify+"/require")
		add(ours("memstore"), root, root, "github.com/tidwall/btree")
		add(ours("httpapi"), root, root, ours("internal/strict"))
		add(ours("sqlstore"), root, root)
		add(ours("sqlstore/sqlite"), root, ours("sqlstore"), sqlite)
		add(ours("sqlstore/postgres"), root, ours("sqlstore"), pgx)
		add(ours("gate"), root, root)
		add(ours("gate/npm"), root, ours("gate"))
		add(ours("examples/server"), root, ours("httpapi"), ours("sqlstore/sqlite"))
		for from, to := range more {
			for _, p := range to {
				if strings.HasPrefix(p, "./") {
					p = ours(p[2:])
				}
				add(ours(from), root, p)
			}
		}
		return g
	}
	required := []string{testify, pgx, sqlite, "github.com/google/uuid"}

	for name, c := range map[string]struct {
		add  imports
		want []string
	}{
		"a sound graph":                 {},
		"an example is free":            {add: imports{"examples/server": {pgx, testify + "/require", "./gate/npm"}}},
		"internal, for tests, is free":  {add: imports{"internal/pgtest": {sqlite, "./memstore"}}},
		"the root imports its own":      {imports{".": {"./internal/strict"}}, []string{". must not import internal/strict"}},
		"one adapter imports another":   {imports{"httpapi": {"./memstore"}}, []string{"httpapi must not import memstore"}},
		"a parent imports its child":    {imports{"gate": {"./gate/npm"}}, []string{"gate must not import gate/npm"}},
		"a sibling":                     {imports{"gate/npm": {"./gate/cargo"}, "gate/cargo": {"./gate"}}, []string{"gate/npm must not import gate/cargo"}},
		"a similar name":                {imports{"gateway": {"./gate"}}, []string{"gateway must not import gate"}},
		"a module in the wrong package": {imports{"httpapi": {"github.com/tidwall/btree"}}, []string{"httpapi must not import github.com/tidwall/btree"}},
		"internal imports an adapter": {imports{"internal/strict": {"./memstore"}}, []string{
			"internal/strict must not import memstore"}},
		"a driver in the common part": {imports{"sqlstore": {sqlite}}, []string{
			"sqlstore links the driver modernc.org/sqlite",
			"sqlstore must not import modernc.org/sqlite",
			"sqlstore/postgres links the driver modernc.org/sqlite",
		}},
		"a test module": {imports{"memstore": {testify + "/require"}}, []string{
			"memstore links github.com/stretchr/testify, which is for tests",
			"memstore must not import github.com/stretchr/testify/require",
		}},
		"a test module behind something internal": {imports{"memstore": {"./internal/fake"}, "internal/fake": {testify + "/require"}}, []string{
			"internal/fake links github.com/stretchr/testify, which is for tests",
			"internal/fake must not import github.com/stretchr/testify/require",
			"memstore links github.com/stretchr/testify, which is for tests",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, build(c.add).violations(required))
		})
	}

	t.Run("the root links more", func(t *testing.T) {
		t.Parallel()
		g := build(nil)
		p := g["github.com/google/uuid"]
		p.Imports = []string{"example.com/libc"}
		g["github.com/google/uuid"] = p
		assert.Equal(t, []string{"the root links example.com/libc"}, g.violations(required))
	})
}
