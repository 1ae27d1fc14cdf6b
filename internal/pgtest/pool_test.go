package pgtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPoolLendsEmptyDatabasesAndEachToOneTestAtATime(t *testing.T) {
	t.Parallel()
	pool := Pool{Empty: "DELETE FROM t"}
	var first, second string
	t.Run("two at once", func(t *testing.T) {
		first, second = pool.Lend(t), pool.Lend(t)
		assert.NotEqual(t, first, second)
		for _, url := range []string{first, second} {
			db := open(t, url)
			exec1(t, db, "CREATE TABLE t (n int)")
			exec1(t, db, "INSERT INTO t VALUES (1)")
		}
	})
	t.Run("again", func(t *testing.T) {
		url := pool.Lend(t)
		assert.Contains(t, []string{first, second}, url)
		assert.Equal(t, 0, query[int](t, open(t, url), "SELECT count(*) FROM t"))
	})
}
