package typemap

// appendComposite prints a composite, (field,field,…): the count of fields in 4
// bytes, for each its type in 4 and its value. The types are checked: a row
// type that has been altered since it was resolved must not be misread.
func (m *Meaning) appendComposite(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	if r.i32() != len(m.parts) {
		return dst, false
	}
	dst = append(dst, '(')
	for i, part := range m.parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		if oid := r.u32(); m.fieldOIDs[i] != 0 && oid != m.fieldOIDs[i] {
			return dst, false
		}
		value, null := r.value()
		if null {
			continue // an empty field is "", so nothing is NULL
		}
		if dst = m.appendPart(dst, &r, part, value); r.bad {
			return dst, false
		}
	}
	return append(dst, ')'), r.done()
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
	r.bad = r.bad || null
	return m.appendPart(dst, r, m.parts[0], value)
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

// appendPart prints a value inside a composite or range. What goes wrong is
// left in r.bad.
func (m *Meaning) appendPart(dst []byte, r *reader, part *Meaning, value []byte) []byte {
	if r.bad {
		return dst
	}
	from := len(dst)
	dst, ok := part.appendOutput(dst, value)
	if r.bad = !ok; r.bad {
		return dst
	}
	style := quoteInRange
	if m.op == opComposite {
		style = quoteInComposite
	}
	return quoteTail(dst, from, style, ',')
}
