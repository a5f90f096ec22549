package clickhouse

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/ClickHouse/ch-go/proto"
)

// What ch-go asks of a column: to name its type and to write or read its bytes.
var (
	_ proto.ColInput  = (*column)(nil)
	_ proto.ColResult = (*column)(nil)
)

// Type is the type on the wire.
func (c *column) Type() proto.ColumnType { return proto.ColumnType(c.wire) }

// Rows is the number of values.
func (c *column) Rows() int { return c.rows }

// EncodeColumn copies the column's bytes, for a block that is compressed.
func (c *column) EncodeColumn(b *proto.Buffer) {
	if c.nullable {
		b.Buf = append(b.Buf, c.nulls...)
	}
	b.Buf = append(b.Buf, c.data...)
	c.below(func(part *column) { part.EncodeColumn(b) })
}

// WriteColumn hands the column's bytes to the socket as they are.
func (c *column) WriteColumn(w *proto.Writer) {
	if c.nullable {
		w.ChainWrite(c.nulls)
	}
	w.ChainWrite(c.data)
	c.below(func(part *column) { part.WriteColumn(w) })
}

// Reset does nothing: ch-go calls it before each block of an answer, and the
// blocks are gathered here.
func (c *column) Reset() {}

// DecodeColumn reads a block's values behind those there are.
func (c *column) DecodeColumn(r *proto.Reader, rows int) error {
	var err error
	if c.nullable {
		if c.nulls, err = readInto(c.nulls, r, rows); err != nil {
			return err
		}
	}
	switch c.shape {
	case shapeArray:
		err = c.decodeArrays(r, rows)
	case shapeTuple:
		for _, f := range c.fields {
			if err = f.DecodeColumn(r, rows); err != nil {
				return err
			}
		}
	case shapeString:
		err = c.decodeStrings(r, rows)
	case shapeFixed:
		c.data, err = readInto(c.data, r, rows*c.width)
	}
	c.rows += rows
	return err
}

func readInto(to []byte, r *proto.Reader, n int) ([]byte, error) {
	from := len(to)
	to = slices.Grow(to, n)[:from+n]
	_, err := io.ReadFull(r, to[from:])
	return to, err
}

func (c *column) decodeStrings(r *proto.Reader, rows int) error {
	for range rows {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		if n > 1<<32 {
			return fmt.Errorf("a string of %d bytes is announced", n)
		}
		c.data = binary.AppendUvarint(c.data, n)
		if c.data, err = readInto(c.data, r, int(n)); err != nil {
			return err
		}
		c.ends = append(c.ends, len(c.data))
	}
	return nil
}

// decodeArrays reads offsets, which count from the start of their block, and
// makes them count from the start of the column.
func (c *column) decodeArrays(r *proto.Reader, rows int) error {
	from, before := len(c.data), uint64(c.elem.rows)
	var err error
	if c.data, err = readInto(c.data, r, rows*8); err != nil {
		return err
	}
	last := uint64(0)
	for at := from; at < len(c.data); at += 8 {
		end := binary.LittleEndian.Uint64(c.data[at:])
		if end < last || end > 1<<32 {
			return fmt.Errorf("an array's end %d follows %d", end, last)
		}
		last = end
		binary.LittleEndian.PutUint64(c.data[at:], end+before)
	}
	return c.elem.DecodeColumn(r, int(last))
}

// value is the wire bytes of value i: of a fixed or string column that was read
// back.
func (c *column) value(i int) []byte {
	if c.width > 0 {
		return c.data[i*c.width : (i+1)*c.width]
	}
	return c.data[c.start(i):c.ends[i]]
}

func (c *column) start(i int) int {
	if i == 0 {
		return 0
	}
	return c.ends[i-1]
}

// copyFrom appends the values from ≤ i < to of a column of the same spec that
// was read back.
func (c *column) copyFrom(src *column, from, to int) {
	if from == to {
		return
	}
	if c.nullable {
		c.nulls = append(c.nulls, src.nulls[from:to]...)
	}
	switch c.shape {
	case shapeArray:
		for i := from; i < to; i++ {
			c.elem.copyFrom(src.elem, src.offset(i), src.offset(i+1))
			c.endArray()
		}
	case shapeTuple:
		for i, f := range c.fields {
			f.copyFrom(src.fields[i], from, to)
		}
	case shapeString:
		c.data = append(c.data, src.data[src.start(from):src.ends[to-1]]...)
	case shapeFixed:
		c.data = append(c.data, src.data[from*c.width:to*c.width]...)
	}
	c.rows += to - from
}

// offset is where the elements of array i begin.
func (c *column) offset(i int) int {
	if i == 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint64(c.data[(i-1)*8:]))
}
