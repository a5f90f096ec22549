package clickhouse

import (
	"fmt"
	"log/slog"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// The columns every table ends with. They hold the row's position in the
// source's log, and whether the row was deleted there.
const (
	versionColumn = "_version"
	deletedColumn = "_deleted"
)

// plan is everything about one table that does not change from row to row.
type plan struct {
	table *apply.Table
	// name is the table in the database, quoted.
	name  string
	specs []*spec
	// key indexes specs in the order of the source's key.
	key   []int
	inKey []bool
	// fixed is what a row takes in all columns of fixed width.
	fixed int
	// insert is the statement up to the values.
	insert string
}

var (
	versionSpec = &spec{name: versionColumn, ddl: "UInt128", wire: "UInt128", width: 16}
	deletedSpec = &spec{name: deletedColumn, ddl: "UInt8", wire: "UInt8", width: 1}
)

// newPlan fails with a precondition when the relation cannot be a table here.
func (t *Target) newPlan(table *apply.Table) (*plan, error) {
	rel := table.Relation
	p := &plan{
		table: table,
		name:  t.tableName(table.Name),
		key:   rel.Key,
		inKey: make([]bool, len(rel.Columns)),
	}
	for _, i := range rel.Key {
		p.inKey[i] = true
	}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		if c.Name == versionColumn || c.Name == deletedColumn {
			return nil, fault.Precondition(
				fmt.Errorf("%s has a column named %s, a name that the target keeps for itself", rel, c.Name),
				"rename the column in the source, or leave the table out")
		}
		s := newSpec(c, p.inKey[i], t.version, t.opts.OnUnrepresentable)
		if p.inKey[i] && s.elem != nil {
			return nil, fault.Precondition(
				fmt.Errorf("%s: column %s of the key is an array, which ClickHouse cannot order rows by", rel, change.QuoteIdent(c.Name)),
				"choose another replica identity: ALTER TABLE … REPLICA IDENTITY USING INDEX …, or leave the table out")
		}
		p.specs = append(p.specs, s)
	}
	if len(p.specs) == 0 {
		return nil, fault.Precondition(fmt.Errorf("%s has no columns", rel), "leave the table out")
	}
	p.finish()
	return p, nil
}

func (p *plan) finish() {
	names := make([]string, 0, len(p.specs)+2)
	p.fixed = versionSpec.width + deletedSpec.width
	for _, s := range p.specs {
		names = append(names, s.name)
		if s.elem == nil {
			p.fixed += s.width
		}
		if s.nullable {
			p.fixed++
		}
	}
	p.insert = "INSERT INTO " + p.name + " (" + idents(append(names, versionColumn, deletedColumn)) + ") VALUES"
}

// warn says what is allowed and yet worth a look.
func (p *plan) warn(log *slog.Logger) {
	for _, i := range p.key {
		if c := p.specs[i].meaning.Class; c == typemap.Float32 || c == typemap.Float64 {
			log.Warn("a key column is a floating-point number: NaN and -0 order rows in ways of their own",
				"table", p.table.Relation.String(), "column", p.specs[i].name)
		}
	}
}

func (t *Target) tableName(name string) string {
	return ident(t.address.database) + "." + ident(name)
}

// planned is the plan of a table, from Prepare or made now: it follows from the
// relation alone, apart from what Prepare found in an existing table.
func (t *Target) planned(table *apply.Table) (*plan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.plans[table.Name]; p != nil && p.table == table {
		return p, nil
	}
	p, err := t.newPlan(table)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (t *Target) keepPlan(p *plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.plans[p.table.Name]; old != nil {
		t.blocks.forget(old)
	}
	t.plans[p.table.Name] = p
}
