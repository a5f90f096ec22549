package greenplum

import (
	"encoding/binary"
	"math"

	"github.com/pgsluice/pgsluice/change"
)

// What refusals are counted by.
const (
	reasonInfinity = "infinity"
	reasonNegative = "-infinity"
)

// edgesOf are the sorts of value of a type, at any depth, that the server cannot
// hold.
func (s *server) edgesOf(t *change.Type) []edge {
	var all []edge
	s.eachBase(t, map[string]bool{}, func(base *change.Type) {
		switch {
		case base.Name == "tsquery" && base.Schema == "pg_catalog" && !s.phrases():
			all = append(all, edge{value: "a tsquery with a phrase (<->)"})
		case s.refusing(base) == nil:
		case base.Name == "interval":
			all = append(all, edge{value: "an infinite interval", clamped: "±178000000 years"})
		case base.Name == "numeric":
			all = append(all, edge{value: "an infinite numeric"})
		}
	})
	return all
}

// eachBase visits what a type is made of, each kind of it once.
func (s *server) eachBase(t *change.Type, seen map[string]bool, visit func(*change.Type)) {
	t = t.Underlying()
	if t.Kind == change.KindBase && !seen[t.Name] {
		seen[t.Name] = true
		visit(t)
	}
	if t.Elem != nil {
		s.eachBase(t.Elem, seen, visit)
	}
	for _, f := range t.Fields {
		s.eachBase(f.Type, seen, visit)
	}
}

// refusing is the rewriting that changes nothing and refuses what the server does
// not hold; nil where it holds everything.
func (s *server) refusing(t *change.Type) rewriting {
	switch {
	case t.Schema != "pg_catalog" || t.Extension != "":
	case t.Name == "interval" && !s.infiniteIntervals():
		return finiteInterval
	case t.Name == "numeric" && t.Modifier < 0 && !s.infiniteNumerics(): // with a precision it is finite
		return finiteNumeric
	}
	return nil
}

// The months of the longest intervals that every server prints and adds to.
const longestMonths = 178_000_000 * 12

// finiteInterval refuses what interval_send of PostgreSQL 17 and later writes for
// the infinities: all three parts, microseconds in 8 bytes, days and months in 4,
// at their largest or smallest. Older servers take it for an interval like others.
func finiteInterval(dst, value []byte) ([]byte, error) {
	if len(value) != 16 {
		return dst, errMalformed
	}
	micros, days, months := int64(binary.BigEndian.Uint64(value)), int32(binary.BigEndian.Uint32(value[8:])), int32(binary.BigEndian.Uint32(value[12:]))
	nearest, reason := int32(0), reasonInfinity
	switch {
	case micros == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		nearest = longestMonths
	case micros == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		nearest, reason = -longestMonths, reasonNegative
	default:
		return append(dst, value...), nil
	}
	clamped := make([]byte, 16)
	binary.BigEndian.PutUint32(clamped[12:], uint32(nearest))
	return dst, &refusal{reason: reason, clamped: clamped}
}

// The signs of infinite numerics (src/backend/utils/adt/numeric.c), from
// PostgreSQL 14 on. The sign stands behind the count of digits and the weight, each
// of 2 bytes.
const (
	numericPInf = 0xD000
	numericNInf = 0xF000
)

func finiteNumeric(dst, value []byte) ([]byte, error) {
	if len(value) < 8 {
		return dst, errMalformed
	}
	switch binary.BigEndian.Uint16(value[4:]) {
	case numericPInf:
		return dst, &refusal{reason: reasonInfinity}
	case numericNInf:
		return dst, &refusal{reason: reasonNegative}
	}
	return append(dst, value...), nil
}
