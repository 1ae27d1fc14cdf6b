package layout

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

const root = "github.com/privatepkgs/license"

// importers says which packages, by folder, may import a module of somebody else's.
// A module that is required and not named here is for tests alone.
var importers = map[string][]string{
	"github.com/Masterminds/semver/v3":   {everywhere},
	"github.com/google/uuid":             {everywhere},
	"github.com/go-json-experiment/json": {"internal/licensejson", "internal/rawjson"},
	"github.com/maypok86/otter/v2":       {"cachestore"},
	"github.com/tidwall/btree":           {"memstore"},
	"golang.org/x/mod":                   {"gate/goproxy"},

	"modernc.org/sqlite":      {"sqlstore/sqlite"},
	"github.com/jackc/pgx/v5": {"sqlstore/postgres"},
}

const everywhere = "*" // the root links it, so it costs nobody more

// drivers register themselves when they are linked, and a service may have its own.
var drivers = []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5"}

// linkedByRoot is all of others' that importing the root package costs.
var linkedByRoot = []string{"github.com/Masterminds/semver/v3", "github.com/google/uuid"}

// A pkg is a package as go list describes it, tests left aside.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Standard   bool
	GoFiles    []string
	Imports    []string
	Module     *struct{ Path string }
}

// A graph has every package of the module, and every package that they link.
type graph map[string]pkg

// violations checks the rules of the layout and returns a sentence for each breach.
// required are the modules that go.mod asks for directly.
func (g graph) violations(required []string) []string {
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	shipped := g.shipped()
	for _, from := range shipped {
		for _, to := range g[from].Imports {
			switch {
			case g.ours(to):
				if !mayImport(folder(from), folder(to)) {
					report("%s must not import %s", folder(from), folder(to))
				}
			case !g[to].Standard && !slices.Contains(importers[g.module(to)], folder(from)) &&
				!slices.Contains(importers[g.module(to)], everywhere):
				report("%s must not import %s", folder(from), to)
			}
		}
		for _, module := range g.links(from) {
			_, production := importers[module]
			switch {
			case slices.Contains(drivers, module) && !slices.Contains(importers[module], folder(from)):
				report("%s links the driver %s", folder(from), module)
			case slices.Contains(required, module) && !production:
				report("%s links %s, which is for tests", folder(from), module)
			case from == root && !slices.Contains(linkedByRoot, module):
				report("the root links %s", module)
			}
		}
	}
	slices.Sort(found)
	return found
}

// mayImport is the direction between folders of the project: everything may import the
// root and what is internal, an adapter its parents, and the root nothing.
func mayImport(from, to string) bool {
	if from == "." {
		return false
	}
	return to == "." || internal(to) || strings.HasPrefix(from, to+"/")
}

// shipped returns the packages that an importer can get: all but the examples, and but the
// internal ones that only tests and examples reach.
func (g graph) shipped() []string {
	reached := make(map[string]bool)
	for p := range g {
		if g.ours(p) && !internal(folder(p)) && !strings.HasPrefix(folder(p), "examples/") {
			g.walk(p, reached)
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(reached)), func(p string) bool { return !g.ours(p) })
}

// links returns the modules of others that importing a package links.
func (g graph) links(from string) []string {
	reached := make(map[string]bool)
	g.walk(from, reached)
	modules := make(map[string]bool)
	for p := range reached {
		if !g.ours(p) {
			modules[g.module(p)] = true
		}
	}
	return slices.Sorted(maps.Keys(modules))
}

// walk marks a package and all that it imports, the standard library left aside.
func (g graph) walk(p string, reached map[string]bool) {
	if reached[p] || g[p].Standard {
		return
	}
	reached[p] = true
	for _, to := range g[p].Imports {
		g.walk(to, reached)
	}
}

func (g graph) ours(p string) bool { return g.module(p) == root }

func (g graph) module(p string) string {
	if m := g[p].Module; m != nil {
		return m.Path
	}
	return ""
}

func internal(folder string) bool {
	return slices.Contains(strings.Split(folder, "/"), "internal")
}

// folder is where a package of ours lies, "." for the root.
func folder(importPath string) string {
	return path.Clean(strings.TrimPrefix(strings.TrimPrefix(importPath, root), "/"))
}
