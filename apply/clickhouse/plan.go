package clickhouse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
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
	versionSpec = &spec{name: versionColumn, typ: named("UInt128"), ddl: "UInt128", wire: "UInt128", width: 16}
	deletedSpec = &spec{name: deletedColumn, typ: named("UInt8"), ddl: "UInt8", wire: "UInt8", width: 1}
)

// newPlan fails with a precondition when the relation cannot be a table here,
// and with a usage fault for a wish that cannot be granted.
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
	names := map[string]string{}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		s, err := newSpec(c, p.inKey[i], t.version, t.opts.OnUnrepresentable, &table.Wishes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rel, err)
		}
		if err := nameColumn(names, s); err != nil {
			return nil, fmt.Errorf("%s: %w", rel, err)
		}
		p.specs = append(p.specs, s)
	}
	if len(p.specs) == 0 {
		return nil, fault.Precondition(fmt.Errorf("%s has no columns", rel), "leave the table out")
	}
	p.finish()
	return p, nil
}

// nameColumn sees that a column's name is one of its own.
func nameColumn(names map[string]string, s *spec) error {
	other, twice := names[s.name]
	switch {
	case s.name == versionColumn || s.name == deletedColumn:
		judge := fault.Precondition
		if s.name != s.source {
			judge = fault.Usage
		}
		return judge(fmt.Errorf("a column would be named %s, a name that the target keeps for itself", s.name),
			"rename the column, in the source or with `rename`, or leave it out with `exclude`")
	case twice:
		return fault.Usage(fmt.Errorf("columns %s and %s would both be named %s", change.QuoteIdent(other), change.QuoteIdent(s.source), change.QuoteIdent(s.name)),
			"choose another name in `rename`")
	case s.name == "":
		return fault.Usage(fmt.Errorf("column %s is to have no name", change.QuoteIdent(s.source)), "write a name in `rename`, or nothing at all")
	}
	names[s.name] = s.source
	return nil
}

func (p *plan) finish() {
	p.fixed = versionSpec.width + deletedSpec.width
	for _, s := range p.specs {
		if s.shape == shapeFixed {
			p.fixed += s.width
		}
		if s.nullable {
			p.fixed++
		}
	}
	p.insert = p.insertStatement()
}

// insertStatement is the INSERT up to the values. The server makes of what is
// sent what the columns are, but for JSON: of how to read it the settings only
// speak to a query.
func (p *plan) insertStatement() string {
	var names, sent, read []string
	asks := false
	for _, s := range append(slices.Clone(p.specs), versionSpec, deletedSpec) {
		names = append(names, s.name)
		sent = append(sent, ident(s.name)+" "+s.wire)
		expression := ident(s.name)
		if s.converted && strings.Contains(s.ddl, "JSON") {
			expression, asks = "CAST("+expression+", "+text(s.ddl)+")", true
		}
		read = append(read, expression)
	}
	into := "INSERT INTO " + p.name + " (" + idents(names) + ") "
	if !asks {
		return into + "VALUES"
	}
	return into + "SELECT " + strings.Join(read, ", ") + " FROM input(" + text(strings.Join(sent, ", ")) + ") FORMAT Native"
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
