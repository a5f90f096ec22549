package typemap

import (
	"bytes"

	"github.com/pgsluice/pgsluice/change"
)

// PairReader walks over the pairs of one hstore after another; see
// [Meaning.ReadPairs]. Its zero value is ready for use. It may be used by one
// goroutine at a time.
type PairReader struct {
	m       *Meaning
	format  change.Format
	rest    reader
	left    int // of the binary form
	scratch [2][]byte
}

// ReadPairs sets r up to walk over the pairs of a Map, without allocation. The
// reader looks into d's bytes until it is set up again.
func (m *Meaning) ReadPairs(d change.Datum, r *PairReader) error {
	r.m, r.format, r.rest, r.left = m, d.Format, reader{b: d.Bytes}, 0
	switch {
	case m.op != opHstore:
	case d.Format == change.Text:
		return nil
	case d.Format == change.Binary:
		// A pair takes 8 bytes at least.
		if r.left = r.rest.i32(); r.left >= 0 && !r.rest.bad && r.left <= len(r.rest.b)/8 && (r.left > 0 || r.rest.done()) {
			return nil
		}
		r.left = 0
	}
	return m.malformed(d)
}

// Next returns key and value, both as text; a value can be Null. more is false
// behind the last. The bytes are valid until the following call.
func (r *PairReader) Next() (key, value change.Datum, more bool, err error) {
	ok := true
	if r.format == change.Binary {
		if r.left == 0 {
			return key, value, false, nil
		}
		r.left--
		key, value, ok = r.nextBinary()
	} else {
		if len(r.rest.b) == 0 {
			return key, value, false, nil
		}
		key, value, ok = r.nextText()
	}
	if !ok {
		err = r.m.malformed(change.Datum{Format: r.format, Bytes: r.rest.b})
		r.rest, r.left = reader{}, 0
		return change.Datum{}, change.Datum{}, false, err
	}
	return key, value, true, nil
}

func (r *PairReader) nextBinary() (key, value change.Datum, ok bool) {
	k, null := r.rest.value()
	v, nullValue := r.rest.value()
	key = change.Datum{Format: change.Text, Bytes: k}
	if !nullValue {
		value = change.Datum{Format: change.Text, Bytes: v}
	}
	if r.left == 0 {
		return key, value, !null && r.rest.done()
	}
	return key, value, !null && !r.rest.bad
}

// nextText reads a pair of hstore_out's form, "key"=>"value" or "key"=>NULL,
// with a backslash before quotes and backslashes, and ", " between pairs.
func (r *PairReader) nextText() (key, value change.Datum, ok bool) {
	key, ok = r.quoted(0)
	if !ok || !r.skip("=>") {
		return key, value, false
	}
	if !r.skip("NULL") {
		if value, ok = r.quoted(1); !ok {
			return key, value, false
		}
	}
	return key, value, len(r.rest.b) == 0 || r.skip(", ") && len(r.rest.b) > 0
}

func (r *PairReader) skip(word string) bool {
	rest, ok := bytes.CutPrefix(r.rest.b, []byte(word))
	r.rest.b = rest
	return ok
}

// quoted takes a text in double quotes off the front; place says which scratch
// holds it where it has escapes.
func (r *PairReader) quoted(place int) (d change.Datum, ok bool) {
	b := r.rest.b
	if len(b) == 0 || b[0] != '"' {
		return d, false
	}
	plain := true
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			plain = false
			i++
		case '"':
			value := b[1:i:i]
			r.rest.b = b[i+1:]
			if !plain {
				value = unescapeInto(r.scratch[place][:0], value)
				r.scratch[place] = value
			}
			return change.Datum{Format: change.Text, Bytes: value}, true
		}
	}
	return d, false
}

// unescapeInto appends b without the backslashes before characters that stand
// for themselves.
func unescapeInto(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' {
			i++
		}
		dst = append(dst, b[i])
	}
	return dst
}
