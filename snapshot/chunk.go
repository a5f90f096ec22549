package snapshot

import (
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/change"
)

// Chunk is a piece of a table that is copied by one statement: a range of pages
// of one leaf, or a whole leaf.
type Chunk struct {
	Leaf Leaf
	// Number is the leaf's place among the table's, for [change.CopiedAt].
	Number uint16
	// From and To bound the pages, To excluded; To 0 means to the end. Both 0:
	// the whole leaf.
	From, To uint32
	// Newer leaves out the rows that were written by transactions before this one:
	// an earlier copy under a snapshot with that horizon has them. 0: all rows.
	Newer uint32
}

const pageSize = 8192

// MaxLeaves is how many leaves change.CopiedAt can tell apart.
const MaxLeaves = 1 << 16

// Chunks cuts a table. Ranges need PostgreSQL 14, which scans them without
// reading the rest of the table; before that a leaf is one chunk. The last range
// of a leaf is open, for pages that came after its size was read.
func Chunks(t *Table, version int, bytes int64) []Chunk {
	var chunks []Chunk
	pages := uint32(max(bytes/pageSize, 1))
	for number, leaf := range t.Leaves {
		c := Chunk{Leaf: leaf, Number: uint16(number)}
		if version >= 140000 {
			total := uint32(leaf.Bytes / pageSize)
			for total > pages && c.From+pages+pages/2 < total {
				c.To = c.From + pages
				chunks = append(chunks, c)
				c.From, c.To = c.To, 0
			}
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// String names the chunk for messages.
func (c Chunk) String() string {
	name := change.QuoteIdent(c.Leaf.Schema) + "." + change.QuoteIdent(c.Leaf.Name)
	switch {
	case c.From == 0 && c.To == 0:
		return name
	case c.To == 0:
		return fmt.Sprintf("%s from page %d", name, c.From)
	}
	return fmt.Sprintf("%s pages %d to %d", name, c.From, c.To-1)
}

// Query is what a COPY selects.
type Query struct {
	Relation *change.Relation
	// AsText says of each column that it is fetched in its text form, because
	// its binary one cannot be read.
	AsText []bool
	// RowFilter is the source's condition on the rows, empty for all.
	RowFilter string
}

// sql is the COPY statement of a chunk. A table without a key brings its ctid
// along as the first column.
func (q Query) sql(c Chunk) string {
	var s strings.Builder
	s.WriteString("COPY (SELECT ")
	if !q.Relation.Keyed() {
		s.WriteString("ctid")
	}
	for i, col := range q.Relation.Columns {
		if i > 0 || !q.Relation.Keyed() {
			s.WriteString(", ")
		}
		name := change.AlwaysQuote(col.Name)
		if q.AsText[i] {
			// What the output function prints, as the stream sends it: a cast to
			// text can be anything that somebody has defined. A row of NULLs only
			// is not NULL itself.
			name = fmt.Sprintf("CASE WHEN %s IS DISTINCT FROM NULL THEN pg_catalog.format('%%s', %[1]s) END", name)
		}
		s.WriteString(name)
	}
	fmt.Fprintf(&s, " FROM ONLY %s.%s", change.AlwaysQuote(c.Leaf.Schema), change.AlwaysQuote(c.Leaf.Name))
	var conditions []string
	if c.From > 0 || c.To > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid >= '(%d,0)'", c.From))
	}
	if c.To > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid < '(%d,0)'", c.To))
	}
	if c.Newer > 0 {
		// Old enough to be of another turn of the counter, a row counts as new.
		conditions = append(conditions, fmt.Sprintf("pg_catalog.age(xmin) <= pg_catalog.age('%d'::pg_catalog.xid)", c.Newer))
	}
	if q.RowFilter != "" {
		conditions = append(conditions, "("+q.RowFilter+")")
	}
	if len(conditions) > 0 {
		s.WriteString(" WHERE " + strings.Join(conditions, " AND "))
	}
	s.WriteString(") TO STDOUT (FORMAT binary)")
	return s.String()
}
