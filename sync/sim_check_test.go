package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
)

// wrong notes that a guarantee does not hold. The first is the one that counts.
func (h *simHistory) wrong(format string, args ...any) {
	h.failing.Lock()
	defer h.failing.Unlock()
	if h.failure == "" {
		h.failure = fmt.Sprintf(format, args...)
		h.trace("WRONG: %s", h.failure)
	}
}

func (h *simHistory) recall() apply.State {
	state, err := h.memory.Recall(context.Background(), simName)
	if err != nil {
		h.wrong("the memory target forgets: %v", err)
	}
	return state
}

// torn: what of the table is copied now is not what it held at the consistent
// point. The TRUNCATE that is to blame follows in the stream; a rewrite is seen in
// the catalog, and the table copied again.
func (h *simHistory) torn(oid uint32, at change.LSN) { h.mayFail[oid], h.tornAt[oid] = true, at }

// reshaped takes note of a table that is altered, until it is remembered to stand for
// that, or another takes its place.
func (h *simHistory) reshaped(name string, r *change.Relation) {
	h.checking.Lock()
	defer h.checking.Unlock()
	h.altered[name] = r
}

// restored is for a rollback, which undoes what was altered too.
func (h *simHistory) restored() {
	h.checking.Lock()
	defer h.checking.Unlock()
	clear(h.altered)
}

// remembered looks what tables stand for.
func (h *simHistory) remembered(tables []apply.TableState) {
	h.checking.Lock()
	defer h.checking.Unlock()
	for _, t := range tables {
		if to := h.altered[t.Target]; to != nil && slices.EqualFunc(t.Columns, to.Columns, func(s apply.ColumnShape, c change.Column) bool {
			return s.Attnum == c.Attnum && s.Name == c.Name
		}) {
			delete(h.altered, t.Target)
		}
	}
}

func (h *simHistory) forget() {
	h.checking.Lock()
	defer h.checking.Unlock()
	h.watermark = 0
}

// confirming is G1: the source is told of nothing that the target does not
// remember.
func (h *simHistory) confirming(to change.LSN) {
	h.trace("confirm %s", to)
	if known := h.recall().Pipeline.Watermark; to > known {
		h.wrong("G1: %s is confirmed, and the target remembers %s", to, known)
	}
}

// checkBatch is G6.
func (h *simHistory) checkBatch(b *apply.Batch) {
	const row = 16 << 10 // more than any of the workload, with its lineage
	if b.Rows() > h.config.MaxRows+1 || b.Bytes() > h.config.MaxBytes+row {
		h.wrong("G6: a batch of %d rows and %d bytes, where %d and %d are wanted", b.Rows(), b.Bytes(), h.config.MaxRows, h.config.MaxBytes)
	}
}

// check looks at what the target holds and remembers: G3 and G4, and that no
// table is given up that did not have to be.
func (h *simHistory) check(behind string) {
	h.checking.Lock()
	defer h.checking.Unlock()
	state := h.recall()
	w := state.Pipeline.Watermark
	if w < h.watermark && !state.Pipeline.GivenUp {
		h.wrong("G4: behind %s the watermark has gone back from %s to %s", behind, h.watermark, w)
	}
	h.watermark = w
	h.source.mu.Lock()
	defer h.source.mu.Unlock()
	if h.source.lost(state) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(state.Tables)) {
		t := state.Tables[name]
		switch {
		case t.Phase == apply.Failed && !h.mayFail[t.OID] && !forOperator(&t):
			h.wrong("G8: table %s failed: %s", name, t.Reason)
		case h.source.lostFrom(state.Pipeline, t.CopiedAt): // the next start copies it anew
		case t.Phase == apply.Streaming && w != 0 && h.altered[t.Target] == nil && h.tornAt[t.OID] != t.CopiedAt:
			h.checkTable(behind, &t, max(w, t.CopiedAt))
		}
	}
}

// forOperator says whether a table waits for somebody to act: its schema has to
// rest, or the target has another table of its name in the way.
func forOperator(t *apply.TableState) bool {
	return slices.ContainsFunc([]string{"times in a row", "its key is ("}, func(sign string) bool {
		return strings.Contains(t.Reason, sign)
	})
}

// checkTable compares the target's rows with the source's as they were at an LSN,
// but for what later transactions have done to them already: the target may be
// ahead of what it remembers.
func (h *simHistory) checkTable(behind string, t *apply.TableState, at change.LSN) {
	then := h.source.at(at)[t.OID]
	// A TRUNCATE that is on its way takes away rows whose absence says nothing, and a
	// copy behind it does not see them.
	if then == nil || t.TruncatedAt.Commit >= at || h.source.emptied[t.OID] >= at {
		return
	}
	rel := shaped(then.relation, t.Columns)
	if rel == nil {
		return
	}
	want := map[string]string{}
	for _, r := range then.rows {
		want[printedKey(rel, r)] = printed(rel, r)
	}
	have, err := h.read(t.Target, rel)
	if err != nil {
		h.wrong("G3: behind %s: %v", behind, err)
		return
	}
	complain := func(key, what string, args ...any) {
		h.wrong("G3: behind %s, at %s, table %s, row %q: %s", behind, at, t.Relation, key, fmt.Sprintf(what, args...))
	}
	copied := change.CopyPosition(t.CopiedAt, true)
	versions := h.memory.Versions(t.Target)
	ahead := func(key string) bool {
		if h.exact != nil {
			return false // whole transactions and nothing else
		}
		if !rel.Keyed() {
			return h.source.born[key] >= at
		}
		v, ok := versions[key]
		return ok && v != copied && v.Commit >= at
	}
	for key, row := range want {
		if ahead(key) {
			continue
		}
		if len(have[key]) != 1 || have[key][0] != row {
			complain(key, "the source has %q, the target %q at %v", row, have[key], versions[key])
		}
	}
	for key, rows := range have {
		if want[key] == "" && !ahead(key) {
			complain(key, "the source has none, the target %q at %v", rows, versions[key])
		}
		if len(rows) > 1 {
			complain(key, "the target has it %d times", len(rows))
		}
	}
}

// shaped is the relation with the columns that the target's table stands for; nil
// when its key is not among them.
func shaped(r *change.Relation, shape []apply.ColumnShape) *change.Relation {
	n := *r
	n.Columns, n.Key = nil, nil
	moved := map[int]int{}
	for i, c := range r.Columns {
		if slices.ContainsFunc(shape, func(s apply.ColumnShape) bool { return s.Attnum == c.Attnum && s.Name == c.Name }) {
			moved[i] = len(n.Columns)
			n.Columns = append(n.Columns, c)
		}
	}
	for _, i := range r.Key {
		to, ok := moved[i]
		if !ok {
			return nil
		}
		n.Key = append(n.Key, to)
	}
	return &n
}

// read is what a reader sees of a table, by key.
func (h *simHistory) read(name string, rel *change.Relation) (map[string][]string, error) {
	rows, err := h.memory.Read(context.Background(), &apply.Table{Name: name, Relation: rel})
	if err != nil {
		return nil, err
	}
	have := map[string][]string{}
	for _, row := range rows {
		var key []string
		for _, i := range rel.Key {
			key = append(key, row[i])
		}
		if !rel.Keyed() {
			key = row[:1]
		}
		k := strings.Join(key, "\x00")
		have[k] = append(have[k], strings.Join(row, "|"))
	}
	return have, nil
}

func printedKey(rel *change.Relation, r *simRow) string {
	if !rel.Keyed() {
		return *r.value(&rel.Columns[0])
	}
	return r.key(rel)
}

func printed(rel *change.Relation, r *simRow) string {
	var parts []string
	for i := range rel.Columns {
		if v := r.value(&rel.Columns[i]); v != nil {
			parts = append(parts, *v)
		} else {
			parts = append(parts, applytest.Null)
		}
	}
	return strings.Join(parts, "|")
}

// checkEnd is what has to hold when everything is applied: each table of the
// source is there, whole, and with all of its columns, and nothing is left over.
func (h *simHistory) checkEnd() {
	state := h.recall()
	_ = h.source.locked(func() error {
		for oid, t := range h.source.now() {
			name := t.relation.String()
			remembered, ok := state.Tables[name]
			switch {
			case !ok:
				h.wrong("table %s is not remembered", name)
				continue
			case remembered.Phase != apply.Streaming || remembered.OID != oid:
				h.wrong("table %s is %s in the end, and has oid %d for %d: %s", name, remembered.Phase, remembered.OID, oid, remembered.Reason)
				continue
			}
			if len(remembered.Columns) != len(t.relation.Columns) {
				h.wrong("table %s stands for %d columns in the end, and has %d", name, len(remembered.Columns), len(t.relation.Columns))
			}
			h.checkTable("everything", &remembered, h.source.end)
		}
		for name, slot := range h.source.slots {
			if name != simName || slot.temporary {
				h.wrong("G7: slot %s is left over", name)
			}
		}
		return nil
	})
}
