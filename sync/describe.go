package sync

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// The names of what sync itself looks at, in findings.
const (
	checkSource      = "source"
	checkPipeline    = "pipeline"
	checkTables      = "tables"
	checkWishes      = "wishes"
	checkWhere       = "where"
	checkNames       = "target_names"
	checkWanted      = "changed_wishes"
	checkPublication = "publication"
	checkSlot        = "slot"
)

// describe finds the pipeline's tables and what is wanted of them. Tables whose
// wishes cannot be had are not among the attempt's. The error is that the looking
// failed.
func (a *attempt) describe(ctx context.Context, streamed bool) (*trouble, error) {
	p, found := a.p, &trouble{}
	sources, err := a.catalog.Tables(ctx, p.config.Patterns)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		found.add(checkTables, "", fault.Usage(fmt.Errorf("no table of the source matches %s", joinPatterns(p.config.Patterns)),
			"patterns are schema.table with * for any run of characters; system, temporary, unlogged and foreign tables and views are never matched"))
	}
	unmet := maps.Clone(p.config.Wishes)
	for i, source := range sources {
		name := source.Relation.String()
		delete(unmet, name)
		t, own, err := a.describeTable(ctx, source, i, streamed)
		if err != nil {
			return nil, err
		}
		if len(own.found) > 0 && p.began.Load() {
			// The table has changed since the pipeline began: it stops, the others go on.
			t = p.stranded(source, i, a.before.Tables[name], own.err())
			a.left = append(a.left, t.state)
		} else if found.merge(own); len(own.found) > 0 {
			continue
		}
		a.tables = append(a.tables, t)
	}
	for _, name := range slices.Sorted(maps.Keys(unmet)) {
		found.add(checkWishes, name, fault.Usage(fmt.Errorf("the configuration has wishes for table %s, and no table of that name is selected", name),
			"names fold to lower case unless they are in double quotes; system, temporary, unlogged and foreign tables, partitions and views are never selected, nor is what a pattern with ! leaves out"))
	}
	found.add(checkNames, "", p.checkNames(sources)...)
	a.leave(sources)
	return found, a.compareWanted(ctx, found)
}

// describeTable finds what is wanted of one table, and what of it cannot be had.
func (a *attempt) describeTable(ctx context.Context, source *snapshot.Table, number int, streamed bool) (*table, *trouble, error) {
	name, own := source.Relation.String(), &trouble{}
	t, faults := a.p.newTable(source, number, a.wouldPublish(source), a.before.Tables[name].Wanted, streamed)
	own.add(checkWishes, name, faults...)
	if len(faults) > 0 {
		return nil, own, nil
	}
	if !streamed || a.before.Pipeline.Slot != "" {
		t.state = a.before.Tables[name] // what a one-shot load has copied is joined to no slot
	}
	if t.wish.Where != "" {
		// No statement is made of what has not been seen to be a condition.
		err := a.catalog.CheckFilter(ctx, source, t.wish.Where)
		if err != nil && !fault.IsUsage(err) {
			return nil, nil, err
		}
		own.add(checkWhere, name, err)
	}
	return t, own, nil
}

// stranded is a table that cannot be gone on with.
func (p *Pipeline) stranded(source *snapshot.Table, number int, was apply.TableState, why error) *table {
	r := source.Relation
	was.Relation, was.Target = r.String(), cmp.Or(was.Target, p.targetOf(r))
	t := &table{
		source: source, number: number, name: was.Relation, target: was.Target, state: was,
		query: snapshot.Query{Relation: r}, count: p.countersOf(was.Relation),
	}
	p.park(t, why)
	return t
}

// wouldPublish is how a publication that pgsluice makes publishes a table, as
// long as there is none: nil where it says nothing that is not known.
func (a *attempt) wouldPublish(source *snapshot.Table) *replication.Published {
	if a.catalog.Version < storedPublished {
		return nil
	}
	p := &replication.Published{RowFilter: a.p.config.Wishes[source.Relation.String()].Where}
	for _, c := range source.Relation.Columns {
		if !c.Virtual {
			p.Columns = append(p.Columns, c.Name)
		}
	}
	return p
}

// storedPublished is the first version whose publications can have generated
// columns, the stored ones.
const storedPublished = 180000

// leave finds the tables that are not selected any more. The watermark moves on
// without them: should they be again, they have to be copied.
func (a *attempt) leave(sources []*snapshot.Table) {
	left := maps.Clone(a.before.Tables)
	for _, source := range sources {
		delete(left, source.Relation.String())
	}
	for _, t := range left {
		if t.Phase != apply.Pending || !t.Left {
			t.Phase, t.Left = apply.Pending, true
			a.left = append(a.left, t)
		}
	}
}
