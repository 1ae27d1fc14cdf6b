package toyregistry

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Composer returns a repository for Composer 2 with one package, for instance "acme/toy". Its metadata is
// minified, newest version first, and its archives are where Satis has them, on paths that say the
// commit and not the version. There is a branch besides the releases, dev-main.
func Composer(name string, releases []Release) (http.Handler, error) {
	mux := http.NewServeMux()
	entry := func(version string, r Release, last bool) (map[string]any, error) {
		file, err := composerZip(name, version)
		if err != nil {
			return nil, err
		}
		sum := sha1.Sum(file)
		shasum := hex.EncodeToString(sum[:])
		commit := sha1.Sum([]byte(name + version))
		reference := hex.EncodeToString(commit[:])
		path := fmt.Sprintf("/archives/%s/%s-%s-zip-%s.zip", name, strings.ReplaceAll(name, "/", "-"), reference, shasum[:6])
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/zip")
			w.Write(file)
		})
		e := map[string]any{
			"name": name, "description": "There to be installed.", "type": "library", "version": version,
			"dist":             map[string]string{"type": "zip", "url": Origin + path, "reference": reference, "shasum": shasum},
			"source":           map[string]string{"type": "git", "url": Origin + "/" + name + ".git", "reference": reference},
			"autoload":         map[string]any{"files": []string{"toy.php"}},
			"notification-url": Origin + "/downloads",
		}
		if !r.ReleasedAt.IsZero() {
			e["time"] = r.ReleasedAt.Format(time.RFC3339)
		}
		if last {
			e["extra"] = map[string]string{"note": "the newest"}
		}
		return e, nil
	}
	var all []map[string]any
	for i, r := range releases {
		e, err := entry(r.Version, r, i == len(releases)-1)
		if err != nil {
			return nil, err
		}
		all = append([]map[string]any{e}, all...)
	}
	branch, err := entry("dev-main", Release{}, false)
	if err != nil {
		return nil, err
	}
	for path, entries := range map[string][]map[string]any{name: all, name + "~dev": {branch}} {
		minified, err := minify(entries)
		if err != nil {
			return nil, err
		}
		mux.HandleFunc("GET /p2/"+path+".json", answerJSON(map[string]any{
			"minified": "composer/2.0", "packages": map[string]any{name: minified},
		}, "application/json"))
	}
	mux.HandleFunc("GET /packages.json", answerJSON(map[string]any{
		"packages": []any{}, "metadata-url": "/p2/%package%.json", "available-packages": []string{name},
		"notify-batch": Origin + "/downloads", "search": Origin + "/search.json?q=%query%",
		"includes": map[string]any{"include/all$0.json": map[string]string{"sha1": "0"}},
	}, "application/json"))
	return mux, nil
}

// minify leaves in each entry what is different in the one before.
func minify(entries []map[string]any) ([]map[string]any, error) {
	known := map[string]string{}
	var minified []map[string]any
	for _, e := range entries {
		changes := map[string]any{}
		for name, value := range e {
			text, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			if known[name] != string(text) {
				known[name], changes[name] = string(text), value
			}
		}
		for name := range known {
			if _, ok := e[name]; !ok {
				delete(known, name)
				changes[name] = "__unset"
			}
		}
		minified = append(minified, changes)
	}
	return minified, nil
}

func composerZip(name, version string) ([]byte, error) {
	manifest, err := json.Marshal(map[string]any{"name": name, "autoload": map[string]any{"files": []string{"toy.php"}}})
	if err != nil {
		return nil, err
	}
	var source bytes.Buffer
	fmt.Fprintf(&source, "<?php\n// There to be installed.\nconst TOY_VERSION = '%s';\n", version)
	return zipped([]archived{{"composer.json", manifest}, {"toy.php", source.Bytes()}})
}
