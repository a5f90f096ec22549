package sync

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
)

// scripted is a history without chance in what happens: a source and a target in
// memory, and tables of which some are there from the beginning.
func scripted(tables ...string) (*simHistory, *simWorkload) {
	h := &simHistory{seed: 1}
	h.begin()
	h.keys, h.source = 1000, newSimSource(150001)
	h.memory = &applytest.Memory{Refuse: h.refuse, Print: func(_ *change.Type, d change.Datum) string { return string(d.Bytes) }}
	h.config = h.randomConfig()
	h.config.Workers = 1
	w := &simWorkload{Rand: h.Rand, s: h.source, h: h}
	w.made(tables...)
	return h, w
}

// made makes tables with a row each.
func (w *simWorkload) made(tables ...string) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	tx := w.s.begin()
	for _, name := range tables {
		w.create(tx, name)
		w.insert(tx, w.s.oid)
	}
	tx.commit()
}

// named does something to the table of a name, in a transaction of its own.
func (w *simWorkload) named(name string, do func(tx *simOpen, r *change.Relation)) {
	commit := w.opened(name, do)
	commit()
}

// opened leaves the transaction open.
func (w *simWorkload) opened(name string, do func(tx *simOpen, r *change.Relation)) (commit func()) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	tx := w.s.begin()
	for _, t := range w.s.now() {
		if t.relation.Name == name {
			r := *t.relation
			r.Columns = slices.Clone(r.Columns)
			do(tx, &r)
		}
	}
	return func() {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		tx.commit()
	}
}

// rows inserts some into a table, each in a transaction of its own.
func (w *simWorkload) rows(name string, n int) {
	for range n {
		w.named(name, func(tx *simOpen, r *change.Relation) { w.insert(tx, r.OID) })
	}
}

// changed adds a column to a table, or drops its last.
func (w *simWorkload) changed(name string, add bool) {
	w.named(name, func(tx *simOpen, r *change.Relation) {
		if add {
			w.addColumn(tx, r)
		} else {
			w.dropColumn(r, len(r.Columns)-1)
		}
		w.altered(tx, r)
	})
}

func (w *simWorkload) dropped(name string) {
	w.named(name, func(tx *simOpen, r *change.Relation) { tx.alter(r.OID, nil) })
}

// without takes a column out of a relation.
func without(r *change.Relation, column string) {
	i := position(r, column)
	r.Columns = slices.Delete(r.Columns, i, i+1)
	r.Key = slices.Clone(r.Key)
	for place, k := range r.Key {
		if k > i {
			r.Key[place] = k - 1
		}
	}
}

// failOver makes a standby the source that has all but the last transactions.
func (w *simWorkload) failOver(misses int, deaf bool) {
	_ = w.s.locked(func() error {
		w.s.failOver(misses, deaf)
		return nil
	})
}

// pipeline is one of a scripted history, over the source given.
func (h *simHistory) pipeline(source *simSource) *Pipeline {
	_, cancel := context.WithCancelCause(context.Background())
	process := &simProcess{seed: h.seed, cancel: cancel, trace: h.trace, at: h.at}
	p := New(h.config, h.target(process, nil))
	p.source = &simClient{simSource: source, process: process, confirming: h.confirming, torn: h.torn}
	return p
}

// runs begins a run. ended waits for its end; stop is told to the pipeline before.
func (h *simHistory) runs(t *testing.T, p *Pipeline) (ended func(stop func())) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- p.Run(t.Context()) }()
	return func(stop func()) {
		t.Helper()
		stop()
		if err := <-done; err != nil {
			h.wrong("the run ended with %v", err)
		}
	}
}

// eventually waits until something holds, which is wrong when it never does.
func (h *simHistory) eventually(what string, holds func() bool) { h.within(time.Minute, what, holds) }

func (h *simHistory) within(patience time.Duration, what string, holds func() bool) {
	tick, deadline := time.NewTicker(100*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			h.wrong("never: %s. Tables: %s", what, h.phases())
			return
		}
	}
}

func (h *simHistory) streams(name string) {
	h.eventually(name+" streams", func() bool { return h.recall().Tables[name].Phase == apply.Streaming })
}

// applied waits until all that is committed is applied.
func (h *simHistory) applied() {
	h.source.mu.Lock()
	end := h.source.end
	h.source.mu.Unlock()
	h.eventually("all is applied up to "+end.String(), func() bool { return h.recall().Pipeline.Watermark >= end })
}

// traced says whether a line of the trace holds a text.
func (h *simHistory) traced(text string) bool {
	h.tracing.Lock()
	defer h.tracing.Unlock()
	return slices.ContainsFunc(h.lines, func(line string) bool { return strings.Contains(line, text) })
}

// right fails the test when something was wrong.
func (h *simHistory) right(t *testing.T) {
	t.Helper()
	if h.failure != "" {
		t.Errorf("%s\n%s", h.failure, strings.Join(h.lines, "\n"))
	}
}
