package httpapi

import (
	"net/http"
	"time"
)

// NewServer returns a server for h with limits that a server on an open network needs and
// [http.Server] does not have by itself. Its fields may be changed before it is started.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:    addr,
		Handler: h,

		// Whoever sends a header byte by byte holds a connection no longer than this.
		ReadHeaderTimeout: 5 * time.Second,

		// Header and body: a little more than the handler grants the body, so that it is the
		// handler that answers.
		ReadTimeout: bodyTimeout + 5*time.Second,

		// From the end of the header: body, store, and an answer taken as slowly as it was sent.
		WriteTimeout: bodyTimeout + DefaultStoreTimeout + 10*time.Second,

		// Longer than most clients and proxies keep an idle connection, so that they close first.
		IdleTimeout: 2 * time.Minute,

		// Many times what this API needs; the default is 1 MiB, held for each connection.
		MaxHeaderBytes: 16 << 10,
	}
}
