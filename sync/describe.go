package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
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
	return t, own, a.checkWhere(ctx, t, streamed, own)
}

// stranded is a table that cannot be gone on with.
func (p *Pipeline) stranded(source *snapshot.Table, number int, was apply.TableState, why error) *table {
	t := &table{
		source: source, number: number, name: source.Relation.String(), target: was.Target, state: was,
		query: snapshot.Query{Relation: source.Relation}, count: p.countersOf(source.Relation.String()),
	}
	t.state.Relation = t.name
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
		if t.Phase != apply.Pending {
			t.Phase = apply.Pending
			a.left = append(a.left, t)
		}
	}
}

// checkWhere looks at a table's condition.
func (a *attempt) checkWhere(ctx context.Context, t *table, streamed bool, found *trouble) error {
	where := t.wish.Where
	if where == "" {
		return nil
	}
	if streamed && a.catalog.Version < rowFilters {
		found.add(checkWhere, t.name, fault.Precondition(
			fmt.Errorf("where of table %s needs PostgreSQL 15 or later to be streamed, and the source is %d: before, publications have no conditions on rows",
				t.name, a.catalog.Version/10000),
			"take where out of the configuration, or copy the table with `pgsluice load`, which can"))
		return nil
	}
	if err := a.catalog.CheckFilter(ctx, t.source, where); err != nil {
		if !fault.IsUsage(err) {
			return err
		}
		found.add(checkWhere, t.name, err)
		return nil
	}
	// While such a table is published, PostgreSQL refuses every UPDATE and DELETE
	// on it: not pgsluice's, the application's.
	ops := a.p.config.Operations
	if !streamed || !ops.Update && !ops.Delete || t.source.IdentityFull() {
		return nil
	}
	var identity []string
	if r := t.source.Relation; r.Identity != change.IdentityNothing {
		for _, i := range r.Key {
			identity = append(identity, r.Columns[i].Name)
		}
	}
	beyond, err := a.catalog.FilterBeyond(ctx, t.source, where, identity)
	if err != nil || len(beyond) == 0 {
		return err
	}
	for i, name := range beyond {
		beyond[i] = change.QuoteIdent(name)
	}
	found.add(checkWhere, t.name, fault.Precondition(
		fmt.Errorf("where of table %s reads %s, which is not part of its replica identity: while the table is published so, PostgreSQL refuses UPDATE and DELETE on it",
			t.name, strings.Join(beyond, ", ")),
		identityFullSQL(t.source)))
	return nil
}

// rowFilters is the first version whose publications have conditions on rows.
const rowFilters = 150000
