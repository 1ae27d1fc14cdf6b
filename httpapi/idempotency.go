package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

var errIdempotencyMismatch = errors.New("httpapi: idempotency key used with another body")

const maxIdempotencyKeyLen = 255

// idempotencyKey returns the Idempotency-Key of a request, or "": 1 to 255 visible ASCII
// characters, taken as they are, so that a pair of quotes is part of the key.
func idempotencyKey(h http.Header) (string, error) {
	values, ok := h["Idempotency-Key"]
	if !ok {
		return "", nil
	}
	if len(values) != 1 || values[0] == "" || len(values[0]) > maxIdempotencyKeyLen || !isVisibleASCII(values[0]) {
		return "", newProblem(http.StatusBadRequest, codeBadRequest,
			"Idempotency-Key must be given once, with 1 to %d visible ASCII characters and no space.", maxIdempotencyKeyLen)
	}
	return values[0], nil
}

// idempotentID makes the id of the license that a principal creates with a key, a UUID of
// version 8 (RFC 9562, section 5.8). It must never change: a client may repeat its request
// after an upgrade.
func idempotentID(principal, key string) uuid.UUID {
	text := []byte("github.com/privatepkgs/license idempotency key\n")
	text = binary.BigEndian.AppendUint64(text, uint64(len(principal)))
	text = append(text, principal...)
	text = append(text, key...)
	sum := sha256.Sum256(text)
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id
}

// createOnce creates the license under an id that says who asked for it, and so finds it when
// it was created before.
func (a *api) createOnce(ctx context.Context, asked *license.License, id uuid.UUID) (*license.License, error) {
	const attempts = 3
	for range attempts {
		l := asked.Clone()
		l.ID = id
		err := a.store.Create(ctx, l)
		if !errors.Is(err, license.ErrIDExists) {
			return l, err
		}
		found, err := a.store.Get(ctx, id)
		if errors.Is(err, license.ErrNotFound) {
			continue // deleted meanwhile, so that it may be made again
		}
		if err != nil {
			return nil, err
		}
		if found.Revision == 1 && !created(found, asked) {
			return nil, errIdempotencyMismatch
		}
		return found, nil
	}
	return nil, fmt.Errorf("httpapi: license %s comes and goes: %w", id, license.ErrUnavailable)
}

// created reports whether found is what creating asked makes.
func created(found, asked *license.License) bool {
	want := *asked
	want.ID, want.CreatedAt, want.UpdatedAt = found.ID, found.CreatedAt, found.UpdatedAt
	if want.Key == "" {
		want.Key = found.Key
	}
	return bytes.Equal(want.AppendJSON(nil), found.AppendJSON(nil))
}
