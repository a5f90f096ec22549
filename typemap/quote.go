package typemap

import "slices"

// quoting is whose rules decide when a value inside a container stands in
// quotes.
type quoting uint8

const (
	quoteInArray     quoting = iota // array_out
	quoteInComposite                // record_out
	quoteInRange                    // range_out
)

// quoteTail puts dst[from:] in quotes where its container would, in place: the
// value is printed once, into its destination, however deep it lies.
func quoteTail(dst []byte, from int, style quoting, delim byte) []byte {
	escapes, needed := 0, from == len(dst) || style == quoteInArray && isNullWord(dst[from:])
	for _, c := range dst[from:] {
		switch c {
		case '"', '\\':
			escapes++
			needed = true
		case ' ', '\t', '\n', '\v', '\f', '\r', delim:
			needed = true
		case '{', '}':
			needed = needed || style == quoteInArray
		case '(', ')':
			needed = needed || style != quoteInArray
		case '[', ']':
			needed = needed || style == quoteInRange
		}
	}
	if !needed {
		return dst
	}
	read := len(dst) - 1
	dst = slices.Grow(dst, escapes+2)[:len(dst)+escapes+2]
	write := len(dst) - 1
	dst[write] = '"'
	for ; read >= from; read-- {
		write--
		c := dst[read]
		dst[write] = c
		if c == '"' || c == '\\' {
			write--
			dst[write] = '\\'
			if style != quoteInArray {
				dst[write] = c // doubled
			}
		}
	}
	dst[from] = '"'
	return dst
}

// isNullWord says whether an unquoted element would read as NULL.
func isNullWord(b []byte) bool {
	return len(b) == 4 && b[0]|0x20 == 'n' && b[1]|0x20 == 'u' && b[2]|0x20 == 'l' && b[3]|0x20 == 'l'
}
