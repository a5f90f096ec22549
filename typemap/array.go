package typemap

import (
	"strconv"

	"github.com/pgsluice/pgsluice/change"
)

// maxDims is the most dimensions PostgreSQL gives an array (MAXDIM).
const maxDims = 6

// ArrayReader walks over the elements of one array after another; see
// [Meaning.Array]. Its zero value is ready for use. It may be used by one
// goroutine at a time.
type ArrayReader struct {
	m       *Meaning
	format  change.Format
	rest    []byte // what has not been read
	left    int    // elements that have not been read
	dims    [maxDims]int
	lower   [maxDims]int // subscripts of the first elements
	ndim    int
	scratch []byte // an element's text without its escapes
}

// Dims are the lengths of the array's dimensions, the outermost first; none
// for an empty array. The slice is valid until the next [Meaning.Array].
func (a *ArrayReader) Dims() []int { return a.dims[:a.ndim] }

// Next returns the elements in row-major order, in the format of the array, for
// the decoders of Meaning.Elem; an element can be Null. more is false behind
// the last. The bytes are valid until the following call.
func (a *ArrayReader) Next() (d change.Datum, more bool, err error) {
	if a.left == 0 {
		return change.Datum{}, false, nil
	}
	a.left--
	switch {
	case a.format == change.Text:
		d = a.nextText()
	case a.m.op == opArray:
		r := reader{b: a.rest}
		b, null := r.value()
		a.rest = r.b
		if !null {
			d = binaryDatum(b)
		}
		if r.bad || a.left == 0 && len(r.b) > 0 {
			a.left = 0
			return change.Datum{}, false, a.m.malformed(binaryDatum(a.rest))
		}
	default:
		n := vectorElement(a.m.op)
		d = binaryDatum(a.rest[:n:n])
		a.rest = a.rest[n:]
	}
	return d, true, nil
}

// Array sets a up to walk over the elements of d, without allocation. The
// reader looks into d's bytes until it is set up again. With WrongDimensions
// the elements can still be read.
func (m *Meaning) Array(d change.Datum, a *ArrayReader) (Edge, error) {
	a.m, a.format, a.left, a.ndim = m, d.Format, 0, 0
	ok := false
	switch {
	case m.Class != Array:
	case d.Format == change.Binary && m.op == opArray:
		ok = a.openBinary(d.Bytes)
	case d.Format == change.Binary:
		ok = a.openVector(d.Bytes)
	case d.Format == change.Text:
		ok = a.openText(d.Bytes)
	}
	if !ok {
		a.left, a.ndim = 0, 0
		return Fits, m.malformed(d)
	}
	if a.ndim != 0 && a.ndim != m.Dims {
		return WrongDimensions, nil
	}
	return Fits, nil
}

// openBinary reads the head of array_send's form: count of dimensions, a flag
// for NULLs, the element's type, then length and lower bound of each dimension;
// all of 4 bytes. Elements follow, each behind its length.
func (a *ArrayReader) openBinary(b []byte) bool {
	r := reader{b: b}
	ndim := r.i32()
	r.take(8)
	if ndim < 0 || ndim > maxDims {
		return false
	}
	elements := 1
	for i := range ndim {
		a.dims[i], a.lower[i] = r.i32(), r.i32()
		// An element takes 4 bytes at least. What there is no room for stops
		// the product before it can run over.
		if a.dims[i] < 0 || elements > len(b) || a.dims[i] > len(b) {
			return false
		}
		elements *= a.dims[i]
	}
	if ndim == 0 || elements == 0 {
		return r.done()
	}
	a.ndim, a.left, a.rest = ndim, elements, r.b
	return !r.bad && elements <= len(r.b)/4
}

// openVector reads the head of pgvector's form: count of elements and nothing,
// 2 bytes each. Elements follow without lengths.
func (a *ArrayReader) openVector(b []byte) bool {
	r := reader{b: b}
	n := int(r.u16())
	r.u16()
	if r.bad || len(r.b) != n*vectorElement(a.m.op) {
		return false
	}
	if n > 0 {
		a.ndim, a.dims[0], a.lower[0], a.left, a.rest = 1, n, 1, n, r.b
	}
	return true
}

func vectorElement(o op) int {
	if o == opHalfVector {
		return 2
	}
	return 4
}

// appendArray prints the binary form as array_out does, or vector_out.
func (m *Meaning) appendArray(dst, b []byte) ([]byte, bool) {
	var a ArrayReader
	if _, err := m.Array(binaryDatum(b), &a); err != nil {
		return dst, false
	}
	open, shut := byte('{'), byte('}')
	if m.op != opArray {
		open, shut = '[', ']'
	}
	dims := a.Dims()
	if len(dims) == 0 {
		return append(dst, open, shut), true
	}
	dst = a.appendBounds(dst)
	for i := 0; ; i++ {
		d, more, err := a.Next()
		if err != nil {
			return dst, false
		}
		edges := edgesAt(dims, i)
		for range edges {
			if i > 0 {
				dst = append(dst, shut)
			}
		}
		if !more {
			return dst, true
		}
		if i > 0 {
			dst = append(dst, m.delim)
		}
		for range edges {
			dst = append(dst, open)
		}
		if d.Format == change.Null {
			dst = append(dst, "NULL"...)
			continue
		}
		from := len(dst)
		var ok bool
		if dst, ok = m.Elem.appendOutput(dst, d.Bytes); !ok {
			return dst, false
		}
		if m.op == opArray {
			dst = quoteTail(dst, from, quoteInArray, m.delim)
		}
	}
}

// appendBounds prints [low:high]…= where a lower bound is not 1.
func (a *ArrayReader) appendBounds(dst []byte) []byte {
	plain := true
	for _, low := range a.lower[:a.ndim] {
		plain = plain && low == 1
	}
	if plain {
		return dst
	}
	for i, n := range a.Dims() {
		dst = strconv.AppendInt(append(dst, '['), int64(a.lower[i]), 10)
		dst = strconv.AppendInt(append(dst, ':'), int64(a.lower[i]+n-1), 10)
		dst = append(dst, ']')
	}
	return append(dst, '=')
}

// edgesAt counts the dimensions that begin, and end, before element i.
func edgesAt(dims []int, i int) int {
	n, size := 0, 1
	for k := len(dims) - 1; k >= 0; k-- {
		if size *= dims[k]; i%size != 0 {
			break
		}
		n++
	}
	return n
}
