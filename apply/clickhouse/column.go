package clickhouse

import (
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// column holds one column of a block as it goes over the wire. There is one
// struct for all types, told apart by what spec says, because the three shapes
// there are (fixed width, string, array) share null maps, counting and copying.
//
//	fixed   data: width bytes per value
//	string  data: length as a varint, then the bytes; ends only where values are read back
//	array   data: 8 bytes per value, where its elements end; elem: the elements
type column struct {
	*spec
	// What every value needs is at hand, not behind the spec.
	put      putter
	meaning  *typemap.Meaning
	nullable bool

	nulls []byte // one byte per value, 1 is NULL; unused unless nullable
	data  []byte
	ends  []int
	elem  *column
	rows  int
	array typemap.ArrayReader
	// adjusted counts values that were not kept as they were, by reason.
	adjusted [reasons]int64
}

// Reasons for an adjustment are typemap's edges and one of our own.
const (
	nullArray = int(typemap.WrongDimensions) + 1 + iota
	reasons
)

func reasonName(i int) string {
	if i == nullArray {
		return "NULL array"
	}
	return typemap.Edge(i).String()
}

// spec is what a column's values are and become: planned once per table.
type spec struct {
	name string
	// ddl is the column's type in the table, wire the type that is sent: the
	// server makes dictionaries out of strings by itself.
	ddl, wire string
	meaning   *typemap.Meaning
	// put appends the bytes of a value that is not NULL. Where the edge is not
	// Fits they are those of the nearest value there is; an array appends
	// nothing then. With an error the block is lost.
	put putter
	// width is a fixed value's size; 0 for a string, 8 for an array's offsets.
	width int
	// nullable: the wire has a null map. mayBeNull: the source has NULLs, which
	// an array, never Nullable, shows as empty.
	nullable, mayBeNull bool
	policy              apply.Policy
	limits              bounds
	elem                *spec
}

type putter func(c *column, d change.Datum) (typemap.Edge, error)

func newColumn(s *spec) *column {
	c := &column{spec: s, put: s.put, meaning: s.meaning, nullable: s.nullable}
	if s.elem != nil {
		c.elem = newColumn(s.elem)
	}
	return c
}

// errNull is a NULL where the source promised none.
var errNull = errors.New("a NULL arrived for a column that was NOT NULL when the table was prepared")

// edgeError is a value that cannot be held and that no policy turns into one
// that can.
type edgeError struct {
	edge   typemap.Edge
	policy apply.Policy
}

func (e *edgeError) Error() string {
	if e.policy == apply.Fail {
		return e.edge.String()
	}
	return fmt.Sprintf("%s, and on_unrepresentable: %s knows no value to put there", e.edge, e.policy)
}

// append adds one value. After an error the block the column belongs to is of
// no further use.
func (c *column) append(d change.Datum) error {
	if d.Format == change.Null {
		return c.appendNull()
	}
	if edge, err := c.put(c, d); err != nil || edge != typemap.Fits {
		return c.adjust(edge, err)
	}
	if c.nullable {
		c.nulls = append(c.nulls, 0)
	}
	c.rows++
	return nil
}

func (c *column) appendNull() error {
	switch {
	case c.nullable:
		c.nulls = append(c.nulls, 1)
		c.appendZero()
	case c.elem != nil && c.mayBeNull:
		c.adjusted[nullArray]++
		c.appendZero()
	default:
		return errNull
	}
	return nil
}

// appendDefault adds what a tombstone has outside its key.
func (c *column) appendDefault() {
	if c.nullable {
		c.nulls = append(c.nulls, 1)
	}
	c.appendZero()
}

var zeros [32]byte

func (c *column) appendZero() {
	switch {
	case c.elem != nil:
		c.endArray()
	case c.width == 0:
		c.data = append(c.data, 0)
	default:
		c.data = append(c.data, zeros[:c.width]...)
	}
	c.rows++
}

// size is the memory that the column's rows take.
func (c *column) size() int {
	n := len(c.nulls) + len(c.data)
	if c.elem != nil {
		n += c.elem.size()
	}
	return n
}

func (c *column) capacity() int {
	n := cap(c.nulls) + cap(c.data) + 8*cap(c.ends)
	if c.elem != nil {
		n += c.elem.capacity()
	}
	return n
}

func (c *column) reset() {
	c.nulls, c.data, c.ends, c.rows = c.nulls[:0], c.data[:0], c.ends[:0], 0
	if c.elem != nil {
		c.elem.reset()
	}
}
