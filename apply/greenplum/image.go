package greenplum

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// An image's value is what COPY reads: in binary, or the text of a table that is
// written as text.

// imager makes images of the source's rows by writing them as for a COPY.
type imager struct {
	of      *comparison
	encoder *encoder
	scratch []byte
}

// Image implements [apply.Imager].
func (m *imager) Image(dst []byte, values []change.Datum) ([]byte, error) {
	if len(values) != len(m.of.plan.columns) {
		return nil, fmt.Errorf("a row of %d values for %d columns of %s", len(values), len(m.of.plan.columns), m.of.plan.quoted)
	}
	for _, i := range m.of.Columns() {
		at := len(dst)
		var err error
		if m.encoder.text {
			if m.scratch, err = m.encoder.value(m.scratch[:0], i, values[i]); err == nil {
				dst = appendText(dst, bytes.TrimSuffix(m.scratch, []byte("\t")))
			}
		} else if dst, err = m.encoder.value(dst, i, values[i]); err == nil {
			m.of.settleArray(i, dst[at:])
		}
		if err != nil {
			return nil, m.encoder.withKey(err, values)
		}
	}
	return dst, nil
}

// appendText appends a value as COPY's text form has it.
func appendText(image, value []byte) []byte {
	if string(value) == `\N` {
		return apply.AppendNull(image)
	}
	at := len(image)
	image = append(image, 0, 0, 0, 0)
	for {
		n := bytes.IndexByte(value, '\\')
		if n < 0 || n+1 == len(value) {
			break
		}
		image = append(image, value[:n]...)
		image = append(image, unescaped(value[n+1]))
		value = value[n+2:]
	}
	image = append(image, value...)
	binary.BigEndian.PutUint32(image[at:], uint32(len(image)-at-4))
	return image
}

func unescaped(c byte) byte {
	if n := bytes.IndexByte([]byte("btnvfr"), c); n >= 0 {
		return "\b\t\n\v\f\r"[n]
	}
	return c
}

// settleArray takes from an array the mark that there can be NULLs in it where there
// are none: it depends on what the array was made from (array_send in PostgreSQL's
// arrayfuncs.c). field is the value with its length.
func (c *comparison) settleArray(column int, field []byte) {
	const dimensions, flag, elements = 4, 8, 16
	if !c.arrays[column] || len(field) < elements || binary.BigEndian.Uint32(field[flag:]) == 0 {
		return
	}
	at := elements + 8*int(binary.BigEndian.Uint32(field[dimensions:]))
	for at+4 <= len(field) {
		size := int32(binary.BigEndian.Uint32(field[at:]))
		if size < 0 {
			return
		}
		at += 4 + int(size)
	}
	binary.BigEndian.PutUint32(field[flag:], 0)
}

// rows reads what COPY TO sends, in messages of any size, and gives images.
type rows struct {
	of      *comparison
	each    func(image []byte) error
	failed  error
	pending []byte
	begun   bool
	image   []byte
}

// Write takes what the server sends.
func (r *rows) Write(p []byte) (int, error) {
	n, from := len(p), p
	if len(r.pending) > 0 {
		r.pending = append(r.pending, p...)
		from = r.pending
	}
	take := r.tuple
	if r.of.plan.textual {
		take = r.line
	}
	for {
		rest, whole, err := take(from)
		if err != nil {
			r.failed = err
			return 0, err
		}
		if from = rest; !whole {
			break
		}
	}
	r.pending = append(r.pending[:0], from...)
	return n, nil
}

var errCopyForm = errors.New("the answer is not in the form of COPY")

// tuple takes a row of the binary form off the front, or else what stands before one.
func (r *rows) tuple(p []byte) (rest []byte, whole bool, err error) {
	if !r.begun {
		if len(p) < len(copySignature) {
			return p, false, nil
		}
		if !bytes.Equal(p[:11], copySignature[:11]) {
			return nil, false, errCopyForm
		}
		r.begun, p = true, p[len(copySignature):]
	}
	if len(p) < 2 {
		return p, false, nil
	}
	count := int(int16(binary.BigEndian.Uint16(p)))
	if count == -1 {
		return p[2:], false, nil
	}
	if count != len(r.of.Columns()) {
		return nil, false, errCopyForm
	}
	end := 2
	for range count {
		if len(p) < end+4 {
			return p, false, nil
		}
		size := int(int32(binary.BigEndian.Uint32(p[end:])))
		if len(p) < end+4+max(size, 0) {
			return p, false, nil
		}
		end += 4 + max(size, 0)
	}
	at := 2
	for _, i := range r.of.Columns() {
		field, _, _ := apply.NextValue(p[at:end])
		r.of.settleArray(i, field)
		at += len(field)
	}
	return p[end:], true, r.each(p[2:end])
}

// line takes a row of the text form off the front.
func (r *rows) line(p []byte) (rest []byte, whole bool, err error) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return p, false, nil
	}
	r.image = r.image[:0]
	values := 0
	for value := range bytes.SplitSeq(p[:end], []byte("\t")) {
		r.image = appendText(r.image, value)
		values++
	}
	if values != len(r.of.Columns()) {
		return nil, false, errCopyForm
	}
	return p[end+1:], true, r.each(r.image)
}
