package clickhouse

import (
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// newSpec plans a column: which type it has in ClickHouse and how its values
// are written. It never fails: what has no type of its own is String.
func newSpec(c *change.Column, inKey bool, v version, policy apply.Policy) *spec {
	s := &spec{
		name:      c.Name,
		meaning:   typemap.Resolve(c.Type),
		mayBeNull: !c.NotNull && !inKey,
		policy:    policy,
	}
	s.nullable = s.mayBeNull
	if inKey {
		// A clamped key would be another row's key.
		s.policy = apply.Fail
	}
	s.resolve(v, c.Type.Underlying().Kind == change.KindArray)
	return s
}

// resolve chooses type and writer by the meaning's class. nullElements: an
// array's elements can be NULL, as those of every array can that is not a
// vector.
func (s *spec) resolve(v version, nullElements bool) {
	fixed := func(name string, width int, put putter) {
		s.wire, s.width, s.put = name, width, put
	}
	m := s.meaning
	switch m.Class {
	case typemap.Int16:
		fixed("Int16", 2, putInt16)
	case typemap.Int32:
		fixed("Int32", 4, putInt32)
	case typemap.Int64:
		fixed("Int64", 8, putInt64)
	case typemap.Uint32:
		fixed("UInt32", 4, putUint32)
	case typemap.Uint64:
		fixed("UInt64", 8, putUint64)
	case typemap.Float32:
		fixed("Float32", 4, putFloat32)
	case typemap.Float64:
		fixed("Float64", 8, putFloat64)
	case typemap.Bool:
		fixed("Bool", 1, putBool)
	case typemap.UUID:
		fixed("UUID", 16, putUUID)
	case typemap.Date:
		fixed("Date32", 4, putDate32)
		s.limits = v.days()
	case typemap.Timestamp, typemap.TimestampTZ:
		// Both name the zone: a wall clock reads the same whatever the
		// server's time zone is, and raw ticks mean the same everywhere.
		fixed("DateTime64(6, 'UTC')", 8, putDateTime64)
		s.limits = v.micros()
	case typemap.Time:
		if v.hasTime64() {
			fixed("Time64(6)", 8, putTime64)
		} else {
			fixed("String", 0, putString)
		}
	case typemap.Decimal:
		s.resolveDecimal()
	case typemap.Array:
		s.resolveArray(v, nullElements)
		return
	default: // Text and Bytes
		fixed("String", 0, putString)
		if verbatim(m) {
			s.put = putVerbatim
		}
	}
	s.ddl = s.wire
	if m.FewValues {
		s.ddl = "LowCardinality(" + nullableType(s.wire, s.nullable) + ")"
	} else {
		s.ddl = nullableType(s.wire, s.nullable)
	}
	s.wire = nullableType(s.wire, s.nullable)
}

func nullableType(name string, nullable bool) string {
	if nullable {
		return "Nullable(" + name + ")"
	}
	return name
}

func (s *spec) resolveDecimal() {
	p := s.meaning.Precision
	s.wire = fmt.Sprintf("Decimal(%d, %d)", p, s.meaning.Scale)
	switch {
	case p <= 9:
		s.width, s.put = 4, putDecimal32
	case p <= 18:
		s.width, s.put = 8, putDecimal64
	case p <= 38:
		s.width, s.put = 16, putDecimal128
	default:
		s.width, s.put = 32, putDecimal256
	}
}

// resolveArray nests one column per dimension. ClickHouse has no NULL array.
func (s *spec) resolveArray(v version, nullElements bool) {
	leaf := &spec{
		name: s.name, meaning: s.meaning.Elem, policy: s.policy,
		nullable: nullElements, mayBeNull: nullElements,
	}
	leaf.resolve(v, false)
	if leaf.meaning.FewValues {
		leaf.ddl = leaf.wire // a dictionary inside arrays gains nothing
	}
	inner := leaf
	for range s.meaning.Dims - 1 {
		inner = &spec{
			name: s.name, meaning: s.meaning, policy: s.policy, put: putArray, width: 8, elem: inner,
			ddl: "Array(" + inner.ddl + ")", wire: "Array(" + inner.wire + ")",
		}
	}
	s.nullable = false
	s.put, s.width, s.elem = putArray, 8, inner
	s.ddl, s.wire = "Array("+inner.ddl+")", "Array("+inner.wire+")"
}
