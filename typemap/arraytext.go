package typemap

import (
	"bytes"

	"github.com/pgsluice/pgsluice/change"
)

// openText checks the whole of an array's text form and finds its dimensions,
// which stand nowhere and have to be known before the first element. Elements
// can then be read without a second look at the braces.
func (a *ArrayReader) openText(b []byte) bool {
	if a.m.op != opArray {
		return a.openVectorText(b)
	}
	if len(b) > 0 && b[0] == '[' {
		// Bounds, [0:2][1:3]=. The lengths in them follow from the elements.
		end := bytes.IndexByte(b, '=')
		if end < 0 || b[end-1] != ']' {
			return false
		}
		b = b[end+1:]
	}
	if string(b) == "{}" {
		return true
	}
	return a.measure(b)
}

// measure is a small machine: either an item is due, an opening brace or an
// element, or one has been read and a delimiter or a closing brace is due.
func (a *ArrayReader) measure(b []byte) bool {
	var count [maxDims]int
	var known [maxDims]bool
	depth, ndim, elements := 0, 0, 0
	due := true
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case due && c == '{':
			if depth == maxDims || ndim != 0 && depth == ndim {
				return false
			}
			count[depth] = 0
			depth++
			i++
		case due:
			n := elementLength(b[i:], a.m.delim)
			if ndim == 0 {
				ndim = depth
			}
			if n == 0 || depth == 0 || depth != ndim {
				return false
			}
			count[depth-1]++
			elements++
			i += n
			due = false
		case depth == 0:
			return false
		case c == a.m.delim:
			due = true
			i++
		case c == '}':
			depth--
			if known[depth] && a.dims[depth] != count[depth] {
				return false
			}
			a.dims[depth], known[depth] = count[depth], true
			if depth > 0 {
				count[depth-1]++
			}
			i++
		default:
			return false
		}
	}
	a.ndim, a.left, a.rest = ndim, elements, b
	return depth == 0 && !due
}

// elementLength is the length of an element with its quotes, 0 where there is
// none.
func elementLength(b []byte, delim byte) int {
	if len(b) > 0 && b[0] == '"' {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return 0
	}
	for i, c := range b {
		switch c {
		case delim, '}':
			return i
		case '{', '"', '\\':
			return 0
		}
	}
	return 0
}

// nextText returns the next element of a text that openText has checked.
func (a *ArrayReader) nextText() change.Datum {
	b := a.rest
	if a.m.op != opArray {
		b = b[1:] // the bracket or the comma
		n := vectorElementLength(b)
		a.rest = b[n:]
		return change.Datum{Format: change.Text, Bytes: b[:n:n]} // nothing is quoted
	}
	for b[0] == '{' || b[0] == '}' || b[0] == a.m.delim {
		b = b[1:]
	}
	n := elementLength(b, a.m.delim)
	e := b[:n:n]
	a.rest = b[n:]
	if e[0] == '"' {
		e = a.unescape(e[1 : n-1])
	} else if string(e) == "NULL" {
		return change.Datum{}
	}
	return change.Datum{Format: change.Text, Bytes: e}
}

// unescape removes the backslashes before characters that stand for
// themselves. Without any, the element stays where it is.
func (a *ArrayReader) unescape(e []byte) []byte {
	if bytes.IndexByte(e, '\\') < 0 {
		return e
	}
	a.scratch = unescapeInto(a.scratch[:0], e)
	return a.scratch
}

// openVectorText checks pgvector's text form, [1,2,3].
func (a *ArrayReader) openVectorText(b []byte) bool {
	if len(b) < 2 || b[0] != '[' || b[len(b)-1] != ']' {
		return false
	}
	if len(b) == 2 {
		return true
	}
	a.rest = b
	n := 0
	for at := 0; b[at] != ']'; n++ {
		size := vectorElementLength(b[at+1:])
		if size == 0 {
			return false
		}
		if at += 1 + size; b[at] == ']' && at != len(b)-1 {
			return false
		}
	}
	a.ndim, a.dims[0], a.left = 1, n, n
	return true
}

func vectorElementLength(b []byte) int {
	return max(bytes.IndexAny(b, ",]"), 0)
}
