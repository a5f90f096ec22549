package sync

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/typemap"
)

// table is a table of the pipeline during one attempt.
type table struct {
	source *snapshot.Table
	number int
	name   string // quoted, as in TableState
	target string
	query  snapshot.Query

	// state belongs to whoever writes progress: the loader, then the apply loop.
	state apply.TableState
	// prepared is what the target has been made able to hold; apply loop only.
	prepared *apply.Table
	// shape is what the target's table stood for when the stream began.
	shape []apply.ColumnShape
	// announced is what the stream last announced; gather loop only.
	announced *apply.Table
	// skipBefore and truncatedAt are the skip rules; fixed for the attempt.
	skipBefore  change.LSN
	truncatedAt change.Position

	// again: an earlier copy of this pipeline was thrown away for this one.
	again bool
	// parked: the table failed, its rows go nowhere.
	parked atomic.Bool
	count  *counters
}

// counters are a table's numbers over all attempts of a process.
type counters struct {
	loadedRows, loadedBytes atomic.Int64
	applied                 atomic.Int64
}

// newTable describes a table of the source as the pipeline moves it: published
// is nil where nothing narrows it down.
func (p *Pipeline) newTable(source *snapshot.Table, number int, published *replication.Published, streamed bool) (*table, error) {
	narrowed := narrow(source.Relation, published, streamed)
	for i := range source.Relation.Key {
		if len(narrowed.Key) != len(source.Relation.Key) {
			return nil, fault.Precondition(
				fmt.Errorf("publication %s leaves column %s, which is part of the key, out of table %s",
					p.config.Publication, change.QuoteIdent(source.Relation.Columns[source.Relation.Key[i]].Name), source.Relation),
				"publish the whole key: ALTER PUBLICATION … SET TABLE …")
		}
	}
	t := &table{
		source: source, number: number, name: source.Relation.String(),
		target: p.config.TargetName(source.Relation.Schema, source.Relation.Name),
		query:  snapshot.Query{Relation: narrowed, AsText: make([]bool, len(narrowed.Columns))},
		count:  p.countersOf(source.Relation.String()),
	}
	if published != nil {
		t.query.RowFilter = published.RowFilter
	}
	for i, c := range narrowed.Columns {
		t.query.AsText[i] = !typemap.Resolve(c.Type).BinaryOK
	}
	if !narrowed.Keyed() && len(source.Leaves) > snapshot.MaxLeaves {
		return nil, fault.Precondition(fmt.Errorf("table %s has no key and more than %d partitions", t.name, snapshot.MaxLeaves), "give it a primary key, or leave it out")
	}
	return t, nil
}

// narrow leaves in a relation the columns that both the copy and the stream
// bring, so that the two paths agree. A one-shot load brings all of them.
func narrow(r *change.Relation, published *replication.Published, streamed bool) *change.Relation {
	if !streamed {
		return r
	}
	n := *r
	n.Columns, n.Key = nil, nil
	moved := make(map[int]int, len(r.Columns))
	for i, c := range r.Columns {
		if published != nil && published.Columns != nil {
			if !slices.Contains(published.Columns, c.Name) {
				continue
			}
		} else if c.Generated {
			continue
		}
		moved[i] = len(n.Columns)
		n.Columns = append(n.Columns, c)
	}
	for _, i := range r.Key {
		if to, ok := moved[i]; ok {
			n.Key = append(n.Key, to)
		}
	}
	return &n
}

// needsText says whether the stream has to come in text because a value of the
// relation cannot be read in binary. A type without a binary form of its own
// comes as text anyhow.
func needsText(r *change.Relation) bool {
	for _, c := range r.Columns {
		if !typemap.Resolve(c.Type).BinaryOK && !c.Type.Underlying().TextOnly {
			return true
		}
	}
	return false
}

// checkNames refuses an empty pipeline, and two tables that would be one.
func (p *Pipeline) checkNames(tables []*table) error {
	if len(tables) == 0 {
		return fault.Usage(fmt.Errorf("no table of the source matches %s", joinPatterns(p.config.Patterns)),
			"patterns are schema.table with * for any run of characters; system, temporary, unlogged and foreign tables and views are never matched")
	}
	byTarget := map[string]*table{}
	for _, t := range tables {
		if other := byTarget[t.target]; other != nil {
			return fault.Usage(fmt.Errorf("%s and %s would both be written to %s in the target", other.name, t.name, t.target),
				"leave one out, or give target.table a template that tells them apart, such as {schema}_{table}")
		}
		byTarget[t.target] = t
	}
	return nil
}

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
	var m []*table
	for _, t := range tables {
		if t.state.Phase != apply.Copied && t.state.Phase != apply.Streaming {
			m = append(m, t)
		}
	}
	slices.SortStableFunc(m, func(a, b *table) int { return cmp.Compare(b.source.Bytes, a.source.Bytes) })
	return m
}

// park gives a table up while the others go on. Its state is the caller's to have
// remembered.
func (p *Pipeline) park(t *table, err error) {
	t.fail(err)
	p.log.Error("a table failed; the others go on", "table", t.name, "error", err, "hint", remedy(err))
}

// fail records in the state why the table stands still.
func (t *table) fail(err error) {
	t.parked.Store(true)
	t.state.Phase = apply.Failed
	var of *apply.TableError
	if errors.As(err, &of) {
		err = of.Err
	}
	t.state.Reason, t.state.Hint = err.Error(), remedy(err)
}

// remedy is what to do about a table that failed. What a value can be made to is
// for the configuration to say, of which targets know nothing.
func remedy(err error) string {
	var value *apply.ValueError
	if errors.As(err, &value) {
		return "change the value at the source, or choose on_unrepresentable: null or clamp, and start pgsluice again: the table is then copied anew"
	}
	return fault.Hint(err)
}
