package main

import (
	"encoding/json"
	"fmt"
	"go/format"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license/examples/internal/process"
)

// block is what stands between two fences in README.md.
type block struct{ language, text string }

func readmeBlocks(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	require.NotEmpty(t, blocks)
	return blocks
}

// TestReadmeCommandsPrintWhatTheReadmeShows pastes every curl line of the README into one
// shell, and compares what it prints with the block after it.
func TestReadmeCommandsPrintWhatTheReadmeShows(t *testing.T) {
	t.Parallel()
	process.Needs(t, "curl", "install curl to run the commands of the README")
	process.Needs(t, "sh", "install a POSIX shell to run the commands of the README")
	p := start(t, t.TempDir(), nil)
	blocks := readmeBlocks(t)
	const placeholder, setToken = "paste-the-token-here", "TOKEN=paste-the-token-here\n"
	require.Contains(t, blocks, block{"sh", setToken})
	ran := 0
	for i, b := range blocks {
		if b.language != "sh" || !strings.HasPrefix(b.text, "curl ") {
			continue
		}
		script := strings.ReplaceAll(setToken, placeholder, p.token) + b.text
		script = strings.ReplaceAll(script, "http://127.0.0.1:8080", p.url)
		out := commandOutput(t, ".", "sh", "-c", script)
		require.Less(t, i+1, len(blocks))
		require.Equal(t, "json", blocks[i+1].language, "after %s", b.text)
		assert.Equal(t, settled(t, blocks[i+1].text), settled(t, out), b.text)
		ran++
	}
	assert.Equal(t, 3, ran)
}

// settled returns a JSON text in one form, without the ids, keys and times that differ from
// run to run.
func settled(t *testing.T, text string) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	again, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	for pattern, replacement := range map[string]string{
		`"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"`: `"<id>"`,
		`"[0-9A-Z]{5}(-[0-9A-Z]{5}){4}"`:                                  `"<key>"`,
		`\b1\d{12}\b`:                                                     `<time>`,
	} {
		again = regexp.MustCompile(pattern).ReplaceAll(again, []byte(replacement))
	}
	return string(again)
}

// TestReadmeGoCodeDoesWhatTheReadmeSays puts each Go block into a module that imports this
// one, as its readers do, then builds and runs the program and the test.
func TestReadmeGoCodeDoesWhatTheReadmeSays(t *testing.T) {
	t.Parallel()
	dir := importingModule(t)
	blocks := readmeBlocks(t)
	kinds := map[string]int{}
	for i, b := range blocks {
		if b.language != "go" {
			continue
		}
		kind, file := "vet", "readme.go"
		switch {
		case strings.HasPrefix(b.text, "package main\n"):
			kind = "run"
		case strings.Contains(b.text, "(t *testing.T)"):
			kind, file = "test", "readme_test.go"
		}
		kinds[kind]++
		pkg := fmt.Sprintf("block%d", i)
		source := filepath.Join(dir, pkg, file)
		require.NoError(t, os.Mkdir(filepath.Dir(source), 0o700))
		require.NoError(t, os.WriteFile(source, []byte(b.text), 0o600))
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			formatted, err := format.Source([]byte(b.text))
			require.NoError(t, err)
			assert.Equal(t, string(formatted), b.text, "it is formatted")
			commandOutput(t, dir, "go", "vet", "./"+pkg)
			switch kind {
			case "test":
				assert.Contains(t, commandOutput(t, dir, "go", "test", "-count=1", "-vet=off", "-v", "./"+pkg), "--- PASS: ")
			case "run":
				require.Equal(t, "text", blocks[i+1].language, "what it prints follows")
				assert.Equal(t, blocks[i+1].text, commandOutput(t, dir, "go", "run", "./"+pkg))
			}
		})
	}
	assert.Equal(t, map[string]int{"run": 1, "vet": 3, "test": 1}, kinds)
}

// importingModule makes a module that requires this one, and what this one requires.
func importingModule(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	const module = "github.com/privatepkgs/license"
	commandOutput(t, dir, "go", "mod", "edit", "-module=example.com/shop", "-require="+module+"@v0.0.0", "-replace="+module+"="+root)
	return dir
}

// commandOutput runs a command and returns what it printed.
func commandOutput(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %q:\n%s%s", name, args, out, &stderr)
	return string(out)
}

// TestReadmeTableNamesEveryRequest compares the table of the API with the OpenAPI document.
func TestReadmeTableNamesEveryRequest(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /v1/[^`]*)`").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	p := start(t, t.TempDir(), nil, "-db", "memory:")
	status, body, err := p.do(t.Context(), http.MethodGet, "/v1/openapi.json", "", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	var api struct{ Paths map[string]map[string]any }
	require.NoError(t, json.Unmarshal([]byte(body), &api))
	var served []string
	for path, operations := range api.Paths {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if operations[method] != nil {
				served = append(served, strings.ToUpper(method)+" "+path)
			}
		}
	}
	assert.ElementsMatch(t, served, listed)
}

// TestReadmeLinksLeadSomewhere follows the links to files and to headings.
func TestReadmeLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		headings["#"+strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, links)
	for _, m := range links {
		switch link := m[1]; {
		case strings.HasPrefix(link, "#"):
			assert.True(t, headings[link], link)
		case !strings.Contains(link, "://"):
			_, err := os.Stat(filepath.Join("../..", link))
			assert.NoError(t, err)
		}
	}
}
