package replication

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// The messages are those of the PostgreSQL manual, "Logical Replication Message
// Formats", protocol version 1. They are decoded here and not with pglogrepl's
// types, which make several objects for each value.

// RelationMessage is a table as the stream announces it.
type RelationMessage struct {
	OID          uint32
	Schema, Name string
	Identity     change.Identity
	Columns      []RelationColumn
	// XID is the transaction that the announcement stands in. The log has it a
	// moment before other sessions see what it did.
	XID uint32
	// Position is that of the last row before it; Seq is 0 where it comes before
	// the transaction's first.
	Position change.Position
}

// RelationColumn is a column as the stream announces it.
type RelationColumn struct {
	Name     string
	Key      bool // part of the replica identity
	TypeOID  uint32
	Modifier int32
}

var errShort = errors.New("the message ends early")

// reader takes fields off a message; the first read past its end sticks.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.short, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if v := r.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) str() string {
	for i, c := range r.b {
		if c == 0 {
			s := string(r.b[:i])
			r.b = r.b[i+1:]
			return s
		}
	}
	r.short, r.b = true, nil
	return ""
}

func decodeRelation(r *reader) (*RelationMessage, error) {
	m := &RelationMessage{OID: r.u32(), Schema: r.str(), Name: r.str(), Identity: change.Identity(r.u8())}
	if m.Schema == "" {
		m.Schema = "pg_catalog" // the protocol's abbreviation
	}
	n := int(r.u16())
	for range n {
		c := RelationColumn{Key: r.u8()&1 != 0, Name: r.str(), TypeOID: r.u32(), Modifier: int32(r.u32())}
		if r.short {
			break
		}
		m.Columns = append(m.Columns, c)
	}
	if r.short {
		return nil, fmt.Errorf("decode a relation: %w", errShort)
	}
	return m, nil
}

// tuple reads TupleData into the slice, which must have the relation's length.
func (r *reader) tuple(into []change.Datum) error {
	if n := int(r.u16()); n != len(into) || r.short {
		if r.short {
			return errShort
		}
		return fmt.Errorf("a tuple of %d values for a relation of %d columns", n, len(into))
	}
	for i := range into {
		switch kind := r.u8(); kind {
		case 'n':
			into[i] = change.Datum{}
		case 'u':
			into[i] = change.Datum{Format: change.Unchanged}
		case 't', 'b':
			into[i] = change.Datum{Format: change.Format(kind), Bytes: r.take(int(int32(r.u32())))}
		default:
			if r.short {
				return errShort
			}
			return fmt.Errorf("a value of unknown kind %q", kind)
		}
	}
	if r.short {
		return errShort
	}
	return nil
}

// decodeRow reads the tuples of an insert, update or delete; the relation's OID
// has been read already.
func decodeRow(r *reader, op change.Op, row *change.Row, oldSpace, newSpace []change.Datum) error {
	row.Op, row.Old, row.New, row.OldFull = op, nil, nil, false
	kind := r.u8()
	if kind == 'K' || kind == 'O' {
		if op == change.Insert {
			return fmt.Errorf("an insert with an old row")
		}
		if err := r.tuple(oldSpace); err != nil {
			return err
		}
		row.Old, row.OldFull = oldSpace, kind == 'O'
		if op == change.Delete {
			return nil
		}
		kind = r.u8()
	}
	if kind != 'N' || op == change.Delete {
		if r.short {
			return errShort
		}
		return fmt.Errorf("a tuple of unexpected kind %q", kind)
	}
	if err := r.tuple(newSpace); err != nil {
		return err
	}
	row.New = newSpace
	return nil
}

// pgTime turns microseconds since 2000-01-01 into a time.
func pgTime(us uint64) time.Time {
	return time.UnixMicro(int64(us) + 946684800*1e6)
}
