package typemap

import (
	"bytes"
	"strconv"

	"github.com/pgsluice/pgsluice/change"
)

// appendTID prints a tid: block in 4 bytes, offset in 2.
func appendTID(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	dst = strconv.AppendUint(append(dst, '('), uint64(r.u32()), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(r.u16()), 10)
	return append(dst, ')'), r.done()
}

// appendSnapshot prints a pg_snapshot, xmin:xmax:xip,…: the count of running
// transactions in 4 bytes, then the numbers in 8 each.
func appendSnapshot(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	n := r.i32()
	if n < 0 || len(r.b) != 16+8*n {
		return dst, false
	}
	dst = strconv.AppendUint(dst, r.u64(), 10)
	dst = strconv.AppendUint(append(dst, ':'), r.u64(), 10)
	dst = append(dst, ':')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, r.u64(), 10)
	}
	return dst, r.done()
}

// appendTSVector prints 'lexeme':1A,2 …: the count of lexemes in 4 bytes; each
// ends in a zero byte and is followed by the count of its positions and by the
// positions, 2 bytes each, with the weight in the upper two bits.
func appendTSVector(dst, b []byte) ([]byte, bool) {
	r := reader{b: b}
	n := r.i32()
	for i := 0; i < n && !r.bad; i++ {
		if i > 0 {
			dst = append(dst, ' ')
		}
		end := bytes.IndexByte(r.b, 0)
		if end < 0 {
			return dst, false
		}
		dst = append(dst, '\'')
		for _, c := range r.take(end) {
			if c == '\'' || c == '\\' {
				dst = append(dst, c)
			}
			dst = append(dst, c)
		}
		dst = append(dst, '\'')
		r.u8()
		positions := int(r.u16())
		for p := 0; p < positions && !r.bad; p++ {
			separator := byte(',')
			if p == 0 {
				separator = ':'
			}
			at := r.u16()
			dst = strconv.AppendUint(append(dst, separator), uint64(at&0x3fff), 10)
			if weight := at >> 14; weight > 0 {
				dst = append(dst, "DCBA"[weight])
			}
		}
	}
	return dst, n >= 0 && r.done()
}

// appendHstore prints an hstore: the count of pairs in 4 bytes; key and value
// each behind their length, -1 for a NULL value.
func (m *Meaning) appendHstore(dst, b []byte) ([]byte, bool) {
	var r PairReader
	if m.ReadPairs(binaryDatum(b), &r) != nil {
		return dst, false
	}
	for first := true; ; first = false {
		key, value, more, err := r.Next()
		if err != nil || !more {
			return dst, err == nil
		}
		if !first {
			dst = append(dst, ", "...)
		}
		dst = append(appendQuoted(dst, key.Bytes), "=>"...)
		if value.Format == change.Null {
			dst = append(dst, "NULL"...)
		} else {
			dst = appendQuoted(dst, value.Bytes)
		}
	}
}

func appendQuoted(dst, b []byte) []byte {
	dst = append(dst, '"')
	for _, c := range b {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
