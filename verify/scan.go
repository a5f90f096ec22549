package verify

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
)

// row is one that is being read: its image, and its key's, which is the image itself
// where the table has none. values are the source's alone. All are valid until the
// sink returns.
type row struct {
	image, key []byte
	values     []change.Datum
}

// sink takes the rows that one goroutine reads.
type sink interface {
	take(row) error
	// end is called when no more come.
	end()
}

// keyed splits images.
type keyed struct {
	// key are the places in an image of the key's columns.
	key     []int
	scratch []byte
	fields  [][]byte
}

func newKeyed(columns, key []int) *keyed {
	at := map[int]int{}
	for n, i := range columns {
		at[i] = n
	}
	k := &keyed{fields: make([][]byte, len(columns))}
	for _, i := range key {
		k.key = append(k.key, at[i])
	}
	return k
}

// of is the image of an image's key, until the next call.
func (k *keyed) of(image []byte) []byte {
	if len(k.key) == 0 {
		return image
	}
	last := 0
	for _, n := range k.key {
		last = max(last, n)
	}
	rest := image
	for n := 0; n <= last; n++ {
		k.fields[n], _, rest = apply.NextValue(rest)
	}
	if len(k.key) == 1 {
		return k.fields[k.key[0]]
	}
	k.scratch = k.scratch[:0]
	for _, n := range k.key {
		k.scratch = append(k.scratch, k.fields[n]...)
	}
	return k.scratch
}

// scan reads all rows of both sides: the source's under a snapshot, the target's when
// its fence is passed. Where bounded, rows that came to the target after the snapshot
// may be left out.
func (t *tableRun) scan(ctx context.Context, step string, again, bounded bool, source, target func() sink) error {
	taken, pass, err := t.run.fence.snapshot(ctx, again)
	if err != nil {
		return err
	}
	t.run.begin(t, step)
	before := change.LSN(0)
	if bounded && t.run.config.Slot != "" {
		before = taken.At
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return t.scanSource(ctx, taken.Name, source) })
	group.Go(func() error {
		if err := pass(ctx); err != nil {
			return err
		}
		return t.scanTarget(ctx, before, target())
	})
	return group.Wait()
}

func (t *tableRun) scanTarget(ctx context.Context, before change.LSN, to sink) error {
	split := t.keyed()
	err := t.comparison.Scan(ctx, before, func(image []byte) error {
		t.run.targetRows.Add(1)
		return to.take(row{image: image, key: split.of(image)})
	})
	to.end()
	return err
}

// scanSource reads the chunks of the table, several at the same time.
func (t *tableRun) scanSource(ctx context.Context, taken string, sinks func() sink) error {
	chunks := snapshot.Chunks(t.Source, t.run.config.Version, t.run.config.ChunkBytes)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(len(chunks), t.run.config.Workers) {
		group.Go(func() error {
			reader, err := snapshot.Open(ctx, t.run.config.Source, taken)
			if err != nil {
				return err
			}
			defer func() { _ = reader.Close(context.WithoutCancel(ctx)) }()
			to, imager, split := sinks(), t.comparison.Imager(), t.keyed()
			defer to.end()
			var image []byte
			for {
				n := int(next.Add(1)) - 1
				if n >= len(chunks) {
					return nil
				}
				_, _, err := reader.Copy(ctx, t.Query, chunks[n], func(values []change.Datum, _ uint64) (err error) {
					t.run.sourceRows.Add(1)
					if image, err = imager.Image(image[:0], values); err != nil {
						return err
					}
					return to.take(row{image: image, key: split.of(image), values: values})
				})
				if err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (t *tableRun) keyed() *keyed {
	return newKeyed(t.comparison.Columns(), t.Query.Relation.Key)
}

// summing is the sink of the first look.
type summing struct {
	*adder
	hashes *hashes
}

func (s *summing) take(r row) error {
	s.add(placeOf(s.hashes, r.key), s.hashes.digest(r.image))
	return nil
}

func (s *summing) end() { s.flush() }
