package typemap

import "encoding/hex"

// appendBytea reads both text forms of a bytea: \x and hexadecimal digits, or
// the older escape form, where \\ is a backslash and \ooo any byte.
func appendBytea(dst, b []byte) ([]byte, bool) {
	if len(b) >= 2 && b[0] == '\\' && b[1] == 'x' {
		out, err := hex.AppendDecode(dst, b[2:])
		return out, err == nil
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c != '\\':
		case i+1 < len(b) && b[i+1] == '\\':
			i++
		case i+3 < len(b) && b[i+1]-'0' <= 3 && b[i+2]-'0' <= 7 && b[i+3]-'0' <= 7:
			c = (b[i+1]-'0')<<6 | (b[i+2]-'0')<<3 | (b[i+3] - '0')
			i += 3
		default:
			return dst, false
		}
		dst = append(dst, c)
	}
	return dst, true
}

// appendChar prints a "char" as PostgreSQL 16 and later do: nothing for zero,
// \ooo above ASCII, where older versions print a byte that is no UTF-8.
func appendChar(dst []byte, c byte) []byte {
	switch {
	case c == 0:
		return dst
	case c < 0x80:
		return append(dst, c)
	}
	return append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
}

func appendCharText(dst, b []byte) []byte {
	if len(b) == 1 {
		return appendChar(dst, b[0])
	}
	return append(dst, b...)
}

// appendBits prints a bit or varbit: binary is the count of bits in 4 bytes,
// then the bits, the first one highest.
func appendBits(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	n := r.i32()
	if r.bad || n < 0 || len(r.b) != (n+7)/8 {
		return dst, false
	}
	for i := range n {
		dst = append(dst, '0'+r.b[i/8]>>(7-i%8)&1)
	}
	return dst, true
}
