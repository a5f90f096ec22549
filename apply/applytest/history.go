package applytest

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

var (
	seedFlag  = flag.Uint64("applytest.seed", 0, "seed of the random history; 0 is a new one each time")
	stepsFlag = flag.Int("applytest.steps", 80, "batches of the random history")
)

// event is one change of the source and what its tables held after it.
type event struct {
	table    *apply.Table
	row      *change.Row     // nil for a truncate
	position change.Position // of the row or the truncate
	end      change.LSN      // where the transaction's commit record ends
	last     bool            // of its transaction
	after    map[*apply.Table][][]string
}

// source is a little PostgreSQL: tables whose rows change at random, and what
// its log would say of each change.
type source struct {
	rand   *rand.Rand
	tables []*apply.Table
	// keyed rows by id: doc, s, note. Values of keyless tables are in a list.
	keyed   map[*apply.Table]map[int][3]any
	keyless map[*apply.Table][][2]any
	lsn     uint64
	values  int
}

func (b *bench) newSource(r *rand.Rand) *source {
	s := &source{
		rand: r, lsn: 100, keyed: map[*apply.Table]map[int][3]any{}, keyless: map[*apply.Table][][2]any{},
		tables: []*apply.Table{
			b.table(0, "a", 1, "#id", "doc", "s", "note"),
			b.table(1, "b", 1, "#id", "doc", "s", "note"),
			b.table(2, "log", 0, "#n", "s"),
		},
	}
	for _, t := range s.tables[:2] {
		s.keyed[t] = map[int][3]any{}
	}
	return s
}

// transaction makes the events of one transaction.
func (s *source) transaction() []*event {
	s.lsn += 10
	var events []*event
	for seq := range 1 + s.rand.IntN(6) {
		e := s.change(At(s.lsn, uint64(seq)+1))
		e.end = change.LSN(s.lsn + 5)
		e.after = s.state()
		events = append(events, e)
	}
	events[len(events)-1].last = true
	return events
}

func (s *source) change(p change.Position) *event {
	t := s.tables[s.rand.IntN(len(s.tables))]
	if s.rand.IntN(40) == 0 {
		if t.Relation.Keyed() {
			clear(s.keyed[t])
		}
		s.keyless[t] = nil
		return &event{table: t, position: p}
	}
	if !t.Relation.Keyed() {
		row := [2]any{s.rand.IntN(3), s.value()}
		s.keyless[t] = append(s.keyless[t], row)
		return &event{table: t, position: p, row: Inserted(t, p, row[0], row[1])}
	}
	return &event{table: t, position: p, row: s.changeKeyed(t, p)}
}

const keys = 6

func (s *source) changeKeyed(t *apply.Table, p change.Position) *change.Row {
	rows := s.keyed[t]
	id := 1 + s.rand.IntN(keys)
	row, there := rows[id]
	if !there {
		row = [3]any{s.value(), s.value(), s.value()}
		rows[id] = row
		return Inserted(t, p, id, row[0], row[1], row[2])
	}
	if s.rand.IntN(5) == 0 {
		delete(rows, id)
		return Deleted(t, p, id)
	}
	// An update: each large value is left as it is, and then not sent, more
	// often than not. Sometimes the row gets another key.
	sent := [3]any{Unchanged{}, s.value(), Unchanged{}}
	row[1] = sent[1]
	for _, large := range []int{0, 2} {
		if s.rand.IntN(4) == 0 {
			row[large] = s.value()
			sent[large] = row[large]
		}
	}
	to := 1 + s.rand.IntN(keys)
	if _, taken := rows[to]; taken || s.rand.IntN(2) == 0 {
		rows[id] = row
		return Updated(t, p, id, sent[0], sent[1], sent[2])
	}
	delete(rows, id)
	rows[to] = row
	return Rekeyed(t, p, []any{id}, to, sent[0], sent[1], sent[2])
}

// value is a new one each time, or NULL.
func (s *source) value() any {
	s.values++
	if s.rand.IntN(6) == 0 {
		return nil
	}
	return fmt.Sprintf("v%d", s.values)
}

// state is what a reader of each table has to see.
func (s *source) state() map[*apply.Table][][]string {
	all := map[*apply.Table][][]string{}
	show := func(v any) string {
		if v == nil {
			return Null
		}
		return fmt.Sprint(v)
	}
	for _, t := range s.tables {
		rows := [][]string{}
		for id, r := range s.keyed[t] {
			rows = append(rows, []string{fmt.Sprint(id), show(r[0]), show(r[1]), show(r[2])})
		}
		for _, r := range s.keyless[t] {
			rows = append(rows, []string{show(r[0]), show(r[1])})
		}
		slices.SortFunc(rows, slices.Compare)
		all[t] = rows
	}
	return all
}

// player applies a history as a pipeline would, with an unlucky hand.
type player struct {
	*bench
	t       *testing.T
	rand    *rand.Rand
	source  *source
	history []*event
	// next is the event to apply; done, up to where all have been applied; high, how
	// far the target may have come; sure, whether it is known to stand exactly there.
	next, done, high int
	sure             bool
	// open: a transaction of the target's is.
	open       bool
	remembered apply.PipelineState
	truncated  map[*apply.Table]change.Position
}

func randomHistory(t *testing.T, b *bench) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-applytest.seed=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	p := &player{
		bench: b, t: t, rand: r, source: b.newSource(r), sure: true,
		remembered: shop(0), truncated: map[*apply.Table]change.Position{},
	}
	p.restart()
	for range *stepsFlag {
		p.step()
	}
}

// restart is what a new process does: it recalls, prepares, and goes on from
// the watermark.
func (p *player) restart() {
	p.reopen(p.t)
	state := p.recall(p.t, "shop")
	if !state.Known() {
		p.bench.remember(p.t, p.remembered)
	} else if state.Pipeline.Watermark < p.remembered.Watermark {
		p.t.Fatalf("the watermark went back from %s to %s", p.remembered.Watermark, state.Pipeline.Watermark)
	} else {
		p.remembered = state.Pipeline
	}
	clear(p.truncated)
	for _, table := range p.source.tables {
		p.prepare(p.t, table, apply.Keep, 0)
		p.truncated[table] = state.Tables[table.Relation.String()].TruncatedAt
	}
	p.next = p.firstBehind(p.remembered.Watermark)
}

// firstBehind is the first event of a transaction that ends behind an LSN.
func (p *player) firstBehind(watermark change.LSN) int {
	for i, e := range p.history {
		if e.end > watermark {
			return i
		}
	}
	return len(p.history)
}

// step applies one batch, and sometimes things go wrong before, during or after.
func (p *player) step() {
	n := 1 + p.rand.IntN(25)
	for p.next+n > len(p.history) {
		p.history = append(p.history, p.source.transaction()...)
	}
	batch := p.gather(p.next, p.next+n)
	err := p.apply(batch)
	if p.next+n >= p.high {
		p.high, p.sure = p.next+n, err == nil && !p.open
	}
	if err != nil {
		if !slices.Contains([]error{ErrInjected}, err) {
			p.t.Fatalf("apply events %d to %d: %v", p.next, p.next+n, err)
		}
		p.restart()
		return
	}
	p.next += n
	p.done = max(p.done, p.next)
	if batch.Watermark > p.remembered.Watermark {
		p.remembered.Watermark = batch.Watermark
	}
	p.check()
	switch p.rand.IntN(8) {
	case 0:
		p.restart()
	case 1:
		if p.exact() {
			break // it is never given again what it has
		}
		// Any stretch may come again, also one from before the watermark.
		back := p.rand.IntN(len(p.history))
		p.next = p.firstBehind(p.history[back].end - 1)
		p.next = min(p.next, p.done) // what a failed call has left out is never jumped over
	}
}

// apply has the batch applied by a target that may fail before, or after it did.
// One that is transactional is asked to commit when the batch ends a transaction,
// and may fail then too.
func (p *player) apply(batch *apply.Batch) error {
	target := NewFaulty(p.target)
	if p.rand.IntN(6) == 0 {
		target.Add(Fault{Method: []Method{Apply, Commit}[p.rand.IntN(2)], Kind: Kind(p.rand.IntN(2))})
	}
	err := target.Apply(p.ctx, batch)
	p.open = p.exact() && batch.Partial
	if err != nil || !p.exact() || p.open {
		return err
	}
	return target.Wrapped().(apply.Transactional).Commit(p.ctx)
}

// gather makes a batch of the events from ≤ i < to. It leaves out what a
// remembered truncate has removed, as the conductor does.
func (p *player) gather(from, to int) *apply.Batch {
	batch := &apply.Batch{Pipeline: "shop"}
	if tx, ok := p.target.(apply.Transactional); ok {
		if err := tx.Begin(p.ctx); err != nil {
			p.t.Fatalf("begin: %v", err)
		}
	}
	for _, e := range p.history[from:to] {
		if e.row == nil && e.position.Compare(p.truncated[e.table]) > 0 {
			p.truncated[e.table] = e.position
			p.bench.remember(p.t, p.remembered, apply.TableState{Relation: e.table.Relation.String(), TruncatedAt: e.position})
		}
	}
	for _, e := range p.history[from:to] {
		switch {
		case e.row == nil:
			batch.Truncate(e.table, e.position)
		case e.position.Compare(p.truncated[e.table]) > 0:
			if err := batch.Add(e.table, e.row); err != nil {
				p.t.Fatalf("add %v: %v", e.position, err)
			}
		}
		if e.last {
			batch.Watermark = e.end
		}
	}
	if p.exact() && !p.history[to-1].last {
		batch.Partial, batch.Watermark = true, 0
	}
	return batch
}

// check compares when the target's place in the history is known.
func (p *player) check() {
	at := p.high
	if !p.sure || at == 0 {
		return
	}
	p.t.Helper()
	want := p.history[at-1].after
	for _, table := range slices.SortedFunc(maps.Keys(want), func(a, b *apply.Table) int { return a.Number - b.Number }) {
		p.expect(p.t, table, want[table]...)
	}
}
