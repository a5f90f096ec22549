package clickhouse

import (
	"encoding/binary"
	"math"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// Everything is little-endian on ClickHouse's wire. The two integers that most
// columns are have a short way from PostgreSQL's binary form.

func putInt16(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Int(d)
	c.data = binary.LittleEndian.AppendUint16(c.data, uint16(v))
	return typemap.Fits, err
}

func putInt32(c *column, d change.Datum) (typemap.Edge, error) {
	if d.Format == change.Binary && len(d.Bytes) == 4 {
		c.data = binary.LittleEndian.AppendUint32(c.data, binary.BigEndian.Uint32(d.Bytes))
		return typemap.Fits, nil
	}
	v, err := c.meaning.Int(d)
	c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
	return typemap.Fits, err
}

func putInt64(c *column, d change.Datum) (typemap.Edge, error) {
	if d.Format == change.Binary && len(d.Bytes) == 8 {
		c.data = binary.LittleEndian.AppendUint64(c.data, binary.BigEndian.Uint64(d.Bytes))
		return typemap.Fits, nil
	}
	v, err := c.meaning.Int(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
	return typemap.Fits, err
}

func putUint32(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Uint(d)
	c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
	return typemap.Fits, err
}

func putUint64(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Uint(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, v)
	return typemap.Fits, err
}

func putFloat32(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Float(d)
	c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(float32(v)))
	return typemap.Fits, err
}

func putFloat64(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Float(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v))
	return typemap.Fits, err
}

func putBool(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Bool(d)
	b := byte(0)
	if v {
		b = 1
	}
	c.data = append(c.data, b)
	return typemap.Fits, err
}

func putUUID(c *column, d change.Datum) (typemap.Edge, error) {
	u, err := c.meaning.UUID(d)
	c.data = appendUUID(c.data, u)
	return typemap.Fits, err
}

// appendUUID reverses each half: ClickHouse keeps a UUID as two numbers.
func appendUUID(dst []byte, u [16]byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, binary.BigEndian.Uint64(u[:8]))
	return binary.LittleEndian.AppendUint64(dst, binary.BigEndian.Uint64(u[8:]))
}

func putDate32(c *column, d change.Datum) (typemap.Edge, error) {
	v, edge, err := c.meaning.Date(d)
	v, edge = c.limit(v, edge)
	c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
	return edge, err
}

func putDateTime64(c *column, d change.Datum) (typemap.Edge, error) {
	v, edge, err := c.meaning.Timestamp(d)
	v, edge = c.limit(v, edge)
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
	return edge, err
}

func putTime64(c *column, d change.Datum) (typemap.Edge, error) {
	v, err := c.meaning.Time(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
	return typemap.Fits, err
}

// A Decimal is the whole number of its last digits, as wide as its precision
// needs: 9, 18, 38 or 76 digits.

func putDecimal32(c *column, d change.Datum) (typemap.Edge, error) {
	v, edge, err := c.meaning.Decimal64(d)
	c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
	return edge, err
}

func putDecimal64(c *column, d change.Datum) (typemap.Edge, error) {
	v, edge, err := c.meaning.Decimal64(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
	return edge, err
}

func putDecimal128(c *column, d change.Datum) (typemap.Edge, error) {
	v, edge, err := c.meaning.Decimal256(d)
	c.data = binary.LittleEndian.AppendUint64(c.data, v[0])
	c.data = binary.LittleEndian.AppendUint64(c.data, v[1])
	return edge, err
}

func putDecimal256(c *column, d change.Datum) (typemap.Edge, error) {
	v, edge, err := c.meaning.Decimal256(d)
	for _, limb := range v {
		c.data = binary.LittleEndian.AppendUint64(c.data, limb)
	}
	return edge, err
}
