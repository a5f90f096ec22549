package typemap

import (
	"encoding/hex"
	"math"
	"strconv"

	"github.com/pgsluice/pgsluice/change"
)

// AppendText appends a value's text to dst: what PostgreSQL prints for it
// under [change.Settings], the same from either wire form. A bytea is appended
// as the bytes it holds, a geometry as EWKT. Classes other than Text and Bytes have their text too,
// for columns that the user wants as such. Without an error dst grows; with one
// it is returned as it came.
func (m *Meaning) AppendText(dst []byte, d change.Datum) ([]byte, error) {
	switch d.Format {
	case change.Binary:
		switch m.op {
		case opText, opBytea:
			return append(dst, d.Bytes...), nil
		case opGeometry:
			return appendGeometry(dst, d.Bytes), nil
		case opVersioned:
			if len(d.Bytes) > 0 && d.Bytes[0] == 1 {
				return append(dst, d.Bytes[1:]...), nil
			}
		}
		out, ok := m.appendOutput(dst, d.Bytes)
		if !ok {
			return dst, m.malformed(d)
		}
		return out, nil
	case change.Text:
		switch m.op {
		case opBytea:
			out, ok := appendBytea(dst, d.Bytes)
			if !ok {
				return dst, m.malformed(d)
			}
			return out, nil
		case opGeometry:
			return appendGeometryText(dst, d.Bytes), nil
		case opChar:
			return appendCharText(dst, d.Bytes), nil
		}
		return append(dst, d.Bytes...), nil
	}
	return dst, m.malformed(d)
}

// appendOutput prints a binary form as the type's output function does. Where
// ok is false, out may end in a part of the value.
func (m *Meaning) appendOutput(dst, b []byte) (out []byte, ok bool) {
	switch m.op {
	case opText:
		return append(dst, b...), true
	case opVersioned:
		if len(b) == 0 || b[0] != 1 {
			return dst, false
		}
		return append(dst, b[1:]...), true
	case opNumeric:
		return appendNumeric(dst, b)
	case opInterval:
		r := reader{b: b}
		micros, days, months := int64(r.u64()), int32(r.u32()), int32(r.u32())
		return appendInterval(dst, micros, days, months), r.done()
	case opTimeTZ:
		r := reader{b: b}
		micros, west := int64(r.u64()), r.i32()
		if !r.done() {
			return dst, false
		}
		return appendTimeTZ(dst, micros, west)
	case opComposite:
		return m.appendComposite(dst, b)
	case opRange:
		return m.appendRange(dst, b)
	case opMultirange:
		return m.appendMultirange(dst, b)
	case opArray, opVector, opHalfVector:
		return m.appendArray(dst, b)
	case opInet, opCIDR:
		return appendInet(dst, b)
	case opMACAddr, opMACAddr8:
		return m.appendMAC(dst, b)
	case opPoint, opLine, opLseg, opBox, opPath, opPolygon, opCircle:
		return m.appendGeometric(dst, b)
	case opBit:
		return appendBits(dst, b)
	case opTID:
		return appendTID(dst, b)
	case opSnapshot:
		return appendSnapshot(dst, b)
	case opTSVector:
		return appendTSVector(dst, b)
	case opHstore:
		return m.appendHstore(dst, b)
	case opGeometry:
		return appendUpperDigits(dst, b), true
	case opChar:
		if len(b) != 1 {
			return dst, false
		}
		return appendChar(dst, b[0]), true
	case opBytea:
		return hex.AppendEncode(append(dst, '\\', 'x'), b), true
	}
	return m.appendPlainOutput(dst, binaryDatum(b))
}

// appendPlainOutput prints the types that have a class other than Text, by way
// of the value.
func (m *Meaning) appendPlainOutput(dst []byte, d change.Datum) ([]byte, bool) {
	switch m.op {
	case opInt2, opInt4, opInt8:
		v, err := m.Int(d)
		return strconv.AppendInt(dst, v, 10), err == nil
	case opUint4, opUint8:
		v, err := m.Uint(d)
		return strconv.AppendUint(dst, v, 10), err == nil
	case opLSN:
		v, err := m.Uint(d)
		return appendLSN(dst, v), err == nil
	case opFloat2, opFloat4, opFloat8:
		v, err := m.Float(d)
		size := 64
		if m.op != opFloat8 {
			size = 32
		}
		return appendFloat(dst, v, size), err == nil
	case opMoney:
		v, _, err := m.moneyValue(d)
		return appendMoney(dst, v), err == nil
	case opBool:
		v, err := m.Bool(d)
		if v {
			return append(dst, 't'), err == nil
		}
		return append(dst, 'f'), err == nil
	case opUUID:
		v, err := m.UUID(d)
		return appendUUID(dst, v), err == nil
	case opDate:
		days, e, err := m.Date(d)
		if err != nil {
			return dst, false
		}
		return appendDateText(dst, days, e), true
	case opTimestamp, opTimestampTZ:
		if len(d.Bytes) != 8 {
			return dst, false
		}
		zone := ""
		if m.op == opTimestampTZ {
			zone = "+00"
		}
		r := reader{b: d.Bytes}
		return appendTimestamp(dst, int64(r.u64()), zone)
	case opTime:
		v, err := m.Time(d)
		return appendClock(dst, v), err == nil
	}
	return dst, false
}

func appendLSN(dst []byte, v uint64) []byte {
	dst = appendUpperHex(dst, v>>32)
	dst = append(dst, '/')
	return appendUpperHex(dst, v&math.MaxUint32)
}

func appendUpperHex(dst []byte, v uint64) []byte {
	from := len(dst)
	dst = strconv.AppendUint(dst, v, 16)
	for i := from; i < len(dst); i++ {
		if dst[i] >= 'a' {
			dst[i] -= 'a' - 'A'
		}
	}
	return dst
}

func appendUUID(dst []byte, u [16]byte) []byte {
	dst = hex.AppendEncode(dst, u[:4])
	for _, group := range [...][]byte{u[4:6], u[6:8], u[8:10], u[10:]} {
		dst = hex.AppendEncode(append(dst, '-'), group)
	}
	return dst
}
