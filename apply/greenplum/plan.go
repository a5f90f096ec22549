package greenplum

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// plan is everything about one table that does not change from row to row.
type plan struct {
	table *apply.Table
	// schema and name are the target's, quoted names it in a statement.
	schema, name, quoted string
	pipeline             string
	columns              []*column
	// key are places in columns, in the order of the source's key.
	key []int
	// distribution are places in columns; empty for DISTRIBUTED RANDOMLY, and
	// where the server does not distribute.
	distribution []int
	// textual: a value of the table can only be had as text, by the type's input
	// function, and so all of them are.
	textual bool
	// octalChars: the server reads a "char" beyond ASCII from text.
	octalChars bool
	// whole: all rows of the target's table are this pipeline's. Prepare says it.
	whole bool
	// unique: the key is the table's primary key where pgsluice makes it.
	unique  bool
	storage storage
	// made are the enums and composites that the columns are of, what others are
	// made of first.
	made []*change.Type
	// types are those of them that the target has, by Name.
	types map[string]typeFact
}

// column is one column of a plan.
type column struct {
	source *change.Column
	// name is the target's, quoted for a statement.
	name string
	// ddl is the type as the column is declared with it, modifiers and all.
	ddl string
	// notNull as it is declared in the target.
	notNull bool
	// operators is the schema, quoted, of the operators of a type that an
	// extension has brought.
	operators string
	// asText: the target's column is of type text, whatever the source's is: it
	// holds the value's text form.
	asText bool
	// rewrite makes the target's binary value of the source's, appended to dst. It
	// is nil where the bytes are the same. An error is a *refusal.
	rewrite func(dst, value []byte) ([]byte, error)
	// losses and edges are for plans.
	losses []string
	edges  []edge
	policy apply.Policy

	// typ is what the target's values are, with the modifier that they have there;
	// nil where the user wishes for a type of the target's.
	typ *change.Type
	// wish is that type as the user writes it.
	wish string
	// oid and modifier are the target's, from the moment that it was asked.
	oid      uint32
	modifier int32
	// chars: a "char" is in it, at some depth. infinite: it is of a type, or an array
	// of one, that has infinities which the target does not hold.
	chars, infinite bool
	// textual and binary: whether the value can be given as text alone, and whether
	// pgsluice, or else the target, reads what the source's send function writes.
	textual, binary bool
}

// refusal is what rewrite says of a value that the target's type cannot hold.
type refusal struct {
	reason string
	// clamped is the nearest value that it holds, in binary; nil where there is
	// none.
	clamped []byte
}

func (r *refusal) Error() string { return r.reason }

// edge is a sort of value that the column cannot hold.
type edge struct{ value, clamped string }

// equals is the operator that compares values of the column: of a type that an
// extension has brought, the one beside it.
func (c *column) equals() string {
	if c.operators != "" {
		return "OPERATOR(" + c.operators + ".=)"
	}
	return "="
}

// newPlan fails with a precondition when the relation cannot be a table here, and
// with a usage fault for a wish that cannot be granted. It asks nobody.
func (t *Target) newPlan(table *apply.Table) (*plan, error) {
	p, err := t.server.newPlan(table, &t.opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table.Relation, err)
	}
	return p, nil
}

func (s *server) newPlan(table *apply.Table, opts *Options) (*plan, error) {
	rel := table.Relation
	p := &plan{table: table, pipeline: opts.Pipeline, key: rel.Key, octalChars: s.octalChars()}
	var err error
	if p.schema, p.name, err = parseName(table.Name); err != nil {
		return nil, err
	}
	p.quoted = quoted(p.schema, p.name)
	if len(rel.Columns) == 0 {
		return nil, fault.Precondition(errors.New("it has no columns"), "leave the table out")
	}
	if n := len(rel.Columns) + stageOwn + len(rel.Key); n > maxColumns && len(rel.Key) > 0 {
		return nil, fault.Precondition(fmt.Errorf("it has %d columns, and a staging table of it would have more than the server's %d", len(rel.Columns), maxColumns),
			"exclude columns that are not needed, or leave the table out")
	}
	for i := range rel.Columns {
		c := s.newColumn(&rel.Columns[i], slices.Contains(rel.Key, i), opts.OnUnrepresentable, &table.Wishes)
		p.columns = append(p.columns, c)
		p.textual = p.textual || c.textual
	}
	for _, c := range p.columns {
		p.require(s, c)
	}
	if err := p.checkNames(s); err != nil {
		return nil, err
	}
	return p, s.place(p, opts)
}

// newColumn plans a column.
func (s *server) newColumn(c *change.Column, inKey bool, policy apply.Policy, w *apply.Wishes) *column {
	is := &column{source: c, name: c.Name, notNull: c.NotNull || inKey, policy: policy, modifier: -1}
	if name, ok := w.Rename[c.Name]; ok {
		is.name = name
	}
	is.name = change.AlwaysQuote(is.name)
	if own, ok := w.OnUnrepresentable[c.Name]; ok {
		is.policy = own
	}
	if inKey {
		// A clamped key would be another row's key.
		is.policy = apply.Fail
	}
	m := s.mapType(c.Type)
	meaning := typemap.Resolve(c.Type)
	is.typ, is.ddl, is.asText, is.textual = m.typ, m.ddl, m.asText, m.textual
	is.binary = !is.textual
	s.eachBase(c.Type, map[string]bool{}, func(base *change.Type) { is.chars = is.chars || base.Name == "char" })
	if !m.asText && m.typ.Kind == change.KindBase && m.typ.Extension != "" {
		f, _ := s.fact(m.typ)
		is.operators = change.AlwaysQuote(f.schema)
	}
	if wish, ok := w.Types[c.Name]; ok && !sameName(wish, m.ddl) && !sameName(wish, m.typ.String()) {
		is.operators = ""
		is.wished(wish, meaning)
	} else if m.asText {
		is.losses = append(is.losses, "kept as text: "+m.why)
	}
	is.chars = is.chars && !is.asText
	if is.asText {
		is.typ, is.ddl, is.binary = nil, "text", meaning.BinaryOK
	}
	return is
}

// wished makes the column one of a type that the user wants. Values become text
// where they are decoded here; any other type reads their text itself.
func (c *column) wished(wish string, meaning *typemap.Meaning) {
	c.typ, c.asText = nil, sameName(wish, "text") && meaning.Class != typemap.Bytes
	if !c.asText {
		c.wish, c.ddl, c.textual, c.binary = wish, wish, true, false
	} else {
		c.textual = false
	}
}

// require notes the types that a column needs, and what it cannot hold.
func (p *plan) require(s *server, c *column) {
	if c.typ == nil {
		return
	}
	for _, t := range s.mapType(c.source.Type).made {
		if !slices.ContainsFunc(p.made, func(m *change.Type) bool { return m.Schema == t.Schema && m.Name == t.Name }) {
			p.made = append(p.made, t)
		}
	}
	c.edges = s.edgesOf(c.source.Type)
	t := c.source.Type.Underlying()
	if t.Kind == change.KindArray && t.Elem != nil {
		t = t.Elem.Underlying()
	}
	c.infinite = t.Kind == change.KindBase && s.refusing(t) != nil
	if p.textual && !c.infinite { // the target reads the text, and says no
		for i := range c.edges {
			c.edges[i].clamped = ""
		}
		c.policy = apply.Fail
	}
}
