package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/status"
	"github.com/pgsluice/pgsluice/sync"
)

// view is the pipeline as it is shown.
func (p *pane) view() status.Pipeline {
	s := &p.settings
	v := status.Pipeline{
		Name: s.Name, Slot: s.Slot, Publication: s.Publication, Running: !p.ended, Stage: string(sync.Starting),
		RetainedLimit: s.MaxRetained, ReadyLag: s.Page.ReadyLag, Config: p.config,
	}
	if p.pipeline != nil {
		take(&v, p.pipeline.Progress())
		p.counts.show(&v)
	}
	if p.ended && p.err != nil {
		v.Stage, v.Error, v.Hint = "ended", p.err.Error(), fault.Hint(p.err)
	}
	return v
}

// take puts into a view what the conductor says.
func take(v *status.Pipeline, p sync.Progress) {
	v.Stage, v.Since = string(p.Stage), p.Since
	if p.Stage == sync.Waiting || p.Stage == sync.Starting {
		v.Error, v.Hint = p.LastError, p.LastHint
	}
	if p.Watermark > 0 {
		v.Watermark = p.Watermark.String()
	}
	v.LastCommit, v.LagSeconds = p.LastCommit, p.Lag.Seconds()
	v.LagBytes, v.RetainedBytes = p.LagBytes, p.Retained
	v.Attempts, v.Errors, v.Applied = p.Attempts, p.Errors, p.Applied
	v.BatchRows, v.BatchSeconds = histogram(p.BatchRows, 1), histogram(p.BatchTimes, float64(time.Second))
	v.Batches = int64(v.BatchRows.Count())
	for _, s := range p.Schedule {
		v.Schedule = append(v.Schedule, scheduled(s))
	}
	for _, t := range p.Tables {
		v.Loaded += t.Rows
		v.Tables = append(v.Tables, status.Table{
			Relation: t.Name, Target: t.Target, Phase: string(t.Phase), Rows: t.Rows, Bytes: t.Bytes, OfRows: t.OfRows, OfBytes: t.OfBytes,
			Inserted: t.Changes.Inserted, Updated: t.Changes.Updated, Deleted: t.Changes.Deleted, Truncated: t.Changes.Truncated,
			Reason: t.Reason, Hint: t.Hint,
		})
	}
}

func scheduled(s sync.Scheduled) status.Schedule {
	v := status.Schedule{What: s.What, At: s.Spec, Next: s.Next, Last: s.Last.Begun, Failed: s.Last.Failed, Outcome: s.Last.Outcome}
	switch {
	case s.Last.UnderWay():
		v.Outcome = "under way"
	case !s.Last.Ended.IsZero():
		v.Took = s.Last.Ended.Sub(s.Last.Begun)
	}
	return v
}

// histogram is one of sizes that are counted in a unit.
func histogram(s sync.Sizes, unit float64) status.Histogram {
	h := status.Histogram{Sum: float64(s.Sum) / unit}
	for _, b := range s.Bounds {
		h.Bounds = append(h.Bounds, float64(b)/unit)
	}
	for _, n := range s.Counts {
		h.Counts = append(h.Counts, uint64(n))
	}
	return h
}

// show puts into a view what was not kept as it was.
func (a *adjustments) show(v *status.Pipeline) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.counts) == 0 {
		return
	}
	byName := map[string]*status.Table{}
	for i := range v.Tables {
		byName[v.Tables[i].Relation] = &v.Tables[i]
	}
	for what, n := range a.counts {
		if t := byName[what.table]; t != nil {
			t.Adjusted = append(t.Adjusted, status.Adjustment{Column: what.column, Reason: what.reason, Count: n})
		}
	}
	for _, t := range byName {
		slices.SortFunc(t.Adjusted, func(a, b status.Adjustment) int {
			return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Reason, b.Reason))
		})
	}
}
