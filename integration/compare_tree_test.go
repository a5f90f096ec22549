package integration

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// typeTree is a type of the source and what it is made of, domains left out.
type typeTree struct {
	name   string
	elem   *typeTree // of an array
	names  []string  // of a composite's attributes
	fields []*typeTree
}

// floatSends are the functions that give the bytes of the types that are made of
// floats.
var floatSends = map[string]string{
	"float4": "float4send", "float8": "float8send", "point": "point_send", "line": "line_send", "lseg": "lseg_send",
	"box": "box_send", "path": "path_send", "polygon": "poly_send", "circle": "circle_send",
}

func (s *scene) typeTree(oid uint32) *typeTree {
	s.Helper()
	t := &typeTree{}
	var kind string
	var base, elem, relation uint32
	err := s.source.QueryRow(s.ctx, `SELECT typname::text, typtype::text, typbasetype, coalesce((SELECT e.oid FROM pg_catalog.pg_type e WHERE e.typarray = t.oid), 0), typrelid
		FROM pg_catalog.pg_type t WHERE oid = $1`, oid).Scan(&t.name, &kind, &base, &elem, &relation)
	if err != nil {
		s.Fatal(err)
	}
	switch {
	case kind == "d":
		return s.typeTree(base)
	case elem != 0:
		t.elem = s.typeTree(elem)
	case kind == "c":
		// An error of the query is in rows too.
		rows, _ := s.source.Query(s.ctx, `SELECT attname::text, atttypid FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, relation)
		var name string
		var of uint32
		var types []uint32
		if _, err := pgx.ForEachRow(rows, []any{&name, &of}, func() error {
			t.names, types = append(t.names, name), append(types, of)
			return nil
		}); err != nil {
			s.Fatal(err)
		}
		for _, of := range types {
			t.fields = append(t.fields, s.typeTree(of))
		}
	}
	return t
}

// holdsAny says whether one of the types is in the tree.
func (t *typeTree) holdsAny(of map[string]string) bool {
	if of[t.name] != "" || t.elem != nil && t.elem.holdsAny(of) {
		return true
	}
	for _, f := range t.fields {
		if f.holdsAny(of) {
			return true
		}
	}
	return false
}

// text is the expression for a value's text, in which the values of some types
// are what a function says of them.
func (t *typeTree) text(e string, sends map[string]string) string {
	switch {
	case !t.holdsAny(sends):
		return "nullif(format('%L', " + e + "), 'NULL')"
	case sends[t.name] != "":
		return "encode(" + sends[t.name] + "(" + e + "), 'hex')"
	case t.elem != nil: // in the select list, composites stay whole
		return fmt.Sprintf("CASE WHEN %[1]s IS NOT NULL THEN coalesce(array_dims(%[1]s), 'empty') || coalesce((SELECT string_agg(coalesce(%[2]s, 'NULL'), ',') FROM (SELECT unnest(%[1]s) AS x) s), '') END",
			e, t.elem.text("x", sends))
	}
	var fields []string
	for i, f := range t.fields {
		fields = append(fields, "coalesce("+f.text("("+e+")."+quoteSQL(t.names[i]), sends)+", 'NULL')")
	}
	return "CASE WHEN format('%L', " + e + ") <> 'NULL' THEN " + strings.Join(fields, " || ',' || ") + " END"
}
