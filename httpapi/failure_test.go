package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/internal/storemock"
)

// log collects what is logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func serveMock(t *testing.T) (*service, *storemock.Store, *log) {
	t.Helper()
	store, logged := storemock.NewStore(gomock.NewController(t)), new(log)
	h, err := httpapi.New(store, httpapi.Options{
		Tokens: []string{token}, Logger: slog.New(slog.NewTextHandler(logged, nil)),
	})
	require.NoError(t, err)
	return serveHandler(t, h, store, newClock()), store, logged
}

// operations are requests that reach the store, and how its method is made to fail.
var operations = map[string]struct {
	q     request
	write bool
	fail  func(s *storemock.Store, err error)
}{
	"list": {request{method: "GET", path: "/v1/licenses"}, false, func(s *storemock.Store, err error) {
		s.EXPECT().List(gomock.Any(), license.Query{}).Return(nil, err)
	}},
	"get": {request{method: "GET", path: unknownPath}, false, func(s *storemock.Store, err error) {
		s.EXPECT().Get(gomock.Any(), gomock.Any()).Return(nil, err)
	}},
	"lookup": {request{method: "POST", path: "/v1/licenses/lookup", body: `{"key":"K"}`}, false, func(s *storemock.Store, err error) {
		s.EXPECT().GetByKey(gomock.Any(), "K").Return(nil, err)
	}},
	"create": {request{method: "POST", path: "/v1/licenses", body: newBody("K")}, true, func(s *storemock.Store, err error) {
		s.EXPECT().Create(gomock.Any(), gomock.Any()).Return(err)
	}},
	"create once": {once("order-1", newBody("K")), true, func(s *storemock.Store, err error) {
		s.EXPECT().Create(gomock.Any(), gomock.Any()).Return(err)
	}},
	"replace": {request{method: "PUT", path: unknownPath, body: putBody("K")}, true, func(s *storemock.Store, err error) {
		s.EXPECT().Update(gomock.Any(), gomock.Any()).Return(err)
	}},
	"replace if": {request{method: "PUT", path: unknownPath, body: putBody("K"), header: http.Header{"If-Match": {`"1-1"`}}}, true,
		func(s *storemock.Store, err error) { s.EXPECT().Get(gomock.Any(), gomock.Any()).Return(nil, err) }},
	"delete": {request{method: "DELETE", path: unknownPath}, true, func(s *storemock.Store, err error) {
		s.EXPECT().Delete(gomock.Any(), gomock.Any(), int64(0)).Return(err)
	}},
}

func TestStoreUnavailableIs503WithRetryAfterAndTheCauseIsLogged(t *testing.T) {
	t.Parallel()
	for name, op := range operations {
		for _, cause := range []error{
			fmt.Errorf("the-cause: %w", license.ErrUnavailable),
			fmt.Errorf("the-cause: %w", context.DeadlineExceeded),
		} {
			s, store, logged := serveMock(t)
			op.fail(store, cause)
			a := s.do(t, op.q)
			assert.Equal(t, 503, a.status, name)
			assert.Equal(t, "unavailable", a.problem.Code)
			assert.Equal(t, "1", a.header.Get("Retry-After"))
			assert.NotContains(t, a.body, "the-cause")
			assert.Contains(t, logged.String(), "the-cause")
			assert.NotContains(t, logged.String(), token)
		}
	}
}

func TestUnknownOutcomeIs503WithRetryAfter(t *testing.T) {
	t.Parallel()
	for name, op := range operations {
		if !op.write {
			continue
		}
		s, store, logged := serveMock(t)
		op.fail(store, fmt.Errorf("the-cause: %w", errors.Join(context.DeadlineExceeded, license.ErrUnknownOutcome)))
		a := s.do(t, op.q)
		assert.Equal(t, 503, a.status, name)
		assert.Equal(t, "outcome_unknown", a.problem.Code)
		assert.Equal(t, "1", a.header.Get("Retry-After"))
		assert.NotContains(t, a.body, "the-cause")
		assert.Contains(t, logged.String(), "the-cause")
	}
}

func TestAnythingElseWrongInsideIs500WithoutDetail(t *testing.T) {
	t.Parallel()
	for name, op := range operations {
		s, store, logged := serveMock(t)
		op.fail(store, errors.New("the-cause"))
		a := s.do(t, op.q)
		assert.Equal(t, 500, a.status, name)
		assert.Equal(t, "internal", a.problem.Code)
		assert.Empty(t, a.header.Get("Retry-After"))
		assert.NotContains(t, a.body, "the-cause")
		assert.Contains(t, logged.String(), "the-cause")
		assert.Empty(t, a.header.Get("Location")+a.header.Get("ETag"))
	}
}

func TestAPanicInTheStoreIs500AndIsLogged(t *testing.T) {
	t.Parallel()
	s, store, logged := serveMock(t)
	store.EXPECT().Get(gomock.Any(), gomock.Any()).Do(func(context.Context, uuid.UUID) { panic("the-cause") })
	a := s.get(t, unknownPath)
	assert.Equal(t, 500, a.status)
	assert.NotContains(t, a.body, "the-cause")
	assert.Contains(t, logged.String(), "the-cause")
	assert.Contains(t, logged.String(), "licenses.go", "where it happened")
}

func TestWhatTheStoreRefusesIsTheClientsToKnow(t *testing.T) {
	t.Parallel()
	for want, cause := range map[string]error{
		"id_exists":         license.ErrIDExists,
		"key_exists":        license.ErrKeyExists,
		"revision_mismatch": license.ErrRevisionMismatch,
		"not_found":         license.ErrNotFound,
		"invalid_license": &license.ValidationError{Problems: []license.Problem{
			{Pointer: "/key", Code: license.CodeInvalidValue, Detail: "no"},
		}},
	} {
		s, store, logged := serveMock(t)
		q := request{method: "PUT", path: unknownPath, body: putBody("K")}
		if cause == license.ErrIDExists {
			q = request{method: "POST", path: "/v1/licenses", body: newBody("K")}
			store.EXPECT().Create(gomock.Any(), gomock.Any()).Return(cause)
		} else {
			store.EXPECT().Update(gomock.Any(), gomock.Any()).Return(fmt.Errorf("wrapped: %w", cause))
		}
		assert.Equal(t, want, s.do(t, q).problem.Code)
		assert.Empty(t, logged.String())
	}
}

// A license that is deleted between the two steps of a retry is made again, but not for ever.
func TestARetriedPostSurvivesADeletionInBetween(t *testing.T) {
	t.Parallel()
	s, store, _ := serveMock(t)
	gomock.InOrder(
		store.EXPECT().Create(gomock.Any(), gomock.Any()).Return(license.ErrIDExists),
		store.EXPECT().Get(gomock.Any(), gomock.Any()).Return(nil, license.ErrNotFound),
		store.EXPECT().Create(gomock.Any(), gomock.Any()).DoAndReturn(func(_ context.Context, l *license.License) error {
			return l.PrepareCreate(time.UnixMilli(start))
		}),
	)
	assert.Equal(t, 201, s.do(t, once("order-1", newBody("K"))).status)

	store.EXPECT().Create(gomock.Any(), gomock.Any()).Return(license.ErrIDExists).Times(3)
	store.EXPECT().Get(gomock.Any(), gomock.Any()).Return(nil, license.ErrNotFound).Times(3)
	assert.Equal(t, "unavailable", s.do(t, once("order-1", newBody("K"))).problem.Code)
}

// The revision that was compared is the one that is replaced, whatever happens in between.
func TestIfMatchReplacesTheRevisionThatWasCompared(t *testing.T) {
	t.Parallel()
	s, store, _ := serveMock(t)
	at := time.UnixMilli(5)
	store.EXPECT().Get(gomock.Any(), gomock.Any()).Return(&license.License{Revision: 7, UpdatedAt: at}, nil).Times(2)
	store.EXPECT().Update(gomock.Any(), gomock.Cond(func(l *license.License) bool { return l.Revision == 7 })).Return(license.ErrRevisionMismatch)
	store.EXPECT().Delete(gomock.Any(), gomock.Any(), int64(7)).Return(license.ErrRevisionMismatch)
	header := http.Header{"If-Match": {`"7-5"`}}
	assert.Equal(t, 412, s.put(t, unknownPath, putBody("K"), header).status)
	assert.Equal(t, 412, s.do(t, request{method: "DELETE", path: unknownPath, header: header}).status)
}

func TestASlowStoreIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := storemock.NewStore(gomock.NewController(t))
		store.EXPECT().Get(gomock.Any(), gomock.Any()).DoAndReturn(func(ctx context.Context, _ uuid.UUID) (*license.License, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}).AnyTimes()
		for o, want := range map[time.Duration]time.Duration{0: httpapi.DefaultStoreTimeout, time.Second: time.Second} {
			h, err := httpapi.New(store, httpapi.Options{
				AuthenticatedElsewhere: true, StoreTimeout: o, Logger: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)
			r, err := http.NewRequestWithContext(t.Context(), "GET", unknownPath, nil)
			require.NoError(t, err)
			w, began := newRecorder(), time.Now()
			h.ServeHTTP(w, r)
			assert.Equal(t, 503, w.status)
			assert.Equal(t, want, time.Since(began))
		}
	})
}

// Nothing is anybody's fault when the client goes away.
func TestAClientThatGoesAwayIsNoError(t *testing.T) {
	t.Parallel()
	store, logged := storemock.NewStore(gomock.NewController(t)), new(log)
	store.EXPECT().Get(gomock.Any(), gomock.Any()).DoAndReturn(func(ctx context.Context, _ uuid.UUID) (*license.License, error) {
		return nil, ctx.Err()
	})
	h, err := httpapi.New(store, httpapi.Options{AuthenticatedElsewhere: true, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", unknownPath, nil)
	require.NoError(t, err)
	h.ServeHTTP(newRecorder(), r)
	assert.Contains(t, logged.String(), "level=INFO")
	assert.NotContains(t, logged.String(), "level=ERROR")
}

func TestAnAbortedHandlerStaysAborted(t *testing.T) {
	t.Parallel()
	h, err := httpapi.New(storemock.NewStore(gomock.NewController(t)), httpapi.Options{
		Authenticate: func(*http.Request) (string, error) { panic(http.ErrAbortHandler) },
	})
	require.NoError(t, err)
	r, err := http.NewRequest("GET", "/v1/licenses", nil)
	require.NoError(t, err)
	assert.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { h.ServeHTTP(newRecorder(), r) })
}
