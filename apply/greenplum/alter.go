package greenplum

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// keptMark ends the comment of a column that the source does not have any more.
const keptMark = "dropped in the source"

// Alter implements [apply.Target].
func (t *Target) Alter(ctx context.Context, table *apply.Table, was []apply.ColumnShape, drop bool) error {
	p, err := t.newPlan(table)
	if err != nil {
		return err
	}
	doing := fmt.Sprintf("alter table %s for %s", table.Name, table.Relation)
	d, err := apply.Differ(table, was)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err = t.within(ctx, doing, func(conn *pgx.Conn) error {
		if err := t.reshape(ctx, conn, p, d, drop); err != nil {
			return err
		}
		w, err := t.survey(ctx, conn, p, apply.Keep)
		if err == nil && w.refused != nil {
			err = w.refused
		}
		if fault.Unmet(err) { // a table that is made anew is as it should be
			return apply.Rebuild("%v", err)
		}
		if err == nil {
			err = t.work(ctx, conn, p, w)
		}
		return t.relied(table, err)
	})
	if err == nil {
		t.keepPlan(p)
	}
	return err
}

// reshape does everything but to add columns and to let them be NULL, which Prepare
// does as well.
func (t *Target) reshape(ctx context.Context, conn *pgx.Conn, p *plan, d *apply.Difference, drop bool) error {
	f, err := t.server.describe(ctx, conn, p.schema, p.name)
	if err == nil && f == nil {
		err = apply.Rebuild("there is no table %s", p.quoted)
	}
	if err != nil {
		return err
	}
	steps, err := d.Steps(p.table, func(name string) bool { return f.columns[name] != nil },
		func(name string) bool { return f.columns[name].dropped() }, drop)
	if err != nil {
		return err
	}
	if err := p.checkUntold(ctx, conn, d, f); err != nil {
		return err
	}
	if err := t.relied(p.table, executeAll(ctx, conn, p.reshaping(f, steps)...)); err != nil {
		return err
	}
	return t.widen(ctx, conn, p, d)
}

// checkUntold refuses new columns of which PostgreSQL may have written values into
// the rows that are there, and says nothing of it in its log.
func (p *plan) checkUntold(ctx context.Context, conn *pgx.Conn, d *apply.Difference, f *found) error {
	for i, c := range p.columns {
		if d.Was[i] != nil || f.columns[c.bare()] != nil || c.source.Missing != nil || !c.source.Defaulted {
			continue
		}
		if empty, err := isEmpty(ctx, conn, p.quoted); err != nil || empty {
			return err
		}
		return apply.Rebuild("add column %s: %v", c.name, errUntold)
	}
	return nil
}

// reshaping are the statements for the steps.
func (p *plan) reshaping(f *found, s *apply.Steps) (all []string) {
	alter := "ALTER TABLE " + p.quoted + " "
	for _, name := range s.Drop {
		all = append(all, alter+"DROP COLUMN "+change.AlwaysQuote(name))
	}
	for _, name := range s.Keep {
		c, quoted := f.columns[name], change.AlwaysQuote(name)
		if c.notNull {
			all = append(all, alter+"ALTER COLUMN "+quoted+" DROP NOT NULL")
		}
		mark := keptMark
		if c.comment != "" {
			mark = c.comment + "; " + mark
		}
		all = append(all, "COMMENT ON COLUMN "+p.quoted+"."+quoted+" IS "+literal(mark))
	}
	for _, r := range s.Rename {
		all = append(all, alter+"RENAME COLUMN "+change.AlwaysQuote(r[0])+" TO "+change.AlwaysQuote(r[1]))
	}
	return all
}

// widen gives columns types that hold what the source's hold now. Everything else
// has been done to them.
func (t *Target) widen(ctx context.Context, conn *pgx.Conn, p *plan, d *apply.Difference) error {
	if _, err := t.server.makeTypes(ctx, conn, p); err != nil {
		return err
	}
	if err := t.server.consult(ctx, conn, p); err != nil {
		return err
	}
	p.expect(t.server)
	f, err := t.server.describe(ctx, conn, p.schema, p.name)
	if err != nil {
		return err
	}
	for i, c := range p.columns {
		there := f.columns[c.bare()]
		if d.Was[i] == nil || there == nil {
			continue
		}
		if d.Retyped(i, c.source) && (c.typ == nil || there.oid == textOID) && !apply.SameText(c.source.Type, d.Was[i]) {
			return apply.Rebuild("column %s is text there, and PostgreSQL prints it otherwise as %s", c.name, c.source.Type.Declared())
		}
		if c.fits(there) {
			continue
		}
		using, ok := c.widens(there)
		if !ok || slices.Contains(f.distribution, there.name) {
			return apply.Rebuild("column %s is %s there, the source's column needs %s", c.name, there.typ, c.ddl)
		}
		sql := "ALTER TABLE " + p.quoted + " ALTER COLUMN " + c.name + " TYPE " + c.ddl + using
		if _, err := conn.Exec(ctx, sql); err != nil {
			return t.relied(p.table, err)
		}
	}
	return nil
}

// Types of pg_catalog that others can become.
const (
	bitOID         = 1560
	cidrOID        = 650
	inetOID        = 869
	timestampOID   = 1114
	timestamptzOID = 1184
	timeOID        = 1083
	timetzOID      = 1266
	textsOID       = 1009
	varcharsOID    = 1015
)

// binarySame are types whose values are, without a modifier, values of another in
// the same bytes, with how they become those.
var binarySame = map[[2]uint32]string{
	{varcharOID, textOID}:          "",
	{textOID, varcharOID}:          "",
	{varcharsOID, textsOID}:        "",
	{textsOID, varcharsOID}:        "",
	{bitOID, varbitOID}:            "",
	{cidrOID, inetOID}:             "",
	{timestampOID, timestamptzOID}: "UTC",
	{timestamptzOID, timestampOID}: "UTC",
}

// widens says that the column's type holds all values of the one that is there, and
// how they become its own.
func (c *column) widens(there *foundColumn) (using string, ok bool) {
	if there.computed {
		return "", false
	}
	if there.oid != c.oid {
		zone, ok := binarySame[[2]uint32{there.oid, c.oid}]
		if zone != "" {
			using = " USING " + c.name + " AT TIME ZONE " + literal(zone)
		}
		return using, ok && (c.modifier < 0 || zone != "" && (there.modifier >= 0 && there.modifier <= c.modifier))
	}
	if c.modifier < 0 {
		return "", true
	}
	if there.modifier < 0 {
		return "", false
	}
	switch c.oid {
	case varcharOID, varbitOID, timestampOID, timestamptzOID, timeOID, timetzOID:
		return "", there.modifier < c.modifier
	case numericOID:
		have, scale, _ := change.NumericModifier(there.modifier)
		want, wantScale, _ := change.NumericModifier(c.modifier)
		return "", scale == wantScale && have < want
	}
	return "", false
}

const dependentObjects = "2BP01"

// relied names what relies on a column so that the server does not change it. A
// table that is made anew could not take its place either.
func (t *Target) relied(table *apply.Table, err error) error {
	switch postgres.Code(err) {
	case dependentObjects, featureNotSupported:
		return &apply.TableError{Table: table, Err: fault.Advise(judge(err),
			"drop what relies on it, a view perhaps, have pgsluice resync the table, and create it again")}
	}
	return err
}
