package clickhouse

import (
	"encoding/binary"
	"errors"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

var errShortArray = errors.New("an array has fewer elements than its dimensions say")

// putArray appends an array of any number of dimensions: the column at hand is
// the outermost, each elem one further in, the last holds the values.
func putArray(c *column, d change.Datum) (typemap.Edge, error) {
	c.weight += len(d.Bytes)
	edge, err := c.meaning.Array(d, &c.array)
	if err != nil || edge != typemap.Fits {
		return edge, err
	}
	if dims := c.array.Dims(); len(dims) > 0 {
		err = c.fill(&c.array, dims)
	}
	c.endArray()
	return typemap.Fits, err
}

// fill reads one array's elements into the columns below c.
func (c *column) fill(from *typemap.ArrayReader, dims []int) error {
	for range dims[0] {
		if len(dims) > 1 {
			if err := c.elem.fill(from, dims[1:]); err != nil {
				return err
			}
			c.elem.endArray()
			c.elem.rows++
			continue
		}
		d, more, err := from.Next()
		if err != nil {
			return err
		}
		if !more {
			return errShortArray
		}
		if err := c.elem.append(d); err != nil {
			return err
		}
	}
	return nil
}

// endArray writes where the elements of the array at hand end.
func (c *column) endArray() {
	c.data = binary.LittleEndian.AppendUint64(c.data, uint64(c.elem.rows))
}

// putMap appends an array of pairs.
func putMap(c *column, d change.Datum) (typemap.Edge, error) {
	c.weight += len(d.Bytes)
	err := c.meaning.ReadPairs(d, &c.pairs)
	for err == nil {
		var key, value change.Datum
		var more bool
		if key, value, more, err = c.pairs.Next(); err != nil || !more {
			break
		}
		if err = c.elem.fields[0].append(key); err == nil {
			err = c.elem.fields[1].append(value)
		}
		c.elem.rows++
	}
	c.endArray()
	return typemap.Fits, err
}

// putTuple appends a composite's fields to columns of their own.
func putTuple(c *column, d change.Datum) (typemap.Edge, error) {
	c.weight += len(d.Bytes)
	err := c.meaning.ReadFields(d, &c.parts)
	for place := 0; err == nil; place++ {
		var field change.Datum
		var more bool
		if field, more, err = c.parts.Next(); err != nil || !more {
			break
		}
		err = c.fields[c.order[place]].append(field)
	}
	return typemap.Fits, err
}
