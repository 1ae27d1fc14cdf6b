package main

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/privatepkgs/license/gate"
	"github.com/privatepkgs/license/gate/cargo"
	"github.com/privatepkgs/license/gate/composer"
	"github.com/privatepkgs/license/gate/goproxy"
	"github.com/privatepkgs/license/gate/npm"
	"github.com/privatepkgs/license/gate/pypi"
	"github.com/privatepkgs/license/internal/toyregistry"
)

// ecosystem is one registry of the five.
type ecosystem struct {
	name    string // of its flag, and its path
	pkg     string // the toy package
	adapter gate.Adapter
	toy     func(name string, releases []toyregistry.Release) (http.Handler, error)

	// What a person does with it: lines for a POSIX shell in an empty directory, in which $KEY is a
	// key. {addr} and {tls} are where the program listens.
	client, lines string
}

func ecosystems() []ecosystem {
	return []ecosystem{
		{"npm", "@acme/toy", npm.Adapter{}, toyregistry.NPM, "npm", `
echo "registry=http://{addr}/npm/" > .npmrc
echo "//{addr}/npm/:_authToken=$KEY" >> .npmrc
echo "{}" > package.json
npm install @acme/toy
npm ls
`},
		{"go", "example.com/toy", goproxy.Adapter{}, toyregistry.Go, "go", `
export GOPROXY=https://user:$KEY@{tls}/go GONOSUMDB=example.com SSL_CERT_FILE={certificate}
go mod init example.com/demo
go get example.com/toy
go get example.com/toy/v2
`},
		{"pypi", "toy", pypi.Adapter{}, toyregistry.PyPI, "pip", `
python3 -m pip install --index-url http://user:$KEY@{addr}/pypi/simple/ --target site toy
`},
		{"composer", "acme/toy", composer.Adapter{}, toyregistry.Composer, "Composer", `
composer init --no-interaction --name acme/demo --repository http://{addr}/composer
composer config secure-http false
composer config http-basic.{addr} user $KEY
composer require acme/toy
`},
		{"cargo", "toy", cargo.Adapter{}, toyregistry.Cargo, "cargo", `
cargo init --name demo
mkdir -p .cargo
echo '[registries.acme]' > .cargo/config.toml
echo 'index = "sparse+http://{addr}/cargo/"' >> .cargo/config.toml
echo 'credential-provider = "cargo:token"' >> .cargo/config.toml
export CARGO_REGISTRIES_ACME_TOKEN=$KEY
cargo add toy --registry acme
cargo fetch
`},
	}
}

// registry returns what the gate stands in front of: a registry elsewhere, or the toy.
func (e ecosystem) registry(upstream *url.URL, logger *slog.Logger) (http.Handler, error) {
	if upstream == nil {
		return e.toy(e.pkg, toyregistry.Releases())
	}
	return forward(upstream, logger), nil
}

// forward hands requests on to a registry, with the user and password of its URL. The customer's key
// is not among them: the gate has removed it.
func forward(to *url.URL, logger *slog.Logger) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if to.User != nil {
				password, _ := to.User.Password()
				r.Out.SetBasicAuth(to.User.Username(), password)
			}
		},
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}
