package verify

import (
	"context"
	"time"

	"github.com/pgsluice/pgsluice/internal/pause"
)

// Rows of a table without a key have no identity. How often each content is there is
// counted on both sides, and settled by rounds as a key's row is; to count is to read
// both sides as a whole.

const mostKeylessRounds = 6

// settleKeyless goes on until it is known of each content whether it is there equally
// often, or that is given up.
func (t *tableRun) settleKeyless(ctx context.Context, doubtful map[string]*held) error {
	last := map[string]*held{}
	for round := range mostKeylessRounds {
		if len(doubtful) == 0 {
			return nil
		}
		if err := pause.For(ctx, time.Duration(round)*roundsApart); err != nil {
			return err
		}
		if err := t.passed(ctx); err != nil {
			return err
		}
		if t.run.fence.behind > 0 {
			t.notApplied(len(doubtful))
			return nil
		}
		only := map[string]bool{}
		for content := range doubtful {
			only[content] = true
		}
		// The target is read behind the snapshot's fence; what the source has by then
		// is what the next round begins with.
		now, err := t.collect(ctx, &holding{only: only}, "settling", false)
		if err != nil {
			return err
		}
		for content, h := range now {
			before := last[content]
			switch {
			case t.Into.Shared && h.target.n > h.source.n:
				delete(now, content)
			case before != nil && before.source == h.source && before.target == h.target:
				t.counted(h)
				delete(now, content)
			}
		}
		doubtful, last = now, now
	}
	t.result.Changing += int64(len(doubtful))
	return nil
}

// tooLarge stands for the values of a row that is not kept.
var tooLarge = "(of a large row)"

// counted notes a difference.
func (t *tableRun) counted(h *held) {
	t.result.Differing++
	if len(t.result.Differences) >= t.run.config.Limit {
		return
	}
	d := Difference{Kind: Counted, SourceCount: h.source.n, TargetCount: h.target.n}
	switch {
	case h.source.n == 0:
		d.Kind = Surplus
	case h.target.n == 0:
		d.Kind = Missing
	}
	var texts []*string
	if h.image != nil {
		texts = t.comparison.Show(h.image)
	}
	for n, i := range t.comparison.Columns() {
		text := &tooLarge
		if texts != nil {
			text = texts[n]
		}
		d.Row = append(d.Row, Value{t.Query.Relation.Columns[i].Name, text})
	}
	t.result.Differences = append(t.result.Differences, d)
}
