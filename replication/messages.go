package replication

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pglogrepl"

	"github.com/pgsluice/pgsluice/change"
)

// What the messages of a stream mean. Their layout is that of the PostgreSQL
// manual, "Streaming Replication Protocol" and "Logical Replication Message
// Formats"; decode.go reads it.

// source is a table of the stream: its relation and room for its tuples.
type source struct {
	relation *change.Relation
	message  *RelationMessage
	stale    bool // see Again
	width    int
	old, new []change.Datum
}

func (s *Stream) copyData(ctx context.Context, data []byte) error {
	s.size += (len(data) - s.size) / 64
	r := &reader{b: data}
	switch kind := r.u8(); kind {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		return s.keepalive(r)
	case pglogrepl.XLogDataByteID:
		r.take(16) // WAL start, WAL end
		s.sentAt = r.u64()
		if len(r.b) == 0 {
			return fmt.Errorf("decode the replication stream: %w", errShort)
		}
		if err := s.message(ctx, r); err != nil {
			return fmt.Errorf("decode the replication stream: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("decode the replication stream: message of unknown kind %q", kind)
	}
}

func (s *Stream) keepalive(r *reader) error {
	end := change.LSN(r.u64())
	r.u64() // the server's clock
	reply := r.u8() != 0
	if r.short {
		return fmt.Errorf("decode a keepalive: %w", errShort)
	}
	if !s.inside {
		s.event.Kind, s.event.End = Idle, end
	}
	s.asked = s.asked || reply
	return nil
}

func (s *Stream) message(ctx context.Context, r *reader) error {
	kind := r.u8()
	switch kind {
	case 'I', 'U', 'D':
		return s.row(ctx, change.Op(kind), r)
	case 'B':
		s.commit, s.seq, s.inside = change.LSN(r.u64()), 0, true
		s.event.Kind, s.event.Position, s.event.Time = Begin, change.Position{Commit: s.commit}, pgTime(r.u64())
		s.xid = r.u32()
	case 'C':
		r.u8() // flags
		commit, end := change.LSN(r.u64()), change.LSN(r.u64())
		if commit != s.commit {
			return fmt.Errorf("commit at %s in a transaction that commits at %s", commit, s.commit)
		}
		s.inside = false
		s.event.Kind, s.event.End, s.event.Time = Commit, end, pgTime(r.u64())
	case 'R':
		return s.relation(ctx, r)
	case 'T':
		return s.truncate(ctx, r)
	case 'Y', 'O', 'M': // type names, origin, logical messages
	default:
		return fmt.Errorf("message of unknown type %q", kind)
	}
	if r.short {
		return errShort
	}
	return nil
}

func (s *Stream) relation(ctx context.Context, r *reader) error {
	m, err := decodeRelation(r)
	if err != nil {
		return err
	}
	n := len(m.Columns)
	t := &source{message: m, width: n, old: make([]change.Datum, n), new: make([]change.Datum, n)}
	s.known[m.OID] = t
	m.XID = s.xid
	return s.resolve(ctx, t)
}

func (s *Stream) resolve(ctx context.Context, t *source) (err error) {
	t.stale = false
	t.message.Position = change.Position{Commit: s.commit, Seq: s.seq}
	if t.relation, err = s.options.Resolve(ctx, t.message); err != nil {
		return err
	}
	if t.relation != nil && len(t.relation.Columns) != t.width {
		return fmt.Errorf("table %s is announced with %d columns and was resolved to %d", t.relation, t.width, len(t.relation.Columns))
	}
	return nil
}

// Again has Resolve asked again before the next row of a table, which the server
// announces once: what is wanted of the table is something else now.
func (s *Stream) Again(oid uint32) {
	if t := s.known[oid]; t != nil {
		t.stale = true
	}
}

// announced is the table of a row or a TRUNCATE.
func (s *Stream) announced(ctx context.Context, oid uint32) (*source, error) {
	t := s.known[oid]
	if t == nil {
		return nil, fmt.Errorf("table %d was not announced", oid)
	}
	if t.stale {
		return t, s.resolve(ctx, t)
	}
	return t, nil
}

func (s *Stream) row(ctx context.Context, op change.Op, r *reader) error {
	t, err := s.announced(ctx, r.u32())
	if err != nil {
		return err
	}
	s.seq++
	if t.relation == nil {
		return nil
	}
	if err := decodeRow(r, op, &s.event.Row, t.old, t.new); err != nil {
		return fmt.Errorf("a row of %s: %w", t.relation, err)
	}
	s.event.Kind = Row
	s.event.Position = change.Position{Commit: s.commit, Seq: s.seq}
	s.event.Row.Position, s.event.Row.Relation = s.event.Position, t.relation
	return nil
}

func (s *Stream) truncate(ctx context.Context, r *reader) error {
	n := int(r.u32())
	r.u8() // CASCADE, RESTART IDENTITY
	s.event.Relations = s.event.Relations[:0]
	for range n {
		v := r.take(4)
		if v == nil {
			return errShort
		}
		t, err := s.announced(ctx, binary.BigEndian.Uint32(v))
		if err != nil {
			return err
		}
		if t.relation != nil {
			s.event.Relations = append(s.event.Relations, t.relation)
		}
	}
	s.seq++
	if len(s.event.Relations) > 0 {
		s.event.Kind, s.event.Position = Truncated, change.Position{Commit: s.commit, Seq: s.seq}
	}
	return nil
}
