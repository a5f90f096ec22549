package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// EventKind says what an [Event] is.
type EventKind uint8

// The kinds of event.
const (
	// Nothing: the deadline passed, or a message came that concerns nobody.
	Nothing EventKind = iota
	// Begin opens a transaction; Position.Commit and Time are its commit's.
	Begin
	// Row carries a row.
	Row
	// Truncated carries the relations that one TRUNCATE emptied.
	Truncated
	// Commit closes a transaction; End is where its commit record ends.
	Commit
	// Idle: every transaction that ended at or below End has been sent, and
	// none is open.
	Idle
)

// Event is what Next found. It is valid until the next call.
type Event struct {
	Kind     EventKind
	Position change.Position
	End      change.LSN
	Time     time.Time
	Row      change.Row
	// Relations are the tables of a Truncated.
	Relations []*change.Relation
}

// Options are what a stream needs to know.
type Options struct {
	Slot, Publication string
	// From is where to go on; the server begins no earlier than what the slot
	// has confirmed.
	From change.LSN
	// Timeline is the one that the source is to be on, 0 for any.
	Timeline int32
	// Binary asks for values in their binary form (PostgreSQL 14 and later).
	Binary bool
	// Resolve turns an announced table into a relation, whose columns are the
	// message's in the same order. nil means that nobody wants its rows.
	Resolve func(ctx context.Context, m *RelationMessage) (*change.Relation, error)
}

// Stream is a running replication. One goroutine calls Next and Beat, and that
// goroutine alone touches the connection; Confirm may be called from it too.
type Stream struct {
	conn    *Conn
	options Options
	known   map[uint32]*source
	event   Event
	inside  bool       // between Begin and Commit
	commit  change.LSN // of the open transaction
	xid     uint32     // of the open transaction
	sentAt  uint64     // the server's clock when it sent the message; microseconds
	size    int        // of the last messages, in bytes, on average
	asked   bool       // the server waits for a report
	seq     uint64
	confirm change.LSN
	sent    change.LSN
	beatAt  time.Time
	reads   uint64
	quiet   time.Time // since when nothing has come; zero while something comes
	pinged  time.Time // when the server was asked whether it lives; zero when not
}

// beatEvery is how often the server hears from an idle reader. It gives up
// after wal_sender_timeout, 60 s unless set; the shortest in use are a few
// seconds.
const beatEvery = time.Second

// Start begins to stream, over a connection of its own; this one is closed.
//
// A session that has looked at a table keeps what it saw in its cache, and would
// decode older rows of the log by it: a walsender forgets a table only when the
// log tells of a change. The questions asked so far were about tables as they are
// now.
func (c *Conn) Start(ctx context.Context, o Options) (*Stream, error) {
	_ = c.Close(ctx)
	fresh, err := Connect(ctx, c.dsn)
	if err != nil {
		return nil, err
	}
	if err := fresh.reached(ctx, o.From, o.Timeline); err != nil {
		_ = fresh.Close(ctx)
		return nil, err
	}
	args := []string{"proto_version '1'", "publication_names " + change.QuoteLiteral(change.AlwaysQuote(o.Publication))}
	if o.Binary && fresh.Version >= 140000 {
		args = append(args, "binary 'true'")
	}
	err = pglogrepl.StartReplication(ctx, fresh.pg, o.Slot, pglogrepl.LSN(o.From),
		pglogrepl.StartReplicationOptions{PluginArgs: args, Mode: pglogrepl.LogicalReplication})
	if err != nil {
		_ = fresh.Close(ctx)
		return nil, postgres.Doing(err, "start replication from slot %s", o.Slot)
	}
	return &Stream{conn: fresh, options: o, known: map[uint32]*source{}, confirm: o.From, beatAt: time.Now()}, nil
}

// reached refuses a source that is on another timeline, or has less log than was read
// from it. The server
// itself would say nothing: it would leave out what it commits until it has as
// much.
func (c *Conn) reached(ctx context.Context, from change.LSN, timeline int32) error {
	system, err := c.Identify(ctx)
	switch {
	case err != nil:
		return err
	case timeline != 0 && system.Timeline != timeline:
		return fault.Retry(fmt.Errorf("the source has gone from timeline %d to %d", timeline, system.Timeline))
	case system.Flushed >= from:
		return nil
	}
	if system.Standby {
		return fault.Retry(fmt.Errorf("the source is a standby that has got to %s, and the target has everything up to %s", system.Flushed, from))
	}
	return fault.Lost(fmt.Errorf("the source has lost log that the target has applied: it has got to %s, and the target to %s", system.Flushed, from), fault.Source)
}

// noticeFault takes a warning for what it is: from PostgreSQL 18 on the changes
// of tables whose publication is gone are left out of the stream, and a warning is
// all that says so.
func noticeFault(notice *pgconn.PgError, slot string) error {
	if class := fault.Of(fault.Source, notice.Code, notice.Message); class.Name == "publication" {
		return class.Judge(fmt.Errorf("replicate from slot %s: %w", slot, notice), fault.Source)
	}
	return nil
}

// Confirm lets the source forget everything up to the LSN. It is sent with the
// next Next or Beat.
func (s *Stream) Confirm(to change.LSN) { s.confirm = max(s.confirm, to) }

// Beat tells the server that the reader is alive and what is confirmed, if it is
// time to. Whoever does not call Next for a while calls Beat instead.
func (s *Stream) Beat() error {
	now := time.Now()
	if s.confirm == s.sent && now.Before(s.beatAt) {
		return nil
	}
	return s.report(now, false)
}

// Ask tells the server what is confirmed and asks how far it is; the answer
// comes as an Idle.
func (s *Stream) Ask() error { return s.report(time.Now(), true) }

func (s *Stream) report(now time.Time, reply bool) error {
	if err := s.conn.wire.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
		return err
	}
	err := pglogrepl.SendStandbyStatusUpdate(context.Background(), s.conn.pg, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: pglogrepl.LSN(s.confirm), ClientTime: now, ReplyRequested: reply,
	})
	if err != nil {
		return fault.Lost(fmt.Errorf("report progress to the source: %w", err), fault.Source)
	}
	s.sent, s.beatAt = s.confirm, now.Add(beatEvery)
	return nil
}

const writeTimeout = 30 * time.Second

// Next waits for the next event, not much longer than it is told to. Keepalives
// are answered on the way.
func (s *Stream) Next(ctx context.Context, wait time.Duration) (*Event, error) {
	s.event.Kind = Nothing
	if err := s.prepareRead(wait); err != nil {
		return nil, err
	}
	// Background, and the deadline on the wire: with another context pgconn
	// starts and stops a watcher for every message.
	msg, err := s.conn.pg.ReceiveMessage(context.Background())
	if err != nil {
		var netErr net.Error
		if errors.As(err, &netErr) && netErr.Timeout() {
			return &s.event, s.silent(time.Now())
		}
		return nil, fault.Lost(fmt.Errorf("read the replication stream: %w", err), fault.Source)
	}
	if !s.quiet.IsZero() {
		s.quiet, s.pinged = time.Time{}, time.Time{}
	}
	switch m := msg.(type) {
	case *pgproto3.CopyData:
		err = s.copyData(ctx, m.Data)
		if s.event.Kind == Begin {
			s.conn.wire.Gather(s.backlog())
		}
		if err == nil && s.asked {
			s.asked, err = false, s.report(time.Now(), false)
		}
	case *pgproto3.ErrorResponse:
		err = postgres.Doing(pgconn.ErrorResponseToPgError(m), "replicate from slot %s", s.options.Slot)
	case *pgproto3.NoticeResponse:
		err = noticeFault(pgconn.ErrorResponseToPgError((*pgproto3.ErrorResponse)(m)), s.options.Slot)
	case *pgproto3.CopyDone, *pgproto3.CommandComplete, *pgproto3.ReadyForQuery:
		err = fault.Retry(errors.New("the source ended the replication stream"))
	}
	if err != nil {
		return nil, err
	}
	return &s.event, nil
}

// silent takes note that nothing came. A server that has nothing to send is asked
// for an answer after half the time that it would wait for its reader, and given
// up after the other half: as PostgreSQL's own subscriptions do it. Only a reader
// that reads can hear nothing, so that time in which nobody called Next does not
// count: what came meanwhile is read first.
func (s *Stream) silent(now time.Time) error {
	half := s.conn.patience / 2
	switch {
	case s.quiet.IsZero():
		s.quiet = now
	case s.pinged.IsZero() && now.Sub(s.quiet) >= half:
		s.pinged = now
		return s.Ask()
	case !s.pinged.IsZero() && now.Sub(s.pinged) >= half:
		return fault.Lost(fmt.Errorf("read the replication stream: the source went silent %s ago and does not answer (wal_sender_timeout)",
			now.Sub(s.quiet).Round(time.Second)), fault.Source)
	}
	return nil
}

// prepareRead does what a read that may block needs: the server is told that
// its reader lives, and the read is given its deadline. While messages are still
// in the buffer a read cannot block, and looking at the clock for each of them
// would cost more than decoding it.
func (s *Stream) prepareRead(wait time.Duration) error {
	s.reads++
	if s.conn.wire.Buffered() && s.reads%readsPerBeat != 0 {
		return nil
	}
	if err := s.Beat(); err != nil {
		return err
	}
	return s.conn.wire.SetReadDeadline(time.Now().Add(min(wait, beatEvery)))
}

const readsPerBeat = 1024

// backlog says whether it is worth the server's while to send many messages at
// once: it is far behind its log, by its own clock, and the messages are small.
// The sending of larger ones is sooner held up by a socket that holds little than
// spared by it.
func (s *Stream) backlog() bool {
	const farBehind, small = time.Second, 512
	return pgTime(s.sentAt).Sub(s.event.Time) > farBehind && s.size < small
}

// Close ends the stream and its connection. What is confirmed is sent first.
func (s *Stream) Close(ctx context.Context) error {
	if s.confirm != s.sent && !s.conn.pg.IsClosed() {
		_ = s.report(time.Now(), false)
	}
	return s.conn.Close(ctx)
}
