package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// found is a table that is there already.
type found struct {
	engine, engineFull       string
	sortingKey, partitionKey string
	comment                  string
	columns                  map[string]foundColumn
}

type foundColumn struct {
	typ         string
	kind        string // of its default: DEFAULT, MATERIALIZED, ALIAS
	inPartition bool
	inOrder     bool
	comment     string
}

// describe reads what the server says of a table; nil when there is none.
func (t *Target) describe(ctx context.Context, name string) (*found, error) {
	where := " WHERE database = " + text(t.address.database) + " AND table = " + text(name)
	f := &found{columns: map[string]foundColumn{}}
	rows, err := t.statements.Query(ctx, "SELECT engine, engine_full, sorting_key, partition_key, comment FROM system.tables"+where)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	if err := rows.Scan(&f.engine, &f.engineFull, &f.sortingKey, &f.partitionKey, &f.comment); err != nil {
		return nil, err
	}
	columns, err := t.statements.Query(ctx, "SELECT name, type, default_kind, is_in_partition_key, is_in_sorting_key, comment FROM system.columns"+where)
	if err != nil {
		return nil, err
	}
	defer columns.Close()
	for columns.Next() {
		var name string
		var c foundColumn
		var inPartition, inOrder uint8
		if err := columns.Scan(&name, &c.typ, &c.kind, &inPartition, &inOrder, &c.comment); err != nil {
			return nil, err
		}
		c.inPartition, c.inOrder = inPartition == 1, inOrder == 1
		f.columns[name] = c
	}
	return f, columns.Err()
}

// meet holds the plan against the table that is there, as [Target.adopt]. f is nil
// where there is none, and where it is to be made anew.
func (t *Target) meet(ctx context.Context, p *plan, existing apply.Existing) (f *found, missing []int, anew bool, err error) {
	if f, err = t.describe(ctx, p.table.Name); err != nil {
		return nil, nil, false, err
	}
	if anew, err = t.anew(ctx, p, f, existing); err != nil {
		return nil, nil, false, err
	}
	if f == nil || anew {
		return nil, nil, anew, t.checkPartition(ctx, p)
	}
	missing, err = t.adopt(ctx, p, f)
	return f, missing, false, err
}

// anew says that a table does not fit, was made by the pipeline, for other columns,
// and that no row has come to it.
func (t *Target) anew(ctx context.Context, p *plan, f *found, existing apply.Existing) (bool, error) {
	if f == nil || t.opts.Pipeline == "" || f.comment != apply.MadeBy(t.opts.Pipeline) || !existing.BeforeCopy() {
		return false, nil
	}
	like, err := t.newPlan(p.table)
	if err != nil {
		return false, err
	}
	if _, unfit := like.adopt(f, t.version); unfit == nil {
		return false, nil
	}
	return t.isEmpty(ctx, p)
}

func (t *Target) adopt(ctx context.Context, p *plan, f *found) (missing []int, err error) {
	if err := t.checkPartition(ctx, p); err != nil {
		return nil, err
	}
	if missing, err = p.adopt(f, t.version); err != nil {
		return nil, err
	}
	return missing, t.checkSamePartition(ctx, p, f)
}

// adopt holds the plan against a table that is there. It gives the columns that
// are missing, fits the plan to small differences that lose nothing, and names
// the first thing that cannot be.
func (p *plan) adopt(f *found, v version) (missing []int, err error) {
	if err := p.checkEngine(f); err != nil {
		return nil, unfit(err)
	}
	if err := p.checkOrder(f); err != nil {
		return nil, unfit(err)
	}
	for i, s := range p.specs {
		c, there := f.columns[s.name]
		switch {
		case there:
			err = p.fit(i, c, v)
		case p.inKey[i]:
			err = fmt.Errorf("column %s of the key is missing", change.QuoteIdent(s.name))
		default:
			missing = append(missing, i)
		}
		if err != nil {
			return nil, unfit(err)
		}
	}
	p.finish()
	return missing, nil
}

func unfit(err error) error {
	return fault.Precondition(fmt.Errorf("the table that is there cannot hold the rows exactly: %w", err),
		"give the source table another target name, or drop the table and start pgsluice again: it is then copied anew")
}

func (p *plan) checkEngine(f *found) error {
	if !strings.HasSuffix(f.engine, "ReplacingMergeTree") {
		return fmt.Errorf("its engine is %s, not ReplacingMergeTree(%s, %s)", f.engine, versionColumn, deletedColumn)
	}
	arguments, _, _ := strings.Cut(f.engineFull, " ")
	if full, _, ok := strings.Cut(f.engineFull, ") "); ok {
		arguments = full + ")"
	}
	if !strings.HasSuffix(arguments, versionColumn+", "+deletedColumn+")") {
		return fmt.Errorf("its engine is %s, without (%s, %s)", arguments, versionColumn, deletedColumn)
	}
	for _, s := range []*spec{versionSpec, deletedSpec} {
		if c, there := f.columns[s.name]; !there || c.typ != s.ddl {
			return fmt.Errorf("it has no column %s %s", s.name, s.ddl)
		}
	}
	return nil
}

// checkOrder wants the key's columns in the sorting key, in any order unless the
// user wants one, and nothing else: rows are told apart by it. And one key has to stay in one
// partition, or its rows never meet.
func (p *plan) checkOrder(f *found) error {
	want := p.orderBy()
	have, ok := unquoteList(f.sortingKey)
	if ok {
		a, b := slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(have))
		ok = slices.Equal(a, b) && (len(p.table.Wishes.OrderBy) == 0 || slices.Equal(want, have))
	}
	if !ok {
		return fmt.Errorf("it is ordered by (%s), and not by (%s)", f.sortingKey, idents(want))
	}
	for name, c := range f.columns {
		if c.inPartition && len(p.key) > 0 && !slices.Contains(want, name) {
			return fmt.Errorf("it is partitioned by column %s, which is not in the key: rows of one key would never meet", change.QuoteIdent(name))
		}
	}
	return nil
}

// fit accepts a column of the planned type, and of another that holds the same
// values: a wider number, a text without a dictionary, one that can be NULL.
func (p *plan) fit(column int, c foundColumn, v version) error {
	s, inKey := p.specs[column], p.inKey[column]
	switch c.kind {
	case "MATERIALIZED", "ALIAS", "EPHEMERAL":
		return fmt.Errorf("column %s is computed there (%s)", change.QuoteIdent(s.name), c.kind)
	}
	if sameType(c.typ, s.ddl) {
		return nil
	}
	refused := fmt.Errorf("column %s is %s there, the source's column needs %s", change.QuoteIdent(s.name), c.typ, s.ddl)
	typ, err := parseType(c.typ)
	if err != nil || inKey || s.wished {
		return refused
	}
	other := &spec{source: s.source, name: s.name, meaning: typemap.Resolve(p.table.Relation.Columns[column].Type), mayBeNull: s.mayBeNull, policy: s.policy}
	if other.become(typ, v) != nil || !sameType(other.ddl, c.typ) || len(other.losses) > len(s.losses) || !s.refusesAll(other.edges) {
		return refused
	}
	*s = *other
	return nil
}

// refusesAll says that the column holds none of the values either.
func (s *spec) refusesAll(edges []valueEdge) bool {
	for _, e := range edges {
		if !slices.ContainsFunc(s.edges, func(own valueEdge) bool { return own.value == e.value }) {
			return false
		}
	}
	return true
}
