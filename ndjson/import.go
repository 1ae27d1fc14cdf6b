package ndjson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/google/uuid"

	"github.com/privatepkgs/license"
)

// DefaultBatchSize is [Options].BatchSize where it is zero.
const DefaultBatchSize = 1000

// Options are the choices of an import. The zero value is ready to use.
type Options struct {
	// BatchSize is how many lines make a batch, which is a transaction where the store is a
	// [license.BatchCreator]; 0 means [DefaultBatchSize]. Large licenses make smaller batches.
	BatchSize int

	// Skip, unless nil, is told of each bad line, and the import goes on with the next. When
	// it is nil, the first bad line ends the import.
	Skip func(*LineError)

	// Conflict, unless nil, is told of each license that was left out. It is no error.
	Conflict func(Conflict)

	// Progress, unless nil, is told after each batch what was done so far.
	Progress func(Result)
}

// Result says what an import has done: what became of the input from its beginning to the end of
// one line. About the lines after that it did nothing, other than perhaps to those that an
// error with [license.ErrUnknownOutcome] names.
type Result struct {
	// Lines and Bytes are how far the import came: the number of that line, and the bytes up to
	// its end. For a sequence, Lines is how many licenses of it, and Bytes is 0.
	Lines int
	Bytes int64

	Created     int // licenses that were not in the store
	Unchanged   int // licenses that were there with the same content
	Conflicting int // licenses that were left out, see Conflict
	Skipped     int // bad lines, where Options.Skip lets them pass
}

// Import creates the licenses that r holds in the store. Result is what was done, whether there
// is an error or not.
//
// The error is a [*LineError] for a bad line, or wraps one of the store, of r or of the context.
// After any, the same import again does what is left to do. When the store's is
// [license.ErrUnavailable] or [license.ErrUnknownOutcome], that is worth trying soon.
//
// While the store works, r is read ahead, by some thousands of lines and some megabytes at most, in a goroutine
// that has ended when Import returns: go on from Result.Bytes, not from where r stands. A read from r is not cut
// short when the context ends or the store fails.
func Import(ctx context.Context, store license.Store, r io.Reader, o Options) (Result, error) {
	return run(ctx, store, ahead(newLines(r).entries()), o)
}

// ImportSeq creates the licenses of a sequence in the store, as [Import] does: [license.All] of
// another store, what [Read] returns, or what a program makes of the data of another system. ID,
// Key, CreatedAt and UpdatedAt must be set, so that importing again finds the same licenses;
// a license that is not valid is reported as a [*LineError]. The licenses are not changed.
//
// A [*LineError] of the sequence is a bad line; any other error of it ends the import.
func ImportSeq(ctx context.Context, store license.Store, licenses iter.Seq2[*license.License, error], o Options) (Result, error) {
	return run(ctx, store, entriesOf(licenses), o)
}

func run(ctx context.Context, store license.Store, entries iter.Seq[entry], o Options) (Result, error) {
	if o.BatchSize < 0 {
		return Result{}, errors.New("ndjson: Options.BatchSize must not be negative")
	}
	if o.BatchSize == 0 {
		o.BatchSize = DefaultBatchSize
	}
	im := importer{ctx: ctx, store: store, options: o, from: make(map[uuid.UUID]int)}
	im.batches, _ = store.(license.BatchCreator)
	err := im.run(entries)
	return im.result, err
}

type importer struct {
	ctx     context.Context
	store   license.Store
	batches license.BatchCreator // nil for a store that takes none
	options Options
	result  Result

	batch []entry           // read and not yet settled
	bytes int               // of memory, about, that batch takes
	from  map[uuid.UUID]int // the lines of the batch's licenses that are in the store
}

// maxBatchBytes keeps the memory of a batch small where licenses are large.
const maxBatchBytes = 8 << 20

func (im *importer) run(entries iter.Seq[entry]) error {
	for e := range entries {
		if err := im.ctx.Err(); err != nil {
			return fmt.Errorf("ndjson: stopped after line %d: %w", im.result.Lines, err)
		}
		if e.err != nil && !im.skips(e.err) {
			if err := im.settle(); err != nil {
				return err
			}
			return e.err
		}
		im.batch = append(im.batch, e)
		im.bytes += e.weight()
		if len(im.batch) >= im.options.BatchSize || im.bytes >= maxBatchBytes {
			if err := im.settle(); err != nil {
				return err
			}
		}
	}
	return im.settle()
}

func (im *importer) skips(err error) bool {
	_, bad := errors.AsType[*LineError](err)
	return bad && im.options.Skip != nil
}

// settle creates the licenses of the batch, counts its lines and empties it.
func (im *importer) settle() error {
	if len(im.batch) == 0 {
		return nil
	}
	defer func() {
		clear(im.batch)
		im.batch, im.bytes = im.batch[:0], 0
		clear(im.from)
	}()
	err := im.createTogether()
	if errors.Is(err, errors.ErrUnsupported) {
		err = im.createEach()
	}
	if err == nil && im.options.Progress != nil {
		im.options.Progress(im.result)
	}
	return err
}

// createTogether gives the batch to the store as one. The error wraps [errors.ErrUnsupported] when
// the store takes none.
func (im *importer) createTogether() error {
	if im.batches == nil {
		return errors.ErrUnsupported
	}
	licenses := make([]*license.License, 0, len(im.batch))
	for _, e := range im.batch {
		if e.license != nil {
			licenses = append(licenses, e.license)
		}
	}
	taken, err := im.batches.CreateBatch(im.ctx, licenses)
	if err == nil && len(taken) != len(licenses) {
		err = fmt.Errorf("the store answered for %d licenses when asked for %d", len(taken), len(licenses))
	}
	if err != nil {
		first, last := im.batch[0].at.line, im.batch[len(im.batch)-1].at.line
		return fmt.Errorf("ndjson: importing lines %d to %d: %w", first, last, err)
	}
	for _, e := range im.batch {
		if e.license == nil {
			im.count(e, nil)
			continue
		}
		im.count(e, taken[0])
		taken = taken[1:]
	}
	return nil
}

func (im *importer) createEach() error {
	for _, e := range im.batch {
		var taken *license.License
		if e.license != nil {
			var err error
			if taken, err = im.create(e.license); err != nil {
				return fmt.Errorf("ndjson: importing line %d: %w", e.at.line, err)
			}
		}
		im.count(e, taken)
	}
	return nil
}

// create creates one license, or returns the one that stands in its way.
func (im *importer) create(l *license.License) (taken *license.License, err error) {
	const attempts = 10
	for range attempts {
		err = im.store.Create(im.ctx, l)
		var errGet error
		switch {
		case errors.Is(err, license.ErrIDExists):
			taken, errGet = im.store.Get(im.ctx, l.ID)
		case errors.Is(err, license.ErrKeyExists):
			taken, errGet = im.store.GetByKey(im.ctx, l.Key)
		default:
			return nil, err
		}
		// What is not there any more was deleted just now.
		if !errors.Is(errGet, license.ErrNotFound) {
			return taken, errGet
		}
	}
	return nil, err
}

// count takes down what became of a line.
func (im *importer) count(e entry, taken *license.License) {
	r := &im.result
	r.Lines, r.Bytes = e.at.line, e.at.bytes
	switch {
	case e.blank():
	case e.err != nil:
		r.Skipped++
		bad, _ := errors.AsType[*LineError](e.err)
		im.options.Skip(bad)
	case taken == nil:
		r.Created++
		im.from[e.license.ID] = e.at.line
	case sameContent(e.license, taken):
		r.Unchanged++
		if _, ok := im.from[e.license.ID]; !ok {
			im.from[e.license.ID] = e.at.line
		}
	default:
		r.Conflicting++
		if im.options.Conflict != nil {
			im.options.Conflict(Conflict{
				Line: e.at.line, License: e.license, Stored: taken, OtherLine: im.from[taken.ID],
			})
		}
	}
}
