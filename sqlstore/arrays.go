package sqlstore

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// insertArrays inserts a batch by the dialect's statement for many rows, in two round trips at
// most, and notes in taken what stands in the way of the others. It returns the places in the batch
// that are left: those whose id or key an earlier place has as well, so that their fate depends on
// its, and those in whose way nothing stands any more.
func (s *Store) insertArrays(ctx context.Context, tx transaction, batch, taken []*license.License) (left []int, err error) {
	var first, repeated []int
	ids, keys := make(map[uuid.UUID]bool, len(batch)), make(map[string]bool, len(batch))
	for i, l := range batch {
		if ids[l.ID] || keys[l.Key] {
			repeated = append(repeated, i)
		} else {
			first = append(first, i)
		}
		ids[l.ID], keys[l.Key] = true, true
	}
	if len(batch) == 0 {
		return nil, nil
	}
	args, err := arrayArgs(batch, first)
	if err != nil {
		return nil, err
	}
	created := make(map[uuid.UUID]bool, len(first))
	err = tx.Query(ctx, s.traits.insertBatch, args, func(row Row) error {
		var id uuid.UUID
		err := row.Scan(&id)
		created[id] = true
		return err
	})
	if err != nil || len(created) == len(first) {
		return repeated, err
	}

	byID, byKey, err := s.getArrays(ctx, tx, batch, first, created)
	if err != nil {
		return nil, err
	}
	left = repeated
	for _, i := range first {
		l := batch[i]
		if created[l.ID] {
			continue
		}
		if taken[i] = byID[l.ID]; taken[i] == nil {
			taken[i] = byKey[l.Key]
		}
		if taken[i] == nil {
			left = append(left, i)
		}
		taken[i] = taken[i].Clone() // it may stand in the way of two
	}
	slices.Sort(left)
	return left, nil
}

// getArrays reads the licenses that have the id or the key of one in the batch that was not created.
func (s *Store) getArrays(ctx context.Context, tx transaction, batch []*license.License, places []int, created map[uuid.UUID]bool) (
	byID map[uuid.UUID]*license.License, byKey map[string]*license.License, err error) {
	var ids, keys array
	for _, i := range places {
		if l := batch[i]; !created[l.ID] {
			ids.add(l.ID[:])
			keys.add(l.Key)
		}
	}
	byID, byKey = make(map[uuid.UUID]*license.License), make(map[string]*license.License)
	err = tx.Query(ctx, s.traits.getBatch, []any{ids.String(), keys.String()}, func(row Row) error {
		l, err := s.scanLicense(row)
		if err == nil {
			byID[l.ID], byKey[l.Key] = l, l
		}
		return err
	})
	return byID, byKey, err
}

// arrayArgs returns the arguments of queryCreate for the licenses at some places of a batch, one
// array for each.
func arrayArgs(batch []*license.License, places []int) ([]any, error) {
	var columns []array
	for _, i := range places {
		values, err := createArgs(batch[i])
		if err != nil {
			return nil, err
		}
		if columns == nil {
			columns = make([]array, len(values))
		}
		for c, v := range values {
			columns[c].add(v)
		}
	}
	args := make([]any, len(columns))
	for c := range columns {
		args[c] = columns[c].String()
	}
	return args, nil
}

// array is the text of a PostgreSQL array under construction,
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
type array struct{ text []byte }

// add adds a value of one of the kinds that createArgs returns.
func (a *array) add(value any) {
	a.text = append(a.text, ',')
	switch v := value.(type) {
	case []byte:
		a.text = append(a.text, `"\\x`...)
		a.text = hex.AppendEncode(a.text, v)
		a.text = append(a.text, '"')
	case string:
		a.text = append(a.text, '"')
		for i := range len(v) {
			if v[i] == '"' || v[i] == '\\' {
				a.text = append(a.text, '\\')
			}
			a.text = append(a.text, v[i])
		}
		a.text = append(a.text, '"')
	case bool:
		a.text = strconv.AppendBool(a.text, v)
	case int64:
		a.text = strconv.AppendInt(a.text, v, 10)
	}
}

func (a *array) String() string {
	if len(a.text) == 0 {
		return "{}"
	}
	return "{" + string(a.text[1:]) + "}"
}
