package typemap

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"unsafe"

	"github.com/pgsluice/pgsluice/change"
)

// Int decodes a smallint, integer or bigint.
func (m *Meaning) Int(d change.Datum) (int64, error) {
	b := d.Bytes
	if d.Format == change.Binary {
		switch {
		case m.op == opInt4 && len(b) == 4:
			return int64(int32(binary.BigEndian.Uint32(b))), nil
		case m.op == opInt8 && len(b) == 8:
			return int64(binary.BigEndian.Uint64(b)), nil
		case m.op == opInt2 && len(b) == 2:
			return int64(int16(binary.BigEndian.Uint16(b))), nil
		}
		return 0, m.malformed(d)
	}
	v, ok := parseInt(b)
	if ok {
		switch m.op {
		case opInt8:
			return v, nil
		case opInt4:
			ok = v == int64(int32(v))
		case opInt2:
			ok = v == int64(int16(v))
		default:
			ok = false
		}
	}
	if !ok {
		return 0, m.malformed(d)
	}
	return v, nil
}

// Uint decodes an oid, xid, cid, xid8 or pg_lsn.
func (m *Meaning) Uint(d change.Datum) (uint64, error) {
	b := d.Bytes
	if d.Format == change.Binary {
		switch {
		case m.op == opUint4 && len(b) == 4:
			return uint64(binary.BigEndian.Uint32(b)), nil
		case (m.op == opLSN || m.op == opUint8) && len(b) == 8:
			return binary.BigEndian.Uint64(b), nil
		}
		return 0, m.malformed(d)
	}
	var v uint64
	var ok bool
	switch m.op {
	case opUint4:
		v, ok = parseUint(b)
		ok = ok && v <= math.MaxUint32
	case opUint8:
		v, ok = parseUint(b)
	case opLSN:
		v, ok = parseLSN(b)
	}
	if !ok {
		return 0, m.malformed(d)
	}
	return v, nil
}

// The one NaN that all NaNs are decoded to: a text form has no payload.
var quietNaN = math.Float64frombits(0x7FF8000000000000)

// Float decodes a real or double precision. Infinities and the sign of zero are
// kept; a real converts to float32 and back without change.
func (m *Meaning) Float(d change.Datum) (float64, error) {
	b := d.Bytes
	if d.Format == change.Binary {
		var f float64
		switch {
		case m.op == opFloat8 && len(b) == 8:
			f = math.Float64frombits(binary.BigEndian.Uint64(b))
		case m.op == opFloat4 && len(b) == 4:
			f = float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
		case m.op == opFloat2 && len(b) == 2:
			f = halfFloat(binary.BigEndian.Uint16(b))
		default:
			return 0, m.malformed(d)
		}
		if f != f {
			f = quietNaN
		}
		return f, nil
	}
	bits := 64
	if m.op == opFloat4 || m.op == opFloat2 {
		bits = 32
	}
	f, ok := parseFloat(b, bits)
	if !ok {
		return 0, m.malformed(d)
	}
	return f, nil
}

// Bool decodes a boolean.
func (m *Meaning) Bool(d change.Datum) (bool, error) {
	if m.op == opBool && len(d.Bytes) == 1 {
		switch c := d.Bytes[0]; d.Format {
		case change.Binary:
			if c <= 1 {
				return c == 1, nil
			}
		case change.Text:
			if c == 't' || c == 'f' {
				return c == 't', nil
			}
		}
	}
	return false, m.malformed(d)
}

// UUID decodes a uuid, bytes in the order in which the text shows them.
func (m *Meaning) UUID(d change.Datum) (u [16]byte, err error) {
	b := d.Bytes
	switch {
	case m.op != opUUID:
	case d.Format == change.Binary:
		if len(b) == 16 {
			return [16]byte(b), nil
		}
	case len(b) == 36 && b[8] == '-' && b[13] == '-' && b[18] == '-' && b[23] == '-':
		at := 0
		for _, group := range [...][]byte{b[:8], b[9:13], b[14:18], b[19:23], b[24:]} {
			n, err := hex.Decode(u[at:], group)
			if err != nil {
				return [16]byte{}, m.malformed(d)
			}
			at += n
		}
		return u, nil
	}
	return u, m.malformed(d)
}

func parseInt(b []byte) (int64, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	v, ok := parseUint(b)
	switch {
	case !ok || v > 1<<63 || v == 1<<63 && !neg:
		return 0, false
	case neg:
		return -int64(v), true
	}
	return int64(v), true
}

func parseUint(b []byte) (uint64, bool) {
	const safe = 19 // so many digits never run over
	if len(b) == 0 || len(b) > safe+1 {
		return 0, false
	}
	var v uint64
	for _, c := range b[:min(len(b), safe)] {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	if len(b) > safe {
		c := uint64(b[safe] - '0')
		if c > 9 || v > (math.MaxUint64-c)/10 {
			return 0, false
		}
		v = v*10 + c
	}
	return v, true
}

// parseLSN reads two hexadecimal halves divided by a slash.
func parseLSN(b []byte) (uint64, bool) {
	var v, half uint64
	digits, slashes := 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c == '/' && digits > 0 && slashes == 0:
			v, half, digits, slashes = half<<32, 0, 0, 1
			continue
		default:
			return 0, false
		}
		half = half<<4 | uint64(c)
		if digits++; digits > 8 {
			return 0, false
		}
	}
	return v | half, digits > 0 && slashes == 1
}

// parseFloat reads what float4out and float8out print.
func parseFloat(b []byte, bits int) (float64, bool) {
	switch string(b) {
	case "NaN":
		return quietNaN, true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	for _, c := range b {
		// strconv reads more than PostgreSQL prints: hexadecimal, underscores.
		if c > '9' && c != 'e' || c < '+' || c == ',' || c == '/' {
			return 0, false
		}
	}
	if len(b) == 0 {
		return 0, false
	}
	// The string shares b's bytes to save a copy; ParseFloat keeps none of it
	// (its error, which is dropped here, holds a clone).
	f, err := strconv.ParseFloat(unsafe.String(&b[0], len(b)), bits)
	return f, err == nil
}

// halfFloat widens an IEEE 754 half precision number, exactly.
func halfFloat(h uint16) float64 {
	exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		if f = math.Inf(1); fraction != 0 {
			return quietNaN
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 == 1 {
		f = -f
	}
	return f
}
