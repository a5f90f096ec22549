package clickhouse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// column holds one column of a block as it goes over the wire. There is one
// struct for all types, told apart by what spec says, because the shapes there
// are share null maps, counting and copying.
//
//	fixed   data: width bytes per value
//	string  data: length as a varint, then the bytes; ends only where values are read back
//	array   data: 8 bytes per value, where its elements end; elem: the elements; a map is one of pairs
//	tuple   fields: one column each, no data of its own
type column struct {
	*spec
	// What every value needs is at hand, not behind the spec.
	put      putter
	meaning  *typemap.Meaning
	nullable bool

	nulls  []byte // one byte per value, 1 is NULL; unused unless nullable
	data   []byte
	ends   []int
	elem   *column
	fields []*column
	rows   int
	array  typemap.ArrayReader
	pairs  typemap.PairReader
	parts  typemap.FieldReader
	// scratch is a writer's own: a spec's writers serve many columns at once.
	scratch []byte
	// weight is what a container's values took on their way here, which is quick
	// to know and near what they take.
	weight int
	// adjusted counts values that were not kept as they were, by reason.
	adjusted [reasons]int64
}

// Reasons for an adjustment are typemap's edges and one of our own.
const (
	nullContainer = int(typemap.NoCounterpart) + 1 + iota
	reasons
)

func (s *spec) reasonName(i int) string {
	if i == nullContainer {
		return "NULL " + strings.ToLower(s.typ.name)
	}
	return typemap.Edge(i).String()
}

// shape is how a column's bytes lie.
type shape uint8

const (
	shapeFixed shape = iota
	shapeString
	shapeArray
	shapeTuple
)

// spec is what a column's values are and become: planned once per table.
type spec struct {
	// source is the column's name in PostgreSQL, name the one it has here.
	source, name string
	// typ is the column's type below Nullable and LowCardinality, sent the one
	// its values are sent as: the server makes dictionaries out of strings, and
	// a few types out of their text.
	typ, sent *typeName
	// ddl and wire are the two with what goes around them; converted says that
	// the server has to make one of the other.
	ddl, wire string
	converted bool
	meaning   *typemap.Meaning
	// put appends the bytes of a value that is not NULL. Where the edge is not
	// Fits they are those of the nearest value there is; a string and a
	// container append nothing then. With an error the block is lost.
	put   putter
	shape shape
	// width is a fixed value's size; 0 for a string, 8 for an array's offsets.
	width int
	// zero is the string where there is no value.
	zero string
	// nullable: the wire has a null map. mayBeNull: the source has NULLs, which
	// a container, never Nullable, shows as empty. inside: the column is part of
	// another, where that would be a value among others.
	nullable, mayBeNull, inside bool
	policy                      apply.Policy
	limits                      bounds
	elem                        *spec
	// fields are a tuple's, order says which of them each of the composite's
	// fields goes to.
	fields []*spec
	order  []int
	// wished: the user has written the type.
	wished bool
	// losses and edges are for people: what is kept of no value, and which
	// values are not held. chosen are the losses that only a wish leads to.
	losses, chosen []string
	edges          []valueEdge
}

type putter func(c *column, d change.Datum) (typemap.Edge, error)

func newColumn(s *spec) *column {
	c := &column{spec: s, put: s.put, meaning: s.meaning, nullable: s.nullable}
	if s.elem != nil {
		c.elem = newColumn(s.elem)
	}
	for _, f := range s.fields {
		c.fields = append(c.fields, newColumn(f))
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
	spec   *spec
}

func (e *edgeError) Error() string {
	reason := e.edge.String()
	if e.edge == typemap.NoCounterpart {
		var not []string
		for _, edge := range e.spec.edges {
			not = append(not, edge.value)
		}
		reason = "it does not hold " + strings.Join(not, "; ")
	}
	if e.policy == apply.Fail {
		return reason
	}
	return fmt.Sprintf("%s, and on_unrepresentable: %s knows no value to put there", reason, e.policy)
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
	case c.shape > shapeString && c.mayBeNull && !c.inside:
		c.adjusted[nullContainer]++
		c.appendZero()
	case c.mayBeNull:
		return &edgeError{typemap.NullValue, c.policy, c.spec}
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
	switch c.shape {
	case shapeArray:
		c.endArray()
	case shapeTuple:
		for _, f := range c.fields {
			f.appendDefault()
		}
	case shapeString:
		c.data = append(binary.AppendUvarint(c.data, uint64(len(c.zero))), c.zero...)
	case shapeFixed:
		for left := c.width; left > 0; left -= len(zeros) {
			c.data = append(c.data, zeros[:min(left, len(zeros))]...)
		}
	}
	c.rows++
}

// below calls f for the columns that this one is made of.
func (c *column) below(f func(*column)) {
	if c.elem != nil {
		f(c.elem)
	}
	for _, field := range c.fields {
		f(field)
	}
}

// size is the memory that the column's rows take.
func (c *column) size() int {
	n := len(c.nulls) + len(c.data)
	c.below(func(part *column) { n += part.size() })
	return n
}

func (c *column) capacity() int {
	n := cap(c.nulls) + cap(c.data) + 8*cap(c.ends)
	c.below(func(part *column) { n += part.capacity() })
	return n
}

func (c *column) reset() {
	c.nulls, c.data, c.ends, c.rows, c.weight = c.nulls[:0], c.data[:0], c.ends[:0], 0, 0
	c.below((*column).reset)
}
