package sqlstore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
)

func newBatch(n int) []*license.License {
	batch := make([]*license.License, n)
	for i := range batch {
		batch[i] = newLicense(fmt.Sprintf("KEY-%03d", i))
	}
	return batch
}

// The database fails in the middle of a batch. Creating one by one is the control: it leaves
// those before.
func TestBatchThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	db := openDB(t, 1)
	s := newStore(t, db, sqlstore.Options{})
	_, err := db.ExecContext(t.Context(), `CREATE TRIGGER refuse BEFORE INSERT ON pkg_licenses WHEN NEW.key = 'KEY-050'
BEGIN SELECT RAISE(ABORT, 'out of luck'); END`)
	require.NoError(t, err)
	count := func() (n int) {
		for _, err := range license.All(t.Context(), s, license.Query{}) {
			require.NoError(t, err)
			n++
		}
		return n
	}

	taken, err := s.CreateBatch(t.Context(), newBatch(100))
	require.ErrorContains(t, err, "out of luck")
	require.NotErrorIs(t, err, license.ErrUnknownOutcome)
	require.Nil(t, taken)
	require.Zero(t, count())

	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	bound := s.InTx(tx)
	require.NoError(t, bound.Create(t.Context(), newLicense("ORDER")))
	_, err = bound.(license.BatchCreator).CreateBatch(t.Context(), newBatch(100))
	require.ErrorContains(t, err, "out of luck")
	require.NoError(t, tx.Commit())
	require.Equal(t, 1, count(), "the embedder's transaction goes on without the batch")

	for _, l := range newBatch(100) {
		if err := s.Create(t.Context(), l); err != nil {
			require.ErrorContains(t, err, "out of luck")
			break
		}
	}
	require.Equal(t, 1+50, count())
}

func TestBatchOfAClosedStoreFails(t *testing.T) {
	t.Parallel()
	s := newStore(t, openDB(t, 1), sqlstore.Options{})
	require.NoError(t, s.Close())
	_, err := s.CreateBatch(t.Context(), newBatch(1))
	require.ErrorIs(t, err, license.ErrUnavailable)
}
