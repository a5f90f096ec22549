package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Sink takes a copied row: one Datum per column of the relation, valid until it
// returns, and the row's place for change.Position.Seq.
type Sink func(values []change.Datum, seq uint64) error

// Copy reads a chunk into the sink and returns how many rows and bytes came. An
// error of the sink ends the reader's connection and comes back as it is.
func (r *Reader) Copy(ctx context.Context, q Query, c Chunk, sink Sink) (rows, size int64, err error) {
	d := newDecoder(q, c, sink)
	_, err = r.conn.PgConn().CopyTo(ctx, d, q.sql(c))
	switch {
	case d.sinkErr != nil:
		return d.rows, d.size, d.sinkErr
	case err != nil:
		return d.rows, d.size, postgres.Doing(err, "copy %s", c)
	case !d.ended:
		return d.rows, d.size, fmt.Errorf("copy %s: the data ends without a trailer", c)
	}
	return d.rows, d.size, nil
}

// The format is that of the PostgreSQL manual, COPY, "Binary Format": a header,
// then tuples of a 16-bit count and for each value a 32-bit length and its
// bytes, then a count of -1. The server sends one tuple per message; the first
// one stands behind the header.
var signature = []byte("PGCOPY\n\xff\r\n\x00")

type decoder struct {
	values   []change.Datum
	formats  []change.Format
	leaf     uint16
	place    bool // the first value is the ctid
	sink     Sink
	sinkErr  error
	started  bool
	ended    bool
	rows     int64
	size     int64
	sequence uint64
}

func newDecoder(q Query, c Chunk, sink Sink) *decoder {
	d := &decoder{
		values: make([]change.Datum, len(q.Relation.Columns)), formats: make([]change.Format, len(q.Relation.Columns)),
		leaf: c.Number, place: !q.Relation.Keyed(), sink: sink,
	}
	for i := range d.formats {
		d.formats[i] = change.Binary
		if q.AsText[i] {
			d.formats[i] = change.Text
		}
	}
	return d
}

var (
	errSignature = errors.New("decode COPY: not the binary format of COPY")
	errFlags     = errors.New("decode COPY: unknown flags in the header")
	errShort     = errors.New("decode COPY: a row ends early")
	errBehind    = errors.New("decode COPY: data behind the trailer")
)

// Write takes one message of the server.
func (d *decoder) Write(p []byte) (int, error) {
	n := len(p)
	d.size += int64(n)
	if !d.started {
		rest, err := header(p)
		if err != nil {
			return 0, err
		}
		p, d.started = rest, true
	}
	for len(p) > 0 {
		if d.ended {
			return 0, errBehind
		}
		rest, err := d.tuple(p)
		if err != nil {
			return 0, err
		}
		p = rest
	}
	return n, nil
}

func header(p []byte) ([]byte, error) {
	const fixed = 11 + 4 + 4
	if len(p) < fixed || !bytes.Equal(p[:11], signature) {
		return nil, errSignature
	}
	if flags := binary.BigEndian.Uint32(p[11:]); flags != 0 {
		return nil, errFlags
	}
	extension := binary.BigEndian.Uint32(p[15:])
	if uint64(extension) > uint64(len(p)-fixed) {
		return nil, errShort
	}
	return p[fixed+int(extension):], nil
}

func (d *decoder) tuple(p []byte) ([]byte, error) {
	if len(p) < 2 {
		return nil, errShort
	}
	count := int(int16(binary.BigEndian.Uint16(p)))
	p = p[2:]
	if count == -1 {
		d.ended = true
		return p, nil
	}
	want := len(d.values)
	if d.place {
		want++
	}
	if count != want {
		return nil, fmt.Errorf("decode COPY: a row of %d values where %d were selected", count, want)
	}
	if d.place {
		if len(p) < 10 || binary.BigEndian.Uint32(p) != 6 {
			return nil, errShort
		}
		d.sequence = change.CopiedAt(d.leaf, binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint16(p[8:]))
		p = p[10:]
	}
	for i := range d.values {
		if len(p) < 4 {
			return nil, errShort
		}
		size := int32(binary.BigEndian.Uint32(p))
		p = p[4:]
		if size == -1 {
			d.values[i] = change.Datum{}
			continue
		}
		if size < 0 || int(size) > len(p) {
			return nil, errShort
		}
		d.values[i] = change.Datum{Format: d.formats[i], Bytes: p[:size:size]}
		p = p[size:]
	}
	d.rows++
	if err := d.sink(d.values, d.sequence); err != nil {
		d.sinkErr = err
		return nil, err
	}
	return p, nil
}
