package cachestore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

func TestBatchIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	c := newCache(t, memstore.New(memstore.Options{}))
	requireUnknown(t, c, "A")
	requireUnknown(t, c, "B")
	_, err := c.CreateBatch(t.Context(), []*license.License{newLicense("A"), newLicense("B")})
	require.NoError(t, err)
	requireName(t, c, "A", "")
	requireName(t, c, "B", "")
}

// writesAndFails is a store whose batches happen, and are not known to have.
type writesAndFails struct{ *memstore.Store }

func (s writesAndFails) CreateBatch(ctx context.Context, batch []*license.License) ([]*license.License, error) {
	if _, err := s.Store.CreateBatch(ctx, batch); err != nil {
		return nil, err
	}
	return nil, license.ErrUnknownOutcome
}

func TestBatchThatFailedIsForgottenAllTheSame(t *testing.T) {
	t.Parallel()
	c := newCache(t, writesAndFails{memstore.New(memstore.Options{})})
	requireUnknown(t, c, "A")
	_, err := c.CreateBatch(t.Context(), []*license.License{newLicense("A")})
	require.ErrorIs(t, err, license.ErrUnknownOutcome)
	requireName(t, c, "A", "")
}

func TestBatchIsUnsupportedWhereTheStoreUnderneathTakesNone(t *testing.T) {
	t.Parallel()
	c := newCache(t, newProbe())
	for _, batch := range [][]*license.License{nil, {newLicense("A")}} {
		taken, err := c.CreateBatch(t.Context(), batch)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.Nil(t, taken)
	}
	requireUnknown(t, c, "A")
}
