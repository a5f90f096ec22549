package sync

import "sync/atomic"

// tally counts observations by size. The apply loop adds, anybody reads.
type tally struct {
	bounds []int64
	counts []atomic.Int64
	sum    atomic.Int64
}

func newTally(bounds ...int64) *tally {
	return &tally{bounds: bounds, counts: make([]atomic.Int64, len(bounds)+1)}
}

func (t *tally) add(v int64) {
	i := 0
	for i < len(t.bounds) && v > t.bounds[i] {
		i++
	}
	t.counts[i].Add(1)
	t.sum.Add(v)
}

// Sizes are observations by size: Counts has those up to each of Bounds and above
// the one before it, and one count more for those above all.
type Sizes struct {
	Bounds, Counts []int64
	Sum            int64
}

func (t *tally) read() Sizes {
	s := Sizes{Bounds: t.bounds, Counts: make([]int64, len(t.counts)), Sum: t.sum.Load()}
	for i := range t.counts {
		s.Counts[i] = t.counts[i].Load()
	}
	return s
}
