package typemap

import "github.com/pgsluice/pgsluice/change"

// FieldReader walks over the fields of one composite value after another; see
// [Meaning.ReadFields]. Its zero value is ready for use. It may be used by one
// goroutine at a time.
type FieldReader struct {
	m       *Meaning
	format  change.Format
	rest    reader
	next    int
	scratch []byte // a field's text without its quotes
}

// Fields are a composite's fields in order; none for other types.
func (m *Meaning) Fields() []Field {
	if m.op != opComposite {
		return nil
	}
	return m.fields
}

// Field is one attribute of a composite.
type Field struct {
	Name    string
	Meaning *Meaning
	// oid is the declared type, domains included.
	oid uint32
}

// ReadFields sets r up to walk over the fields of a composite, without
// allocation. The reader looks into d's bytes until it is set up again.
func (m *Meaning) ReadFields(d change.Datum, r *FieldReader) error {
	r.m, r.format, r.next, r.rest = m, d.Format, 0, reader{b: d.Bytes}
	b := d.Bytes
	switch {
	case m.op != opComposite:
	case d.Format == change.Binary:
		if r.rest.i32() == len(m.fields) && !r.rest.bad {
			return nil
		}
	case d.Format == change.Text && len(b) >= 2 && b[0] == '(' && b[len(b)-1] == ')':
		r.rest.b = b[1:]
		return nil
	}
	return m.malformed(d)
}

// Next returns the fields in the format of the composite, for the decoders of
// their meanings; a field can be Null. more is false behind the last. The bytes
// are valid until the following call.
func (r *FieldReader) Next() (d change.Datum, more bool, err error) {
	if r.next == len(r.m.fields) {
		return change.Datum{}, false, nil
	}
	field := r.next
	r.next++
	ok := false
	if r.format == change.Binary {
		d, ok = r.nextBinary(&r.m.fields[field])
	} else {
		d, ok = r.nextText()
	}
	if !ok {
		r.next = len(r.m.fields)
		return change.Datum{}, false, r.m.malformed(change.Datum{Format: r.format, Bytes: r.rest.b})
	}
	return d, true, nil
}

// nextBinary checks the type that stands before each value: a row type that has
// been altered since it was resolved must not be misread.
func (r *FieldReader) nextBinary(f *Field) (d change.Datum, ok bool) {
	if oid := r.rest.u32(); f.oid != 0 && oid != f.oid {
		return d, false
	}
	b, null := r.rest.value()
	if !null {
		d = binaryDatum(b)
	}
	if r.next == len(r.m.fields) {
		return d, r.rest.done()
	}
	return d, !r.rest.bad
}

// nextText reads a field of record_out's form: nothing is NULL, and inside
// double quotes these and backslashes are doubled.
func (r *FieldReader) nextText() (d change.Datum, ok bool) {
	b := r.rest.b
	end := byte(',')
	if r.next == len(r.m.fields) {
		end = ')'
	}
	n, quoted, plain := 0, false, true
scan:
	for ; n < len(b); n++ {
		switch c := b[n]; {
		case c == '"' && quoted && n+1 < len(b) && b[n+1] == '"', c == '\\' && n+1 < len(b):
			plain = false
			n++
		case c == '"':
			quoted = !quoted
			plain = false
		case !quoted && (c == ',' || c == ')'):
			break scan
		}
	}
	if n == len(b) || b[n] != end || end == ')' && n != len(b)-1 {
		return d, false
	}
	value := b[:n:n]
	r.rest.b = b[n+1:]
	switch {
	case n == 0:
		return d, true
	case !plain:
		value = r.unquote(value)
	}
	return change.Datum{Format: change.Text, Bytes: value}, true
}

func (r *FieldReader) unquote(b []byte) []byte {
	r.scratch = r.scratch[:0]
	quoted := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"' && quoted && i+1 < len(b) && b[i+1] == '"', c == '\\':
			i++
			r.scratch = append(r.scratch, b[i])
		case c == '"':
			quoted = !quoted
		default:
			r.scratch = append(r.scratch, c)
		}
	}
	return r.scratch
}
