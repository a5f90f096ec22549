package clickhouse

import (
	"context"

	"github.com/pgsluice/pgsluice/change"
)

// moved writes rows that left their key and take values from where they were.
//
// Few go into the block that holds the rest of the batch. Many may be too large
// together, and go ahead of it in blocks of their own: before the tombstones and
// the rows that take the keys they leave, so that a crash in between finds what
// a replay reads, and each row not before those that read what it replaces.
func (w *writer) moved(ctx context.Context, needed, rows []int) error {
	if len(rows) <= fetchFirst {
		_, err := w.resolve(ctx, needed, rows)
		return err
	}
	ordered, cycles, err := w.inReadingOrder(rows)
	if err != nil {
		return err
	}
	rest := w.block
	w.block = w.t.blocks.get(w.plan)
	defer func() {
		w.t.blocks.put(w.block)
		w.block = rest
	}()
	if err := w.resolveInPortions(ctx, needed, ordered); err != nil {
		return err
	}
	// Rows that change places are written together or not at all, whatever
	// their size.
	if _, err := w.resolve(ctx, needed, cycles); err != nil {
		return err
	}
	return w.flush(ctx)
}

// inReadingOrder sorts rows so that none comes before another that reads the key
// which it writes. cycles are those for which there is no such order, and those
// that have to come behind them.
func (w *writer) inReadingOrder(rows []int) (ordered, cycles []int, err error) {
	behind, err := w.overwrites(rows)
	if err != nil {
		return nil, nil, w.blame(err)
	}
	first, rest := inOrder(behind)
	for _, place := range first {
		ordered = append(ordered, rows[place])
	}
	for _, place := range rest {
		cycles = append(cycles, rows[place])
	}
	return ordered, cycles, nil
}

// overwrites tells for each of the rows which others write a key that it reads.
// Rows are named by their places.
func (w *writer) overwrites(rows []int) ([][]int, error) {
	keys := newKeyColumns(w.plan)
	writer := make(map[string]int, len(rows))
	for place, i := range rows {
		w.batch.Row(i, &w.row)
		key, err := keys.bytes(w.row.Steps[len(w.row.Steps)-1].Key)
		if err != nil {
			return nil, err
		}
		writer[string(key)] = place
	}
	others := make([][]int, len(rows))
	for place, i := range rows {
		w.batch.Row(i, &w.row)
		reads := [][]change.Datum{w.row.Base}
		for _, s := range w.row.Steps[:len(w.row.Steps)-1] {
			reads = append(reads, s.Key)
		}
		for _, read := range reads {
			key, err := keys.bytes(read)
			if err != nil {
				return nil, err
			}
			if other, there := writer[string(key)]; there && other != place {
				others[place] = append(others[place], other)
			}
		}
	}
	return others, nil
}

// inOrder sorts places so that each comes before those behind it; rest are those
// for which there is no such order, and those behind them.
func inOrder(behind [][]int) (ordered, rest []int) {
	before := make([]int, len(behind)) // how many have yet to come before a place
	for _, others := range behind {
		for _, other := range others {
			before[other]++
		}
	}
	var free []int
	for place, n := range before {
		if n == 0 {
			free = append(free, place)
		}
	}
	for len(free) > 0 {
		place := free[len(free)-1]
		free = free[:len(free)-1]
		ordered = append(ordered, place)
		for _, other := range behind[place] {
			if before[other]--; before[other] == 0 {
				free = append(free, other)
			}
		}
	}
	for place, n := range before {
		if n > 0 {
			rest = append(rest, place)
		}
	}
	return ordered, rest
}
