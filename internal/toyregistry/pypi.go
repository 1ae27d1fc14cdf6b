package toyregistry

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"
)

// PyPI returns a Python index with one package, a wheel and an sdist of each release. It
// speaks HTML (PEP 503) and, to those who accept it, JSON (PEP 691).
func PyPI(name string, releases []Release) (http.Handler, error) {
	module := strings.ReplaceAll(name, "-", "_")
	var versions []string
	var files []map[string]any
	var page strings.Builder
	page.WriteString("<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\"><title>Links</title></head><body>\n")
	mux := http.NewServeMux()
	serve := func(path string, content []byte) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		})
	}
	for _, r := range releases {
		version := strings.Replace(r.Version, "-beta.", "b", 1)
		versions = append(versions, version)
		metadata := fmt.Appendf(nil, "Metadata-Version: 2.1\nName: %s\nVersion: %s\nRequires-Python: >=3.7\n", name, version)
		wheel, err := wheel(module, version, metadata)
		if err != nil {
			return nil, err
		}
		sdist, err := sdist(module, version, metadata)
		if err != nil {
			return nil, err
		}
		for _, f := range []struct {
			name    string
			content []byte
		}{
			{module + "-" + version + "-py3-none-any.whl", wheel},
			{module + "-" + version + ".tar.gz", sdist},
		} {
			sum := sha256.Sum256(f.content)
			digest := hex.EncodeToString(sum[:])
			path := "/packages/" + digest[:2] + "/" + digest[2:] + "/" + f.name
			serve(path, f.content)
			file := map[string]any{
				"filename": f.name, "url": Origin + path, "hashes": map[string]string{"sha256": digest},
				"requires-python": ">=3.7", "size": len(f.content), "upload-time": r.ReleasedAt.Format(time.RFC3339Nano), "yanked": false,
			}
			attributes := ""
			if strings.HasSuffix(f.name, ".whl") {
				serve(path+".metadata", metadata)
				sum := sha256.Sum256(metadata)
				file["core-metadata"] = map[string]string{"sha256": hex.EncodeToString(sum[:])}
				attributes = ` data-core-metadata="sha256=` + hex.EncodeToString(sum[:]) + `"`
			}
			files = append(files, file)
			fmt.Fprintf(&page, "<a href=\"%s%s#sha256=%s\" data-requires-python=\"%s\"%s>%s</a><br>\n",
				Origin, path, digest, html.EscapeString(">=3.7"), attributes, f.name)
		}
	}
	page.WriteString("</body></html>\n")
	const jsonType = "application/vnd.pypi.simple.v1+json"
	doc := answerJSON(map[string]any{
		"meta": map[string]string{"api-version": "1.1"}, "name": name, "versions": versions, "files": files,
	}, jsonType)
	mux.HandleFunc("GET /simple/"+name+"/{$}", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), jsonType) {
			doc(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("ETag", `"the-same-for-everyone"`)
		w.Write([]byte(page.String()))
	})
	return mux, nil
}

// wheel builds a wheel (PEP 427) with one module of one line.
func wheel(module, version string, metadata []byte) ([]byte, error) {
	info := module + "-" + version + ".dist-info/"
	files := []archived{
		{module + ".py", fmt.Appendf(nil, "version = %q\n", version)},
		{info + "METADATA", metadata},
		{info + "WHEEL", []byte("Wheel-Version: 1.0\nGenerator: toyregistry\nRoot-Is-Purelib: true\nTag: py3-none-any\n")},
	}
	var record bytes.Buffer
	for _, f := range files {
		sum := sha256.Sum256(f.content)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.content))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	return zipped(append(files, archived{info + "RECORD", record.Bytes()}))
}

// sdist builds a source distribution (PEP 625).
func sdist(module, version string, metadata []byte) ([]byte, error) {
	root := module + "-" + version + "/"
	setup := fmt.Sprintf("from setuptools import setup\nsetup(name=%q, version=%q, py_modules=[%q])\n", module, version, module)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range []archived{
		{root + "PKG-INFO", metadata},
		{root + "setup.py", []byte(setup)},
		{root + module + ".py", fmt.Appendf(nil, "version = %q\n", version)},
	} {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.content); err != nil {
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

// archived is a file in an archive.
type archived struct {
	name    string
	content []byte
}

func zipped(files []archived) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
