package verify

import (
	"context"
	"slices"
	"sync"

	"github.com/pgsluice/pgsluice/change"
)

// count is how many rows there are of a key, and the sums of their digests.
type count struct {
	n int64
	digest
}

func (c *count) add(d digest, n int64) {
	c.n, c.a, c.b = c.n+n, c.a+d.a, c.b+d.b
}

// held is a key, or a row of a table without one, that is looked at by itself.
type held struct {
	source, target count
	// image is the row's where the table has no key, unless it is large.
	image []byte
	// original is the key as the source has it, where the target's comparison does
	// not know the way back.
	original []change.Datum
}

// holding is the second look: the rows of the buckets that were not equal. With
// only set it counts the rows of given keys alone.
type holding struct {
	t     *tableRun
	dirty *places
	mask  uint64
	only  map[string]bool

	mu   sync.Mutex
	keys map[string]*held
}

// heldCost is what a key that is held takes beside its bytes, roughly.
const (
	heldCost  = 200
	mostBytes = 64 << 20
	mostImage = 4 << 10
)

// bounded leaves of the buckets so many that their rows can be held, and says whether
// it has left out any.
func (h *holding) bounded(rows int64, of int) (more bool) {
	per := max(rows/int64(of), 1) * (heldCost + 64)
	return h.dirty.keep(max(int(mostBytes/per), 16))
}

// collect reads both sides again and gives the keys whose rows are not the same.
func (t *tableRun) collect(ctx context.Context, h *holding, step string, bounded bool) (map[string]*held, error) {
	h.t, h.keys = t, map[string]*held{}
	err := t.scan(ctx, step, true, bounded, func() sink { return &holder{h, false} }, func() sink { return &holder{h, true} })
	if err != nil {
		return nil, err
	}
	for key, k := range h.keys {
		if k.source == k.target {
			delete(h.keys, key)
		}
	}
	return h.keys, nil
}

// holder is the sink of one goroutine.
type holder struct {
	of     *holding
	target bool
}

func (h *holder) end() {}

func (h *holder) take(r row) error {
	of := h.of
	hashes, keyless := of.t.run.hashes, len(of.t.Query.Relation.Key) == 0
	if of.dirty != nil && !of.dirty.has(placeOf(hashes, r.key)&of.mask) {
		return nil
	}
	d := hashes.digest(r.image)
	name := r.key
	if keyless {
		name = d.name()
	}
	if of.only != nil && !of.only[string(name)] {
		return nil
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	k := of.keys[string(name)]
	if k == nil {
		k = &held{}
		of.keys[string(name)] = k
	}
	if keyless && k.image == nil && len(r.image) <= mostImage {
		k.image = slices.Clone(r.image)
	}
	if h.target {
		k.target.add(d, 1)
		return nil
	}
	k.source.add(d, 1)
	if k.original == nil && !keyless {
		if _, ok := of.t.comparison.Key(r.key); !ok {
			k.original = of.t.originalKey(r.values)
		}
	}
	return nil
}

// originalKey copies a key out of a row.
func (t *tableRun) originalKey(values []change.Datum) []change.Datum {
	var key []change.Datum
	for _, i := range t.Query.Relation.Key {
		key = append(key, change.Datum{Format: values[i].Format, Bytes: slices.Clone(values[i].Bytes)})
	}
	return key
}
