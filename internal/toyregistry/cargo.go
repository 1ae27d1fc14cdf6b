package toyregistry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Cargo returns a sparse registry for cargo with one package, whose name has three letters and
// is in lower case, for instance "toy". The index says when a release was
// published, as the newest registries do, unless its time is zero.
func Cargo(name string, releases []Release) (http.Handler, error) {
	const downloads = "/api/v1/crates"
	mux := http.NewServeMux()
	var index bytes.Buffer
	for _, r := range releases {
		file, err := crate(name, r.Version)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(file)
		version := map[string]any{
			"name": name, "vers": r.Version, "deps": []any{}, "cksum": hex.EncodeToString(sum[:]),
			"features": map[string]any{}, "yanked": false, "links": nil,
		}
		if !r.ReleasedAt.IsZero() {
			version["pubtime"] = r.ReleasedAt.Format(time.RFC3339)
		}
		line, err := json.Marshal(version)
		if err != nil {
			return nil, err
		}
		index.Write(append(line, '\n'))
		mux.HandleFunc("GET "+downloads+"/"+name+"/"+r.Version+"/download", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(file)
		})
	}
	mux.HandleFunc("GET /config.json", answerJSON(map[string]string{"dl": Origin + downloads, "api": Origin}, "application/json"))
	mux.HandleFunc(fmt.Sprintf("GET /3/%s/%s", name[:1], name), answerText(index.String()))
	return mux, nil
}

// crate returns a .crate file.
func crate(name, version string) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	manifest := fmt.Sprintf("[package]\nname = %q\nversion = %q\nedition = \"2021\"\n", name, version)
	source := fmt.Sprintf("//! There to be installed.\n\n/// The version of the package.\npub const VERSION: &str = %q;\n", version)
	for _, f := range []struct{ name, text string }{{"Cargo.toml", manifest}, {"src/lib.rs", source}} {
		header := &tar.Header{Name: name + "-" + version + "/" + f.name, Mode: 0o644, Size: int64(len(f.text))}
		if err := t.WriteHeader(header); err != nil {
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
