package typemap

import "github.com/pgsluice/pgsluice/change"

// appendComposite prints a composite, (field,field,…): the count of fields in 4
// bytes, for each its type in 4 and its value.
func (m *Meaning) appendComposite(dst, b []byte) ([]byte, bool) {
	var r FieldReader
	if m.ReadFields(binaryDatum(b), &r) != nil {
		return dst, false
	}
	dst = append(dst, '(')
	for i := range m.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		d, _, err := r.Next()
		if err != nil {
			return dst, false
		}
		if d.Format == change.Null {
			continue // an empty field is "", so nothing is NULL
		}
		var ok bool
		if dst, ok = appendPart(dst, m.fields[i].Meaning, d.Bytes, quoteInComposite); !ok {
			return dst, false
		}
	}
	return append(dst, ')'), true
}

// The flags of a range's binary form (src/include/utils/rangetypes.h).
const (
	rangeEmpty         = 0x01
	rangeLowInclusive  = 0x02
	rangeHighInclusive = 0x04
	rangeLowInfinite   = 0x08
	rangeHighInfinite  = 0x10
	rangeKnownFlags    = 0x1f
)

// appendRange prints a range, [low,high): flags in 1 byte, then the bounds
// there are, each behind its length.
func (m *Meaning) appendRange(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	flags := r.u8()
	if flags&^rangeKnownFlags != 0 {
		return dst, false
	}
	if flags&rangeEmpty != 0 {
		return append(dst, "empty"...), r.done()
	}
	open, shut := byte('('), byte(')')
	if flags&rangeLowInclusive != 0 {
		open = '['
	}
	if flags&rangeHighInclusive != 0 {
		shut = ']'
	}
	dst = append(dst, open)
	if flags&rangeLowInfinite == 0 {
		dst = m.appendBound(dst, &r)
	}
	dst = append(dst, ',')
	if flags&rangeHighInfinite == 0 {
		dst = m.appendBound(dst, &r)
	}
	return append(dst, shut), r.done()
}

func (m *Meaning) appendBound(dst []byte, r *reader) []byte {
	value, null := r.value()
	if r.bad = r.bad || null; r.bad {
		return dst
	}
	dst, ok := appendPart(dst, m.bound, value, quoteInRange)
	r.bad = !ok
	return dst
}

// appendMultirange prints {range,range,…}: their count in 4 bytes, each behind
// its length.
func (m *Meaning) appendMultirange(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	n := r.i32()
	dst = append(dst, '{')
	for i := 0; i < n && !r.bad; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		value, null := r.value()
		var ok bool
		if dst, ok = m.appendRange(dst, value); null || !ok {
			return dst, false
		}
	}
	return append(dst, '}'), n >= 0 && r.done()
}

// appendPart prints a value inside a composite or range.
func appendPart(dst []byte, part *Meaning, value []byte, style quoting) ([]byte, bool) {
	from := len(dst)
	dst, ok := part.appendOutput(dst, value)
	if !ok {
		return dst, false
	}
	return quoteTail(dst, from, style, ','), true
}
