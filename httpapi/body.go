package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	maxBody     = 1 << 20          // bytes
	bodyTimeout = 10 * time.Second // 1 MiB at the speed of a bad telephone line
)

// readBody reads the JSON body of a request, bounded in size and time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	tooLarge := newProblem(http.StatusRequestEntityTooLarge, codeBodyTooLarge, "The body must not have more than %d bytes.", maxBody)
	announced := r.ContentLength > maxBody
	if announced && r.Header.Get("Expect") != "" {
		return nil, tooLarge // to read would tell a client that asks first, as curl does, to go on
	}
	// Not every ResponseWriter can set a deadline; the server's own then hold alone. net/http
	// lifts it at the end of the body.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || announced {
		return nil, tooLarge
	}
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, codeBadRequest,
			"The body could not be read to its end: it must have the length that was announced, and arrive within %s.", bodyTimeout)
	}
	return body, nil
}

// checkContentType lets application/json pass, plain and in UTF-8.
func checkContentType(r *http.Request) error {
	types := r.Header["Content-Type"]
	if len(types) == 0 && r.ContentLength == 0 {
		return nil // no body, which is for the decoder to refuse
	}
	unsupported := newProblem(http.StatusUnsupportedMediaType, codeUnsupportedMediaType,
		"The body must be JSON in UTF-8, not compressed, and be sent with Content-Type: application/json.")
	if len(types) != 1 || len(r.Header["Content-Encoding"]) > 0 {
		return unsupported
	}
	mediaType, params, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != "application/json" {
		return unsupported
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return unsupported
	}
	return nil
}
