package cachestore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/cachestore"
	"github.com/privatepkgs/license/memstore"
	"github.com/privatepkgs/license/storetest"
)

func TestStoreIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB, now func() time.Time) license.Store {
		c, err := cachestore.New(memstore.New(memstore.Options{Now: now}),
			cachestore.Options{MaxStaleness: time.Hour, Now: now})
		require.NoError(tb, err)
		return c
	})
}
