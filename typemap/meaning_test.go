package typemap

import (
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestEveryTypeHasItsClass(t *testing.T) {
	for _, c := range []struct {
		name  string
		typ   *change.Type
		class Class
		ok    bool // BinaryOK
	}{
		{"a builtin by OID", &change.Type{OID: 20, Name: "renamed"}, Int64, true},
		{"a builtin by name", base("int2"), Int16, true},
		{"oid", base("oid"), Uint32, true},
		{"xid8, which is text", base("xid8"), Text, true},
		{"pg_lsn", base("pg_lsn"), Uint64, true},
		{"a user's type with the name of a builtin", &change.Type{OID: 20000, Name: "int4"}, Text, false},
		{"an unknown type", &change.Type{OID: 20000, Name: "mystery", Kind: change.KindBase}, Text, false},
		{"a type without binary output", &change.Type{OID: 23, TextOnly: true}, Int32, false},
		{"regclass, printed by name", &change.Type{OID: 2205, Name: "regclass"}, Text, false},
		{"an enum", &change.Type{OID: 20000, Kind: change.KindEnum}, Text, true},
		{"a domain", domainOver(domainOver(base("uuid"))), UUID, true},
		{"a domain over a type without binary output", domainOver(&change.Type{OID: 23, TextOnly: true}), Int32, false},
		{"an array", arrayOf(base("bool"), 1), Array, true},
		{"an array of what has no binary form here", arrayOf(base("regclass"), 1), Array, false},
		{"an array of nothing known", &change.Type{Kind: change.KindArray}, Text, false},
		{"int2vector, which prints unlike an array", &change.Type{OID: 22, Kind: change.KindArray, Elem: base("int2")}, Text, false},
		{"a composite", composite(base("int4"), base("text")), Text, true},
		{"a composite with a regclass", composite(base("int4"), base("regclass")), Text, false},
		{"a composite without known fields", composite(), Text, false},
		{"a range", rangeOf(change.KindRange, base("date")), Text, true},
		{"a multirange", rangeOf(change.KindMultirange, base("date")), Text, true},
		{"a range of nothing known", rangeOf(change.KindRange, nil), Text, false},
		{"hstore", ofExtension("hstore", "hstore"), Map, true},
		{"vector", ofExtension("vector", "vector"), Array, true},
		{"geometry", ofExtension("postgis", "geometry"), Text, true},
		{"a user's type with the name of an extension's", &change.Type{OID: 20000, Name: "hstore"}, Text, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m := Resolve(c.typ); m.Class != c.class || m.BinaryOK != c.ok {
				t.Errorf("class %v, BinaryOK %v", m.Class, m.BinaryOK)
			}
		})
	}
}

func TestANumericIsADecimalWhereItIsBounded(t *testing.T) {
	for _, c := range []struct {
		name             string
		typ              *change.Type
		class            Class
		precision, scale int
	}{
		{"as declared", numericType(10, 2), Decimal, 10, 2},
		{"without a scale", numericType(38, 0), Decimal, 38, 0},
		{"the widest", numericType(76, 76), Decimal, 76, 76},
		{"wider than any decimal", numericType(77, 0), Text, 0, 0},
		{"without a declaration", base("numeric"), Text, 0, 0},
		{"a scale below zero is more digits before the point", numericType(3, -2), Decimal, 5, 0},
		{"a scale far below zero", numericType(3, -1000), Text, 0, 0},
		{"a scale above the precision is more digits behind it", numericType(3, 5), Decimal, 5, 5},
		{"a scale above every decimal", numericType(3, 77), Text, 0, 0},
		{"money", base("money"), Decimal, 19, 2},
		{"a domain's own declaration", domainOver(numericType(6, 1)), Decimal, 6, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if m := Resolve(c.typ); m.Class != c.class || m.Precision != c.precision || m.Scale != c.scale {
				t.Errorf("%v(%d,%d)", m.Class, m.Precision, m.Scale)
			}
		})
	}
}

func TestAnArraysDeclarationSpeaksOfItsElements(t *testing.T) {
	typ := arrayOf(base("numeric"), 3)
	typ.Modifier = numericType(10, 4).Modifier
	m := Resolve(typ)
	if m.Dims != 3 || m.Elem.Class != Decimal || m.Elem.Precision != 10 || m.Elem.Scale != 4 {
		t.Errorf("%d dimensions of %v(%d,%d)", m.Dims, m.Elem.Class, m.Elem.Precision, m.Elem.Scale)
	}
	if typ.Elem.Modifier != -1 {
		t.Error("the type was changed")
	}
	if m := Resolve(arrayOf(base("int4"), 0)); m.Dims != 1 {
		t.Errorf("an array without declared dimensions has %d", m.Dims)
	}
	if m := Resolve(domainOver(arrayOf(base("int4"), 2))); m.Dims != 2 {
		t.Errorf("a domain over an array of 2 dimensions has %d", m.Dims)
	}
	if m := Resolve(arrayOf(base("money"), 1)); len(m.Losses) != 2 {
		t.Errorf("losses %v: expected the array's and its element's", m.Losses)
	}
	if e := Resolve(arrayOf(&change.Type{Kind: change.KindEnum, OID: 20000}, 1)).Elem; !e.FewValues {
		t.Error("an enum inside an array has few values too")
	}
}

func TestAUserMayAskForADecimal(t *testing.T) {
	m := Resolve(base("numeric"))
	d, ok := m.AsDecimal(38, 10)
	if !ok || d.Class != Decimal || d.Precision != 38 || d.Scale != 10 || m.Class != Text {
		t.Errorf("%v %v", d, ok)
	}
	for _, c := range [][2]int{{0, 0}, {77, 0}, {5, 6}, {5, -1}} {
		if _, ok := m.AsDecimal(c[0], c[1]); ok {
			t.Errorf("there is a Decimal(%d,%d)", c[0], c[1])
		}
	}
	if _, ok := Resolve(base("text")).AsDecimal(10, 2); ok {
		t.Error("a text became a Decimal")
	}
}

func TestEveryEdgeAndClassHasAName(t *testing.T) {
	seen := map[string]bool{}
	for e := Fits; e <= NoCounterpart; e++ {
		if seen[e.String()] {
			t.Errorf("two edges are named %s", e)
		}
		seen[e.String()] = true
	}
	for c := Int16; c <= Map; c++ {
		if seen[c.String()] || c.String() == "" {
			t.Errorf("class %d is named %s", c, c)
		}
		seen[c.String()] = true
	}
	if (NoCounterpart+1).String() != "Edge(10)" || (Map+1).String() != "Class(18)" {
		t.Error("what is unknown does not say so")
	}
}
