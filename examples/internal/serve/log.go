package serve

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// LogRequests writes a line for each request once it is answered, with its status and duration. Headers, the
// query and the body are not logged, as they may hold tokens and keys. Several goroutines write at
// once, as to a file they may.
//
// The lines look like those of [log/slog.TextHandler], which would take a tenth of the time of a small request.
func LogRequests(log io.Writer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		method, path := r.Method, loggedPath(r.URL.Path)
		recorder := &statusRecorder{ResponseWriter: w}
		defer func() { // also when next panics; the status is then 0 if nothing was sent
			took := time.Since(start)
			line := append(make([]byte, 0, 256), "time="...)
			line = appendTime(line, start.Add(took))
			line = append(line, " level=INFO msg=request method="...)
			line = appendText(line, method)
			line = append(line, " path="...)
			line = appendText(line, path)
			line = append(line, " status="...)
			line = strconv.AppendInt(line, int64(recorder.status), 10)
			line = append(line, " duration="...)
			line = append(line, took.String()...)
			_, _ = log.Write(append(line, '\n'))
		}()
		next.ServeHTTP(recorder, r)
		if recorder.status == 0 {
			recorder.status = http.StatusOK // as net/http answers for a silent handler
		}
	})
}

// appendTime appends t to the millisecond, as of the layouts with a fraction [time.RFC3339Nano] is
// the one that package time writes quickly: five times as fast as the others.
func appendTime(line []byte, t time.Time) []byte {
	millis := len(line) + len("2006-01-02T15:04:05.000")
	line = t.Truncate(time.Millisecond).Add(time.Nanosecond).AppendFormat(line, time.RFC3339Nano) // with all nine digits
	return append(line[:millis], line[millis+len("000001"):]...)
}

// appendText appends s, in quotes unless it is such a word as methods and paths are.
func appendText(line []byte, s string) []byte {
	isWord := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '/' || r == '-' || r == '.' || r == '*'
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) }) {
		return strconv.AppendQuote(line, s)
	}
	return append(line, s...)
}

// loggedPath returns path with a * for each part that is neither a word of the API nor an
// id: it may be a key that somebody took for an id, or a token.
func loggedPath(path string) string {
	hidden := false
	for part := range strings.SplitSeq(path, "/") {
		hidden = hidden || hides(part)
	}
	if !hidden { // as nearly always
		return path
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if hides(part) {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

func hides(part string) bool {
	switch part {
	case "", "v1", "licenses", "lookup", "openapi.json", "healthz":
		return false
	default:
		return len(part) != 36 || uuid.Validate(part) != nil
	}
}

// statusRecorder remembers the status of a response, 0 until there is one.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader does not count an informational status: the real one follows.
func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap gives [http.ResponseController] what it needs.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
