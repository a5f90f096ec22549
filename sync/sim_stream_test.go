package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
)

// simStream sends what a slot has, as pgoutput and [replication.Stream] would.
type simStream struct {
	conn    *simConn
	options replication.Options
	slot    *simSlot
	from    change.LSN

	tx     *simTx // being sent, nil between two
	began  bool
	next   int // of its events
	seq    uint64
	sent   int // transactions of the log that have been sent or skipped
	known  map[uint32]*simKnown
	event  replication.Event
	buffer []change.Datum // of the last event, to be overwritten

	confirm, told, kept change.LSN
	asked               bool
}

// simKnown is a table that was announced.
type simKnown struct {
	relation *change.Relation
	resolved *change.Relation // what it is wanted as
	message  *replication.RelationMessage
	stale    bool
}

func (c *simConn) Start(ctx context.Context, o replication.Options) (stream, error) {
	_ = c.Close(ctx)
	conn, err := c.simClient.open(ctx, "connect to stream")
	if err != nil {
		return nil, err
	}
	s := &simStream{conn: conn, options: o, known: map[uint32]*simKnown{}, confirm: o.From, told: o.From}
	err = conn.ask(ctx, "start to stream", func() error {
		if s.slot = c.slots[o.Slot]; s.slot == nil {
			return fault.Permanent(fmt.Errorf("there is no slot %s", o.Slot), "")
		}
		if o.Timeline != c.timeline {
			return fault.Retry(fmt.Errorf("the source is on timeline %d", c.timeline))
		}
		if s.slot.active() {
			return fault.Retry(fmt.Errorf("slot %s is in use", o.Slot))
		}
		s.slot.reader = conn
		s.from = max(o.From, s.slot.confirmed)
		return nil
	})
	if err != nil {
		conn.shut()
		return nil, err
	}
	return s, nil
}

func (s *simStream) Close(ctx context.Context) error {
	_ = s.Beat()
	return s.conn.Close(ctx)
}

func (s *simStream) Confirm(to change.LSN) { s.confirm = max(s.confirm, to) }

func (s *simStream) Again(oid uint32) {
	if t := s.known[oid]; t != nil {
		t.stale = true
	}
}

func (s *simStream) Ask() error {
	s.asked = true
	return s.Beat()
}

// Beat tells the server what is confirmed: it forgets what is below.
func (s *simStream) Beat() error {
	if s.confirm == s.told {
		return nil
	}
	return s.conn.ask(context.Background(), "confirm", func() error {
		s.conn.confirming(s.confirm)
		s.told = s.confirm
		s.slot.confirmed = max(s.slot.confirmed, s.confirm)
		return nil
	})
}

func (s *simStream) Next(ctx context.Context, wait time.Duration) (*replication.Event, error) {
	for i := range s.buffer {
		for j := range s.buffer[i].Bytes {
			s.buffer[i].Bytes[j] = '?' // it was valid until now
		}
	}
	s.buffer, s.event.Kind = s.buffer[:0], replication.Nothing
	if err := s.Beat(); err != nil {
		return nil, err
	}
	var changed chan struct{}
	err := s.conn.ask(ctx, "read the stream", func() error {
		changed = s.conn.changed
		s.advance()
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case s.tx != nil:
		return &s.event, s.send(ctx)
	case s.event.Kind != replication.Nothing:
		return &s.event, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
	return &s.event, nil
}

// advance takes up the next transaction, or says how far the log is.
func (s *simStream) advance() {
	log := s.conn.log
	for s.tx == nil && s.sent < len(log) {
		tx := log[s.sent]
		s.sent++
		// A transaction is forgotten by where its commit record starts.
		if tx.commit >= s.from && (s.conn.version < 150000 || s.brings(tx)) {
			s.tx, s.began, s.next, s.seq = tx, false, 0, 0
		}
	}
	if s.tx == nil && (s.asked || s.kept < s.conn.end && s.conn.process.draw("keepalive", int64(s.conn.end))%2 == 0) {
		s.asked, s.kept = false, s.conn.end
		s.event.Kind, s.event.End = replication.Idle, s.conn.end
	}
}

func (s *simStream) brings(tx *simTx) bool {
	return slices.ContainsFunc(tx.events, func(e *simEvent) bool { return slices.Contains(e.published[s.options.Publication], true) })
}

// send makes the next event of the transaction.
func (s *simStream) send(ctx context.Context) error {
	tx := s.tx
	if !s.began {
		s.began = true
		s.event.Kind, s.event.Position, s.event.Time = replication.Begin, change.Position{Commit: tx.commit}, tx.time
		return nil
	}
	for ; s.next < len(tx.events); s.next++ {
		e := tx.events[s.next]
		published := e.published[s.options.Publication]
		if !slices.Contains(published, true) {
			continue
		}
		for i, r := range e.relations {
			if !published[i] {
				continue
			}
			if announced, err := s.announce(ctx, r); announced || err != nil {
				return err // the row comes next
			}
		}
		s.next++
		s.seq++
		if e.op == 0 {
			s.truncated(e, published)
		} else {
			s.rowOf(e)
		}
		return nil
	}
	s.tx = nil
	s.event.Kind, s.event.End, s.event.Time = replication.Commit, tx.end, tx.time
	return nil
}

// announce describes a table before its first row, and after each change.
func (s *simStream) announce(ctx context.Context, r *change.Relation) (bool, error) {
	t := s.known[r.OID]
	announced := t == nil || t.relation != r
	if announced {
		t = &simKnown{relation: r, message: announcement(r, s.tx.xid)}
		s.known[r.OID] = t
	}
	if !announced && !t.stale {
		return false, nil
	}
	t.stale = false
	t.message.Position = change.Position{Commit: s.tx.commit, Seq: s.seq}
	var err error
	if t.resolved, err = s.options.Resolve(ctx, t.message); err != nil {
		return true, err
	}
	if t.resolved != nil && len(t.resolved.Columns) != len(t.message.Columns) {
		return true, fmt.Errorf("table %s is announced with %d columns and was resolved to %d", r, len(t.message.Columns), len(t.resolved.Columns))
	}
	return announced, nil
}

func (s *simStream) truncated(e *simEvent, published []bool) {
	s.event.Relations = s.event.Relations[:0]
	for i, r := range e.relations {
		if resolved := s.known[r.OID]; published[i] && resolved.resolved != nil {
			s.event.Relations = append(s.event.Relations, resolved.resolved)
		}
	}
	if len(s.event.Relations) > 0 {
		s.event.Kind, s.event.Position = replication.Truncated, change.Position{Commit: s.tx.commit, Seq: s.seq}
		s.conn.process.trace("stream %s: truncate %v", s.event.Position, s.event.Relations)
	}
}

func (s *simStream) rowOf(e *simEvent) {
	rel := e.relations[0]
	resolved := s.known[rel.OID].resolved
	if resolved == nil {
		return
	}
	s.event.Kind, s.event.Position = replication.Row, change.Position{Commit: s.tx.commit, Seq: s.seq}
	row := &s.event.Row
	*row = change.Row{Op: e.op, Position: s.event.Position, Relation: resolved}
	full := rel.Identity == change.IdentityFull
	if e.old != nil && (full || e.new == nil || e.old.key(rel) != e.new.key(rel)) {
		row.OldFull = full
		row.Old = s.tuple(rel, e.old, nil, !full)
	}
	if e.new != nil {
		row.New = s.tuple(rel, e.new, e.old, false)
	}
	s.conn.process.trace("stream %s: %c %s %s -> %s", row.Position, row.Op, rel, brief(row.Old), brief(row.New))
}

func brief(values []change.Datum) string {
	parts := make([]string, len(values))
	for i, d := range values {
		switch d.Format {
		case change.Null:
			parts[i] = "-"
		case change.Unchanged:
			parts[i] = "="
		default:
			parts[i] = string(d.Bytes)
		}
	}
	return strings.Join(parts, "|")
}

// tuple is a row as the log has it: large values that are those of the row before
// are left out.
func (s *simStream) tuple(rel *change.Relation, r, before *simRow, keyOnly bool) []change.Datum {
	format := change.Text
	if s.options.Binary {
		format = change.Binary
	}
	start := len(s.buffer)
	for i := range rel.Columns {
		c := &rel.Columns[i]
		v := r.value(c)
		switch {
		case keyOnly && !slices.Contains(rel.Key, i):
			s.buffer = append(s.buffer, change.Datum{})
		case before != nil && large(v) && before.value(c) == v:
			s.buffer = append(s.buffer, change.Datum{Format: change.Unchanged})
		default:
			s.buffer = append(s.buffer, datum(v, format))
		}
	}
	return s.buffer[start:len(s.buffer):len(s.buffer)]
}
