package toyregistry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// NPM returns an npm registry with one package, for instance "toy" or "@acme/toy".
func NPM(name string, releases []Release) (http.Handler, error) {
	bare := name[strings.IndexByte(name, '/')+1:]
	full := map[string]any{}
	short := map[string]any{}
	times := map[string]string{}
	tags := map[string]string{}
	mux := http.NewServeMux()
	for _, r := range releases {
		manifest := map[string]any{"name": name, "version": r.Version, "license": "UNLICENSED", "main": "index.js"}
		file, err := tarball(manifest, fmt.Sprintf("module.exports = %q\n", r.Version))
		if err != nil {
			return nil, err
		}
		path := "/" + name + "/-/" + bare + "-" + r.Version + ".tgz"
		sum := sha512.Sum512(file)
		manifest["dist"] = map[string]string{
			"tarball":   Origin + path,
			"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		full[r.Version], short[r.Version] = manifest, manifest
		times[r.Version] = r.ReleasedAt.Format(time.RFC3339)
		tag := "latest"
		if strings.Contains(r.Version, "-") {
			tag = "next"
		}
		tags[tag] = r.Version
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(file)
		})
		mux.HandleFunc("GET /"+name+"/"+r.Version, answerJSON(manifest, "application/json"))
	}
	fullDoc := answerJSON(map[string]any{"name": name, "dist-tags": tags, "versions": full, "time": times}, "application/json")
	shortDoc := answerJSON(map[string]any{"name": name, "dist-tags": tags, "versions": short}, abbreviated)
	mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), abbreviated) {
			shortDoc(w, r)
			return
		}
		fullDoc(w, r)
	})
	for tag, version := range tags {
		mux.HandleFunc("GET /"+name+"/"+tag, answerJSON(full[version], "application/json"))
	}
	mux.HandleFunc("GET /-/package/"+name+"/dist-tags", answerJSON(tags, "application/json"))
	mux.HandleFunc("GET /-/ping", answerJSON(struct{}{}, "application/json"))
	mux.HandleFunc("POST /-/npm/v1/security/advisories/bulk", answerJSON(struct{}{}, "application/json"))
	mux.HandleFunc("POST /-/npm/v1/security/audits/quick", answerJSON(struct{}{}, "application/json"))
	// http.ServeMux does not see %2f as a slash.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.RawPath = ""
		mux.ServeHTTP(w, r)
	}), nil
}

const abbreviated = "application/vnd.npm.install-v1+json"

func answerJSON(value any, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(value)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("ETag", `"the-same-for-everyone"`)
		w.Header().Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write(body)
	}
}

func tarball(manifest map[string]any, index string) ([]byte, error) {
	packageJSON, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range []struct{ name, text string }{{"package/package.json", string(packageJSON)}, {"package/index.js", index}} {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text))}); err != nil {
			return nil, err
		}
		if _, err := t.Write([]byte(f.text)); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
