package clickhouse

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

var _ apply.Inspector = (*Target)(nil)

// Server implements [apply.Inspector].
func (t *Target) Server() apply.ServerPlan {
	s := apply.ServerPlan{Version: "ClickHouse " + t.version.String(), Features: t.version.features()}
	for _, setting := range insertSettings {
		s.Settings = append(s.Settings, setting.Key+" = "+setting.Value)
	}
	return s
}

// Plan implements [apply.Inspector].
func (t *Target) Plan(ctx context.Context, table *apply.Table, existing apply.Existing) (*apply.TablePlan, error) {
	p, missing, err := t.fitted(ctx, table)
	if err != nil {
		return nil, err
	}
	plan := &apply.TablePlan{Table: p.name}
	if plan.Statements, err = t.statementsFor(ctx, p, missing, existing); err != nil {
		return nil, t.failed(ctx, "plan table "+p.name, err)
	}
	for i, s := range p.specs {
		plan.Columns = append(plan.Columns, s.describe(table.Relation.Columns[i].Type))
	}
	return plan, nil
}

// statementsFor are what Prepare would run: for a table that is not there, where
// missing is nil, or for the columns that one lacks.
func (t *Target) statementsFor(ctx context.Context, p *plan, missing []int, existing apply.Existing) (statements []string, err error) {
	if missing == nil {
		there, err := t.hasDatabase(ctx)
		if err != nil {
			return nil, err
		}
		if !there {
			statements = append(statements, t.createDatabaseStatement())
		}
		return append(statements, p.createTable(t.tableSettings())), nil
	}
	empty, err := t.isEmpty(ctx, p)
	if existing == apply.Truncate && !empty {
		statements, empty = append(statements, "TRUNCATE TABLE "+p.name), true
	}
	for _, i := range missing {
		if err != nil {
			return nil, err
		}
		var statement string
		statement, err = t.addColumnStatement(ctx, p, i, empty)
		statements = append(statements, statement)
	}
	return statements, err
}

// fitted is the plan of a table, held against the one that is there. missing are
// the columns that one lacks; nil when there is no table.
func (t *Target) fitted(ctx context.Context, table *apply.Table) (p *plan, missing []int, err error) {
	doing := fmt.Sprintf("plan table %s for %s", t.tableName(table.Name), table.Relation)
	if p, err = t.newPlan(table); err != nil {
		return nil, nil, err
	}
	found, err := t.describe(ctx, table.Name)
	if err != nil {
		return nil, nil, t.failed(ctx, doing, err)
	}
	if found == nil {
		return p, nil, t.failed(ctx, doing, t.checkPartition(ctx, p))
	}
	if missing, err = t.adopt(ctx, p, found); err != nil {
		return nil, nil, t.failed(ctx, doing, err)
	}
	if missing == nil {
		missing = []int{}
	}
	return p, missing, nil
}

// describe says in words how a column is mapped.
func (s *spec) describe(from *change.Type) apply.ColumnPlan {
	c := apply.ColumnPlan{
		Source: s.source, SourceType: from.Declared(), Name: s.name, Type: s.ddl, Nullable: s.nullable,
		Losses: s.losses,
	}
	for _, e := range s.edges {
		c.Edges = append(c.Edges, apply.EdgePlan{Value: e.value, Becomes: s.becomes(e)})
	}
	return c
}

func (s *spec) becomes(e valueEdge) string {
	switch {
	case s.policy == apply.MakeNull && e.null != "":
		return e.null
	case s.policy == apply.Clamp && e.nearest != "":
		return e.nearest
	}
	return "stops the table"
}
