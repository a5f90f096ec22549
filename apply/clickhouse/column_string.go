package clickhouse

import (
	"encoding/binary"
	"math/bits"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// putString appends a length and the text of a value. The length stands before
// the text and is known only after it, so room is kept for the length of what
// came from PostgreSQL, which is nearly always as long in the end.
func putString(c *column, d change.Datum) (typemap.Edge, error) {
	start := len(c.data)
	room := uvarintSize(len(d.Bytes))
	data, err := c.meaning.AppendText(append(c.data, zeros[:room]...), d)
	if err != nil {
		return typemap.Fits, err
	}
	size := len(data) - start - room
	if need := uvarintSize(size); need != room {
		data = append(data, zeros[:need]...) // room to move into
		copy(data[start+need:], data[start+room:start+room+size])
		data = data[:start+need+size]
	}
	binary.PutUvarint(data[start:], uint64(size))
	c.data = data
	return typemap.Fits, nil
}

func uvarintSize(n int) int {
	return (bits.Len(uint(n)|1) + 6) / 7
}
