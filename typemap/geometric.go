package typemap

import "math"

// appendGeometric prints point (x,y), line {A,B,C}, lseg [(x,y),(x,y)], box
// (x,y),(x,y), path ((x,y),…) closed and [(x,y),…] open, polygon ((x,y),…) and
// circle <(x,y),r>. The binary forms are the numbers in this order, 8 bytes
// each; a path has 1 byte before them that says whether it is closed, and path
// and polygon have a count of points in 4 bytes.
func (m *Meaning) appendGeometric(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	switch m.op {
	case opPoint:
		dst = appendPoints(dst, &r, 1)
	case opBox:
		dst = appendPoints(dst, &r, 2)
	case opLseg:
		dst = append(appendPoints(append(dst, '['), &r, 2), ']')
	case opLine:
		dst = append(appendNumbers(append(dst, '{'), &r, 3), '}')
	case opCircle:
		dst = append(appendPoints(append(dst, '<'), &r, 1), ',')
		dst = append(appendNumbers(dst, &r, 1), '>')
	case opPath, opPolygon:
		open, shut := byte('('), byte(')')
		if m.op == opPath {
			switch r.u8() {
			case 0:
				open, shut = '[', ']'
			case 1:
			default:
				return dst, false
			}
		}
		n := r.i32()
		if n < 0 || len(r.b) != 16*n {
			return dst, false
		}
		dst = append(appendPoints(append(dst, open), &r, n), shut)
	}
	return dst, r.done()
}

func appendPoints(dst []byte, r *reader, n int) []byte {
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendNumbers(append(dst, '('), r, 2), ')')
	}
	return dst
}

func appendNumbers(dst []byte, r *reader, n int) []byte {
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFloat(dst, math.Float64frombits(r.u64()), 64)
	}
	return dst
}
