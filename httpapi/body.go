package httpapi

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	maxBody     = 1 << 20          // bytes
	bodyTimeout = 10 * time.Second // 1 MiB at the speed of a bad telephone line
)

// readBody reads the JSON body of a request into a buffer, bounded in size and time.
func readBody(w http.ResponseWriter, r *http.Request, buffer *[]byte) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	announced := r.ContentLength > maxBody
	if announced && r.Header.Get("Expect") != "" {
		return nil, tooLarge() // to read would tell a client that asks first, as curl does, to go on
	}
	// Not every ResponseWriter can set a deadline; the server's own then hold alone. net/http
	// lifts it at the end of the body.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body := bytes.NewBuffer((*buffer)[:0])
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	*buffer = body.Bytes()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || announced {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, codeBadRequest,
			"The body could not be read to its end: it must have the length that was announced, and arrive within %s.", bodyTimeout)
	}
	return *buffer, nil
}

func tooLarge() *problem {
	return newProblem(http.StatusRequestEntityTooLarge, codeBodyTooLarge, "The body must not have more than %d bytes.", maxBody)
}

// checkContentType lets application/json pass, plain and in UTF-8.
func checkContentType(r *http.Request) error {
	types := r.Header["Content-Type"]
	if len(types) == 0 && r.ContentLength == 0 {
		return nil // no body, which is for the decoder to refuse
	}
	if len(types) == 1 && len(r.Header["Content-Encoding"]) == 0 && isJSON(types[0]) {
		return nil
	}
	return newProblem(http.StatusUnsupportedMediaType, codeUnsupportedMediaType,
		"The body must be JSON in UTF-8, not compressed, and be sent with Content-Type: application/json.")
}

func isJSON(contentType string) bool {
	const plain = "application/json"
	if contentType == plain { // as nearly all clients send it
		return true
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != plain {
		return false
	}
	charset, ok := params["charset"]
	return !ok || strings.EqualFold(charset, "utf-8")
}
