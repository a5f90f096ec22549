package sync

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// table is a table of the pipeline during one attempt.
type table struct {
	source *snapshot.Table
	number int
	name   string // quoted, as in TableState
	target string
	wish   TableWish
	query  snapshot.Query
	// shared: the target's table may hold rows that the source does not tell of.
	shared bool
	// extended: the order has made columns beside the key part of it.
	extended bool

	// state belongs to whoever writes progress: the loader, then the apply loop.
	state apply.TableState
	// prepared is what the target has been made able to hold; apply loop only.
	prepared *apply.Table
	// shape is what the target's table stands for behind the rows gathered so far,
	// since shapedAt; files where the rows were kept of which that is true. Gather
	// loop only.
	shape    []apply.ColumnShape
	shapedAt change.Position
	earlier  []apply.Shaped
	files    []apply.File
	// given is the state's; copied the shape with the entries of the copy, nil where
	// it is not known any more. Gather loop only.
	given  int16
	copied []apply.ColumnShape
	// announced is what the stream last announced; gather loop only.
	announced *apply.Table
	// wire is the relation that the stream's rows have, and project where in them
	// the columns of the announced one are: nil where the two are the same.
	wire    *change.Relation
	project []int
	// doubt is why what was last announced cannot be followed; it counts from the
	// first row on that is not from before the copy. Gather loop only.
	doubt error
	// skipBefore and truncatedAt are the skip rules; fixed for the attempt.
	skipBefore  change.LSN
	goneSince   change.LSN // from here to skipBefore, rows that are gone count
	truncatedAt change.Position

	// recopy: it is to be copied though it was.
	recopy bool
	// again: an earlier copy of this pipeline was thrown away for this one.
	again bool
	// tries counts the copies since it last streamed.
	tries int
	// parked: the table failed, its rows go nowhere.
	parked atomic.Bool
	count  *counters
}

// counters are a table's numbers over all attempts of a process.
type counters struct {
	loadedRows, loadedBytes atomic.Int64
	applied                 atomic.Int64
	// What the source did of what was applied.
	inserted, updated, deleted, truncated atomic.Int64
}

// newTable describes a table of the source as the pipeline moves it: published
// is nil where nothing narrows it down, was what was wanted of it when it was
// copied. What of its wishes cannot be had, and what else is in the way, is in
// faults.
func (p *Pipeline) newTable(source *snapshot.Table, number int, published *replication.Published, was *apply.Wanted, streamed bool) (t *table, faults []error) {
	r := source.Relation
	wish := p.config.Wishes[r.String()]
	narrowed := narrow(r, published, &wish, streamed)
	for _, i := range r.Key {
		if name := r.Columns[i].Name; position(narrowed, name) < 0 && !wish.excludes(name) {
			return nil, []error{fault.Precondition(
				fmt.Errorf("publication %s leaves column %s, which is part of the key, out of table %s", p.config.Publication, change.QuoteIdent(name), r),
				"publish the whole key: ALTER PUBLICATION … SET TABLE …")}
		}
	}
	if faults := wish.since(r, was).faults(source, narrowed, streamed); len(faults) > 0 {
		return nil, faults
	}
	if !narrowed.Keyed() && len(source.Leaves) > snapshot.MaxLeaves {
		return nil, []error{fault.Precondition(fmt.Errorf("table %s has no key and more than %d partitions", r, snapshot.MaxLeaves), "give it a primary key, or leave it out")}
	}
	ordered := wish.ordered(narrowed)
	t = &table{
		source: source, number: number, name: r.String(), target: p.targetOf(r), wish: wish,
		query:    snapshot.Query{Relation: ordered, AsText: make([]bool, len(ordered.Columns)), RowFilter: wish.Where},
		extended: len(ordered.Key) > len(r.Key), count: p.countersOf(r.String()),
	}
	if published != nil {
		// A wish of the table's is the same condition, or the run ends before a row
		// is read.
		t.query.RowFilter = published.RowFilter
	}
	c := &p.config
	t.shared = c.Existing == apply.Keep || !c.Copy || !c.Operations.All()
	if p.target != nil {
		into := t.into(ordered)
		for i := range ordered.Columns {
			t.query.AsText[i] = !p.target.Binary(into, i)
		}
	}
	return t, nil
}

// into is the table's place in the target, for a relation of it.
func (t *table) into(r *change.Relation) *apply.Table {
	return &apply.Table{Relation: r, Name: t.target, Number: t.number, Wishes: t.wish.of(r), Shared: t.shared}
}

// narrow leaves in a relation the columns that both the copy and the stream
// bring, so that the two paths agree, without the excluded ones. A one-shot load
// brings all others.
func narrow(r *change.Relation, published *replication.Published, wish *TableWish, streamed bool) *change.Relation {
	brings := func(c *change.Column) bool {
		switch {
		case wish.excludes(c.Name):
			return false
		case !streamed:
			return true
		case published != nil && published.Columns != nil:
			return slices.Contains(published.Columns, c.Name)
		}
		return !c.Generated
	}
	n := *r
	n.Columns, n.Key = nil, nil
	moved := make(map[int]int, len(r.Columns))
	for i := range r.Columns {
		if brings(&r.Columns[i]) {
			moved[i] = len(n.Columns)
			n.Columns = append(n.Columns, r.Columns[i])
		}
	}
	for _, i := range r.Key {
		if to, ok := moved[i]; ok {
			n.Key = append(n.Key, to)
		}
	}
	return &n
}

// needsText says whether the stream has to come in text because the target does
// not take a value of the relation in binary. A type without a binary form of its
// own comes as text anyhow.
func (p *Pipeline) needsText(t *table, r *change.Relation) bool {
	into := t.into(r)
	for i, c := range r.Columns {
		if !c.Type.Underlying().TextOnly && !p.target.Binary(into, i) {
			return true
		}
	}
	return false
}

// targetOf is the name that a table has in the target.
func (p *Pipeline) targetOf(r *change.Relation) string {
	return cmp.Or(p.config.Wishes[r.String()].Target, p.config.TargetName(r.Schema, r.Name))
}

// checkNames gives the faults of tables that would be one.
func (p *Pipeline) checkNames(sources []*snapshot.Table) (faults []error) {
	byTarget := map[string]*change.Relation{}
	for _, source := range sources {
		r := source.Relation
		target := p.targetOf(r)
		if other := byTarget[target]; other != nil {
			faults = append(faults, fault.Usage(fmt.Errorf("%s and %s would both be written to %s in the target", other, r, target),
				namesRemedy))
			continue
		}
		byTarget[target] = r
	}
	return faults
}

const namesRemedy = "leave one out, give one a target of its own, or give target.table a template that tells them apart, such as {schema}_{table}"

func joinPatterns(patterns []snapshot.Pattern) string {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// missing are the tables that have yet to be copied, largest first, so that the
// last to end is not the largest.
func missing(tables []*table) []*table {
	m := slices.DeleteFunc(slices.Clone(tables), func(t *table) bool { return !t.toCopy() })
	slices.SortStableFunc(m, func(a, b *table) int { return cmp.Compare(b.source.Bytes, a.source.Bytes) })
	return m
}

// takeSkips has the stream leave out what the copy has.
func (t *table) takeSkips(s *apply.TableState) {
	t.skipBefore, t.goneSince, t.truncatedAt = s.CopiedAt, s.CopiedAt, s.TruncatedAt
	if s.Since != 0 {
		t.goneSince = s.Since
	}
}

// takeShape has the gather loop go on from what is remembered of the table.
func (t *table) takeShape() {
	t.shape, t.shapedAt, t.earlier, t.files = t.state.Columns, t.state.ShapedAt, t.state.Earlier, t.state.Files
	t.given, t.copied = t.state.Given, nil
	if t.shapedAt == (change.Position{Commit: t.state.CopiedAt}) {
		t.copied = t.shape
	}
}

// given is the highest attribute number that a column of the table has or has had.
func given(t *snapshot.Table) (highest int16) {
	for _, c := range t.Relation.Columns {
		highest = max(highest, c.Attnum)
	}
	for _, attnum := range t.Dropped {
		highest = max(highest, attnum)
	}
	return highest
}

func (t *table) toCopy() bool {
	return t.recopy || t.state.Phase != apply.Copied && t.state.Phase != apply.Streaming
}

// park gives a table up while the others go on. Its state is the caller's to have
// remembered.
func (p *Pipeline) park(t *table, err error) {
	t.fail(err)
	p.sayFailed(t, err)
}

func (p *Pipeline) sayFailed(t *table, err error) {
	p.countError(err)
	p.log.Error("a table failed; the others go on", "table", t.name, "error", err, "hint", remedy(err))
}

func (t *table) fail(err error) {
	t.parked.Store(true)
	markFailed(&t.state, err)
}

// markFailed records in a state why the table stands still.
func markFailed(s *apply.TableState, err error) {
	s.Phase, s.FailedAt = apply.Failed, time.Now().UTC().Round(time.Millisecond)
	var of *apply.TableError
	if errors.As(err, &of) {
		err = of.Err
	}
	s.Reason, s.Hint = err.Error(), remedy(err)
}

// markPending records in a state why the table is to be copied anew.
func markPending(s *apply.TableState, why string) {
	s.Phase, s.Reason, s.Hint, s.FailedAt = apply.Pending, why, "", time.Time{}
}

// markLeft records in a state that the table is not the pipeline's any more.
func markLeft(s *apply.TableState, why string) {
	markPending(s, why)
	s.Left = true
}

// remedy is what to do about a table that failed. What a value can be made to is
// for the configuration to say, of which targets know nothing.
func remedy(err error) string {
	var value *apply.ValueError
	if hint := fault.Hint(err); hint != "" || !errors.As(err, &value) {
		return hint
	}
	return "change the value at the source, or choose on_unrepresentable: null or clamp, or another type for the column (types, docs/types.md), and start pgsluice again: the table is then copied anew"
}
