package clickhouse

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// newSpec plans a column: which type it has in ClickHouse and how its values
// are written. Only a wish can fail: what has no type of its own is String.
func newSpec(c *change.Column, inKey bool, v version, policy apply.Policy, w *apply.Wishes) (*spec, error) {
	s := &spec{
		source: c.Name, name: c.Name,
		meaning:   typemap.Resolve(c.Type),
		mayBeNull: !c.NotNull && !inKey,
		policy:    policy,
	}
	if name, ok := w.Rename[c.Name]; ok {
		s.name = name
	}
	if own, ok := w.OnUnrepresentable[c.Name]; ok {
		s.policy = own
	}
	if inKey {
		// A clamped key would be another row's key.
		s.policy = apply.Fail
	}
	typ := v.typeOf(s.meaning)
	if inKey && isContainer(typ.name) {
		typ = named("String") // rows are told apart by the text as well
	}
	if wish, ok := w.Types[c.Name]; ok {
		var err error
		if typ, err = parseType(wish); err != nil {
			return nil, fault.Usage(fmt.Errorf("column %s: %w", change.QuoteIdent(c.Name), err), "")
		}
		s.wished = true
	}
	err := s.become(typ, v)
	if err == nil && inKey {
		err = s.checkKey()
	}
	if err != nil {
		choices := "what a column of this type can be: " + choices(s.meaning, v)
		var cannot *cannotBe
		if errors.As(err, &cannot) {
			choices = "what it can be: " + cannot.choices
		}
		return nil, fault.Usage(fmt.Errorf("column %s, %s: %w", change.QuoteIdent(c.Name), c.Type.Declared(), err), choices)
	}
	return s, nil
}

// cannotBe is a type that values of a class have no way to.
type cannotBe struct {
	typ     *typeName
	choices string
}

func (e *cannotBe) Error() string { return "cannot be " + e.typ.String() }

// apply.CheckKey refuses what cannot order rows.
func (s *spec) checkKey() error {
	switch {
	case s.nullable:
		return errors.New("is in the key, which cannot be Nullable")
	case s.shape > shapeString, s.typ.name == "JSON":
		return fmt.Errorf("is in the key, which ClickHouse cannot order by %s", s.typ.name)
	}
	return nil
}

// typeOf is the type that holds a meaning's values where the user has no wish.
// The elements of arrays are Nullable, as PostgreSQL's always are.
func (v version) typeOf(m *typemap.Meaning) *typeName {
	t := v.bareType(m)
	if m.FewValues {
		return named("LowCardinality", t)
	}
	return t
}

func (v version) bareType(m *typemap.Meaning) *typeName {
	switch m.Class {
	case typemap.Decimal:
		return sized("Decimal", m.Precision, m.Scale)
	case typemap.Timestamp, typemap.TimestampTZ:
		// Both name the zone: a wall clock reads the same whatever the
		// server's time zone is, and raw ticks mean the same everywhere.
		return sized("DateTime64", 6).in("UTC")
	case typemap.Time:
		if v.hasTime64() {
			return sized("Time64", 6)
		}
		return named("String")
	case typemap.Array:
		elem := v.bareType(m.Elem) // a dictionary inside arrays gains nothing
		if m.NullElements && isContainer(elem.name) {
			elem = named("String") // as text it can be NULL
		}
		if m.NullElements {
			elem = named("Nullable", elem)
		}
		for range m.Dims {
			elem = named("Array", elem)
		}
		return elem
	case typemap.Map:
		return named("Map", named("String"), named("Nullable", named("String")))
	default:
		return named(conversions[m.Class][0].to[0])
	}
}

// isContainer says whether a type is made of columns of its own, and so cannot
// be Nullable.
func isContainer(name string) bool { return name == "Array" || name == "Map" || name == "Tuple" }

// become makes the column one of the type. At the outermost level the type
// stands for the values and PostgreSQL says whether there are NULLs among them;
// inside others it is taken as it is written.
func (s *spec) become(typ *typeName, v version) error {
	if err := s.plan(typ, v, s.mayBeNull); err != nil {
		return err
	}
	s.losses = append(s.losses, lossesOf(s.meaning)...)
	if s.shape > shapeString && s.mayBeNull {
		s.losses = append(s.losses, fmt.Sprintf("a NULL, which %s does not have: it becomes empty, and is counted", s.typ.name))
	}
	return nil
}

// plan chooses the writer by meaning and type.
func (s *spec) plan(typ *typeName, v version, nullable bool) error {
	inner, dictionary := typ.of("LowCardinality")
	bare, wantsNull := inner.of("Nullable")
	c := conversionTo(s.meaning, bare.name, v)
	if c == nil {
		return &cannotBe{typ, choices(s.meaning, v)}
	}
	s.typ, s.sent = bare, bare
	if err := c.plan(s, bare, v); err != nil {
		return err
	}
	s.losses, s.chosen = append(s.losses, c.losses...), append(s.chosen, c.losses...)
	container := isContainer(s.typ.name)
	switch {
	case container && wantsNull:
		return fmt.Errorf("%s cannot be Nullable", s.typ.name)
	case dictionary && s.typ.name != "String" && s.typ.name != "FixedString":
		return fmt.Errorf("LowCardinality pays for String and FixedString alone, and ClickHouse refuses it for %s", s.typ)
	}
	s.nullable = (nullable || wantsNull) && !container
	s.settleEdges()
	s.ddl = nullableType(s.typ.String(), s.nullable)
	if dictionary {
		s.ddl = "LowCardinality(" + s.ddl + ")"
	}
	s.wire = nullableType(s.sent.String(), s.nullable)
	s.converted = s.typ.String() != s.sent.String()
	return nil
}

// part plans a column inside another: an array's elements, a tuple's field.
func (s *spec) part(m *typemap.Meaning, typ *typeName, v version, mayBeNull bool) (*spec, error) {
	p := &spec{source: s.source, name: s.name, meaning: m, policy: s.policy, mayBeNull: mayBeNull, inside: true}
	if err := p.plan(typ, v, false); err != nil {
		return nil, err
	}
	if mayBeNull && !p.nullable {
		p.edges = append(p.edges, valueEdge{value: "NULL inside", settled: true})
	}
	s.edges = append(s.edges, p.edges...)
	s.losses, s.chosen = append(s.losses, p.losses...), append(s.chosen, p.chosen...)
	return p, nil
}

// settleEdges notes what MakeNull makes of the values that the column does not
// hold. Those of its parts are settled already.
func (s *spec) settleEdges() {
	for i := range s.edges {
		e := &s.edges[i]
		switch {
		case e.settled:
		case s.nullable:
			e.null = "NULL"
		case s.shape > shapeString && s.mayBeNull && !s.inside:
			e.null = "empty"
		}
		e.settled = true
	}
}

func nullableType(name string, nullable bool) string {
	if nullable {
		return "Nullable(" + name + ")"
	}
	return name
}

func lossesOf(m *typemap.Meaning) (losses []string) {
	for _, l := range m.Losses {
		losses = append(losses, l.What)
	}
	return losses
}

// conversionTo finds the way from a meaning to a type of the name; nil where
// there is none.
func conversionTo(m *typemap.Meaning, name string, v version) *conversion {
	for i := range conversions[m.Class] {
		c := &conversions[m.Class][i]
		if slices.Contains(c.to, name) && (c.only == nil || c.only(m, v)) {
			return c
		}
	}
	return nil
}

// choices lists the types that values can have.
func choices(m *typemap.Meaning, v version) string {
	var names []string
	for i := range conversions[m.Class] {
		if c := &conversions[m.Class][i]; c.only == nil || c.only(m, v) {
			names = append(names, c.as)
		}
	}
	return strings.Join(names, ", ")
}
