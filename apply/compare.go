package apply

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/pgsluice/pgsluice/change"
)

// Comparer is a Target that can show its rows in the form in which a run would have
// written those of the source, so that the two can be held against each other byte
// by byte and nothing else has to know what a value becomes.
//
//	source's row ──▶ Imager ──▶ image ◀── Scan, Find ◀── target's row
type Comparer interface {
	// Compare begins to compare a table with t.Relation. It changes nothing. A table
	// that is not there, or does not hold the relation, is a precondition fault. Any
	// goroutine, also while another process writes to the table.
	Compare(ctx context.Context, t *Table) (Comparison, error)
}

// Comparison is of one table. Any goroutine, several at the same time.
//
// An image is a row: for each of Columns a length of four bytes, big-endian, and so
// many bytes; the length of a NULL is -1. What the bytes are is the target's own
// matter. A key's image is that of its columns alone, in the order of the key.
type Comparison interface {
	// Columns are the places in the relation of what an image has.
	Columns() []int
	// LeftOut says, by place, why a column is not in the images.
	LeftOut() map[int]string
	// Imager makes images of the source's rows.
	Imager() Imager
	// Scan gives the image of each row that a reader sees, as of one moment, in any
	// order; it is valid until each returns. Where before is not 0, a target whose
	// rows tell when they came may leave out those of transactions from that LSN on.
	Scan(ctx context.Context, before change.LSN, each func(image []byte) error) error
	// Find gives the rows that a reader sees of each key, with its place in keys. A
	// key that is there twice is given twice.
	Find(ctx context.Context, keys [][]byte, each func(place int, f Found) error) error
	// Key makes of a key's image what PostgreSQL reads as parameters. ok is false
	// where that cannot be told.
	Key(image []byte) (key []change.Datum, ok bool)
	// Show prints the values of an image as PostgreSQL would, nearly, and shortened;
	// nil for NULL.
	Show(image []byte) []*string
	Close()
}

// Chosen is the part of a Comparison that says which columns are compared.
type Chosen struct {
	places []int
	out    map[int]string
}

// Take has the column at a place of the relation compared.
func (c *Chosen) Take(place int) { c.places = append(c.places, place) }

// LeaveOut says why the column at a place is not.
func (c *Chosen) LeaveOut(place int, why string) {
	if c.out == nil {
		c.out = map[int]string{}
	}
	c.out[place] = why
}

// Columns implements [Comparison].
func (c *Chosen) Columns() []int { return c.places }

// LeftOut implements [Comparison].
func (c *Chosen) LeftOut() map[int]string { return c.out }

// Imager makes images of the source's rows as a run would write them, what is
// adjusted included. One goroutine.
type Imager interface {
	// Image appends the image of a row. A value that a run would refuse is a
	// *ValueError, perhaps in a *TableError.
	Image(dst []byte, values []change.Datum) ([]byte, error)
}

// Found is a row of the target.
type Found struct {
	Image []byte
	// Written is another one when the row was written again in between; empty where
	// rows do not tell.
	Written string
	// Texts are the values as the target prints them, shortened; nil for NULL. One
	// for each of Columns.
	Texts []*string
}

// AppendNull and AppendValue write what an image is made of.
func AppendNull(image []byte) []byte { return append(image, 0xff, 0xff, 0xff, 0xff) }

// AppendValue appends a value to an image.
func AppendValue(image, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(image, uint32(len(value))), value...)
}

// TextRoom is how many characters are shown of a value.
const TextRoom = 200

// Shorten is a text for showing.
func Shorten(text []byte) *string {
	s := strings.ToValidUTF8(string(text), "\uFFFD")
	if r := []rune(s[:min(len(s), 4*TextRoom)]); len(r) > TextRoom {
		s = string(r[:TextRoom])
	}
	return &s
}

// NextValue takes the first value off an image, nil for NULL, and gives the rest.
// field is the value with its length.
func NextValue(image []byte) (field, value, rest []byte) {
	n := int32(binary.BigEndian.Uint32(image))
	if n < 0 {
		return image[:4], nil, image[4:]
	}
	end := 4 + int(n)
	return image[:end], image[4:end:end], image[end:]
}
