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
	p, missing, anew, err := t.fitted(ctx, table, existing)
	if err != nil {
		return nil, err
	}
	plan := &apply.TablePlan{Table: p.name}
	if plan.Statements, err = t.statementsFor(ctx, p, missing, anew, existing); err != nil {
		return nil, t.failed(ctx, "plan table "+p.name, err)
	}
	for i, s := range p.specs {
		plan.Columns = append(plan.Columns, s.describe(table.Relation.Columns[i].Type))
	}
	return plan, nil
}

// statementsFor are what Prepare would run: for a table that is not there, or is made
// anew, where missing is nil, or for the columns that one lacks.
func (t *Target) statementsFor(ctx context.Context, p *plan, missing []int, anew bool, existing apply.Existing) (statements []string, err error) {
	if missing == nil {
		there, err := t.hasDatabase(ctx)
		if err != nil {
			return nil, err
		}
		if !there {
			statements = append(statements, t.createDatabaseStatement())
		}
		if anew {
			statements = append(statements, dropTable(p.name))
		}
		return append(statements, p.createTable(t.tableEnd())), nil
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
// the columns that one lacks; nil when there is no table, or it is to be made anew.
func (t *Target) fitted(ctx context.Context, table *apply.Table, existing apply.Existing) (p *plan, missing []int, anew bool, err error) {
	if p, err = t.newPlan(table); err != nil {
		return nil, nil, false, err
	}
	found, missing, anew, err := t.meet(ctx, p, existing)
	if err != nil {
		return nil, nil, false, t.failed(ctx, fmt.Sprintf("plan table %s for %s", p.name, table.Relation), err)
	}
	if found != nil && missing == nil {
		missing = []int{}
	}
	return p, missing, anew, nil
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
