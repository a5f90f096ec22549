package clickhouse

import (
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// planArray nests one column per dimension. The type says how many there are:
// PostgreSQL holds values to no number.
func planArray(s *spec, t *typeName, v version) error {
	leaf, dims := t, 0
	for leaf.name == "Array" {
		inner, ok := leaf.of("Array")
		if !ok {
			return errors.New("cannot be an Array without a type: Array(Type)")
		}
		leaf, dims = inner, dims+1
	}
	elem, err := s.part(s.meaning.Elem, leaf, v, s.meaning.NullElements)
	if err != nil {
		return fmt.Errorf("its elements: %w", err)
	}
	if s.meaning.Dims != dims && !s.meaning.NullElements {
		return errors.New("is a vector, which has one dimension")
	}
	if s.meaning.Dims != dims {
		s.meaning = s.meaning.WithDimensions(dims)
	}
	for range dims - 1 {
		elem = &spec{
			source: s.source, name: s.name, meaning: s.meaning, policy: s.policy, put: putArray, shape: shapeArray, width: 8, elem: elem,
			ddl: "Array(" + elem.ddl + ")", wire: "Array(" + elem.wire + ")",
		}
	}
	if s.meaning.NullElements { // vectors have one dimension
		s.edge("other dimensions than "+fmt.Sprint(dims), "")
	}
	s.shape, s.put, s.width, s.elem = shapeArray, putArray, 8, elem
	s.typ, s.sent = named("Array", &typeName{name: elem.ddl}), named("Array", &typeName{name: elem.wire})
	return nil
}

// planMap is for hstore, whose keys and values are texts. A Map is an array of
// pairs on the wire.
func planMap(s *spec, t *typeName, v version) error {
	if len(t.args) != 2 || t.args[0].kind != argType || t.args[1].kind != argType {
		return errors.New("cannot be a Map but as Map(String, Type)")
	}
	text := typemap.Resolve(&change.Type{OID: textOID})
	key, err := s.part(text, t.args[0].typ, v, false)
	if err != nil {
		return fmt.Errorf("its keys: %w", err)
	}
	if key.nullable {
		return errors.New("cannot be a Map with NULL for a key")
	}
	value, err := s.part(text, t.args[1].typ, v, true)
	if err != nil {
		return fmt.Errorf("its values: %w", err)
	}
	pair := &spec{source: s.source, name: s.name, policy: s.policy, shape: shapeTuple, inside: true, typ: named("Tuple"), fields: []*spec{key, value}}
	s.shape, s.put, s.width, s.elem = shapeArray, putMap, 8, pair
	s.typ = named("Map", &typeName{name: key.ddl}, &typeName{name: value.ddl})
	s.sent = named("Map", &typeName{name: key.wire}, &typeName{name: value.wire})
	return nil
}

// planTuple is for composites. The fields of a named Tuple are found by their
// names, in any order, those of another by their place.
func planTuple(s *spec, t *typeName, v version) error {
	fields := s.meaning.Fields()
	if len(t.args) != len(fields) {
		return fmt.Errorf("has %d fields, and %s has %d", len(fields), t, len(t.args))
	}
	s.fields, s.order = make([]*spec, len(fields)), make([]int, len(fields))
	typ, sent := &typeName{name: "Tuple"}, &typeName{name: "Tuple"}
	taken := map[int]bool{}
	for place, arg := range t.args {
		if arg.kind != argType {
			return errors.New("cannot be a Tuple but as Tuple(field Type, …)")
		}
		from := place
		if arg.field != "" {
			from = fieldNamed(fields, arg.field)
		}
		if from < 0 || taken[from] {
			return fmt.Errorf("has no further field %s", change.QuoteIdent(arg.field))
		}
		taken[from] = true
		part, err := s.part(fields[from].Meaning, arg.typ, v, true)
		if err != nil {
			return fmt.Errorf("its field %s: %w", change.QuoteIdent(fields[from].Name), err)
		}
		s.fields[place], s.order[from] = part, place
		typ.args = append(typ.args, typeArg{field: arg.field, typ: &typeName{name: part.ddl}})
		sent.args = append(sent.args, typeArg{field: arg.field, typ: &typeName{name: part.wire}})
	}
	s.shape, s.put, s.typ, s.sent = shapeTuple, putTuple, typ, sent
	return nil
}

func fieldNamed(fields []typemap.Field, name string) int {
	for i, f := range fields {
		if f.Name == name {
			return i
		}
	}
	return -1
}
