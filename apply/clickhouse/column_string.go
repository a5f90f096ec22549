package clickhouse

import (
	"bytes"
	"encoding/binary"
	"errors"
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

// putVerbatim is putString for types whose two wire forms are the text itself.
func putVerbatim(c *column, d change.Datum) (typemap.Edge, error) {
	if d.Format == change.Unchanged {
		return typemap.Fits, errUnsent
	}
	n := len(d.Bytes)
	if n < 0x80 {
		c.data = append(append(c.data, byte(n)), d.Bytes...)
	} else {
		c.data = append(binary.AppendUvarint(c.data, uint64(n)), d.Bytes...)
	}
	return typemap.Fits, nil
}

var errUnsent = errors.New("the value was not sent")

// verbatim tells whether both forms of a type's values are their text, as those
// of text, varchar, json and enums are. It asks the decoder.
func verbatim(m *typemap.Meaning) bool {
	sample := []byte("a\xc3\xa9\\ b")
	for _, f := range []change.Format{change.Text, change.Binary} {
		got, err := m.AppendText(nil, change.Datum{Format: f, Bytes: sample})
		if err != nil || !bytes.Equal(got, sample) {
			return false
		}
	}
	return m.Class == typemap.Text
}

func uvarintSize(n int) int {
	return (bits.Len(uint(n)|1) + 6) / 7
}
