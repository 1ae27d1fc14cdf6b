package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/sqlstore"
)

// InTx is [sqlstore.Store.InTx] for a transaction of pgx, of a pool or connection of your own to the
// database of the store: what is done in it takes effect when you commit it.
//
// A call that fails leaves nothing behind, and the transaction can go on. But pgx closes a
// connection whose query is cut by its context, and the transaction with it, unless its
// configuration has a CancelRequestContextWatcherHandler.
func InTx(s *sqlstore.Store, tx pgx.Tx) license.Store { return s.InForeignTx(pgxTx{tx}) }

type pgxTx struct{ tx pgx.Tx }

func (t pgxTx) Query(ctx context.Context, query string, args []any, row func(sqlstore.Row) error) error {
	rows, err := t.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t pgxTx) Exec(ctx context.Context, query string, args []any) (int64, error) {
	tag, err := t.tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}
