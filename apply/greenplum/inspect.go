package greenplum

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// Server implements [apply.Inspector].
func (t *Target) Server() apply.ServerPlan {
	s := apply.ServerPlan{Version: t.server.version(), Features: t.server.features()}
	for name, value := range change.Settings() {
		s.Settings = append(s.Settings, name+" = "+value)
	}
	slices.Sort(s.Settings)
	return s
}

// Plan implements [apply.Inspector].
func (t *Target) Plan(ctx context.Context, table *apply.Table, existing apply.Existing) (*apply.TablePlan, error) {
	p, w, err := t.look(ctx, table, existing)
	if err != nil {
		return nil, err
	}
	plan := &apply.TablePlan{Table: table.Name}
	for _, s := range w.statements {
		plan.Statements = append(plan.Statements, s.sql)
	}
	for _, c := range p.columns {
		plan.Columns = append(plan.Columns, c.describe())
	}
	return plan, nil
}

// look makes a plan and holds it against what is there.
func (t *Target) look(ctx context.Context, table *apply.Table, existing apply.Existing) (p *plan, w *works, err error) {
	if p, err = t.newPlan(table); err != nil {
		return nil, nil, err
	}
	err = t.asking(ctx, fmt.Sprintf("plan table %s for %s", table.Name, table.Relation), func(conn *pgx.Conn) error {
		w, err = t.survey(ctx, conn, p, existing)
		return err
	})
	return p, w, err
}

// describe says in words how a column is mapped.
func (c *column) describe() apply.ColumnPlan {
	d := apply.ColumnPlan{
		Source: c.source.Name, SourceType: c.source.Type.Declared(), Name: c.bare(), Type: c.ddl, Nullable: !c.notNull,
		Losses: c.losses,
	}
	for _, e := range c.edges {
		d.Edges = append(d.Edges, apply.EdgePlan{Value: e.value, Becomes: c.becomes(e)})
	}
	return d
}

func (c *column) becomes(e edge) string {
	switch {
	case c.policy == apply.MakeNull && !c.notNull:
		return "NULL"
	case c.policy == apply.Clamp && e.clamped != "":
		return e.clamped
	}
	return "stops the table"
}
