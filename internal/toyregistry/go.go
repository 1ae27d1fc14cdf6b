package toyregistry

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Go returns a module proxy with one module, for instance "example.com/toy", whose versions
// from 2.0.0 on stand where Go has them: in modules of their own, "example.com/toy/v2" and
// so on. The path must be in lower case. The branch main is the newest version of each.
func Go(path string, releases []Release) (http.Handler, error) {
	mux := http.NewServeMux()
	lists := map[string][]string{}
	infos := map[string]http.HandlerFunc{} // of the last in each module
	for _, r := range releases {
		mod, version := path, "v"+r.Version
		if major, _, _ := strings.Cut(r.Version, "."); major != "0" && major != "1" {
			mod += "/v" + major
		}
		file, err := moduleZip(mod, version)
		if err != nil {
			return nil, err
		}
		at := "GET /" + mod + "/@v/" + version
		infos[mod] = answerJSON(map[string]string{"Version": version, "Time": r.ReleasedAt.Format(time.RFC3339)}, "application/json")
		lists[mod] = append(lists[mod], version)
		mux.HandleFunc(at+".info", infos[mod])
		mux.HandleFunc(at+".mod", answerText(goMod(mod)))
		mux.HandleFunc(at+".zip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/zip")
			w.Write(file)
		})
	}
	for mod, versions := range lists {
		mux.HandleFunc("GET /"+mod+"/@v/list", answerText(strings.Join(versions, "\n")+"\n"))
		mux.HandleFunc("GET /"+mod+"/@latest", infos[mod])
		mux.HandleFunc("GET /"+mod+"/@v/main.info", infos[mod])
	}
	return mux, nil
}

func goMod(mod string) string { return "module " + mod + "\n\ngo 1.21\n" }

func moduleZip(mod, version string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	source := fmt.Sprintf("// Package toy is there to be installed.\npackage toy\n\n// Version is that of the module.\nconst Version = %q\n", version)
	for _, f := range []struct{ name, text string }{{"go.mod", goMod(mod)}, {"toy.go", source}} {
		w, err := z.Create(mod + "@" + version + "/" + f.name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func answerText(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("ETag", `"the-same-for-everyone"`)
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write([]byte(text))
	}
}
