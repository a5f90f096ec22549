package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/preflight"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// source is where a pipeline's tables come from: server, and a simulated one in
// the tests of this package. What its methods return on an error is nil.
type source interface {
	// Connect opens an ordinary connection.
	Connect(ctx context.Context) (session, error)
	// Replicate opens a replication connection.
	Replicate(ctx context.Context) (walsender, error)
	// Read opens a connection that copies chunks under an exported snapshot.
	Read(ctx context.Context, snapshot string) (chunkReader, error)
	// Claim opens a connection for a claim on the pipeline that has a slot.
	Claim(ctx context.Context, slot string) (claim, error)
	// Export takes a snapshot without a slot.
	Export(ctx context.Context) (*exported, error)
	// Same says whether another source is the same database of the same servers.
	Same(other source) bool
}

// claim is a lock on the source, which goes with its connection. One goroutine.
type claim interface {
	// Try takes the claim; false when another process has it.
	Try(ctx context.Context) (bool, error)
	// Wait gives a request of another process, "" when none came in time.
	Wait(ctx context.Context, patience time.Duration) (string, error)
	// Ask makes a request of whoever has the claim.
	Ask(ctx context.Context, request string) error
	// Slot looks a slot up; nil where there is none.
	Slot(ctx context.Context, name string) (*replication.Slot, error)
	Close(ctx context.Context) error
}

// session is an ordinary connection. One goroutine.
type session interface {
	Catalog(ctx context.Context) (*catalog, error)
	// Identify says which source this is, and not how far its log is.
	Identify(ctx context.Context) (replication.System, error)
	// Started is [apply.Database.Started].
	Started(ctx context.Context) (string, error)
	// Slots is the connection as one that can be asked for slots and
	// publications.
	Slots(version int) slots
	// Look is [preflight.Check] over the connection.
	Look(ctx context.Context, s preflight.Source) (fault.Findings, error)
	Close(ctx context.Context) error
}

// catalog is a source's system tables. Version is server_version_num.
type catalog struct {
	relations
	filters
	Version int
}

// relations is what [snapshot.Catalog] says of tables.
type relations interface {
	Tables(ctx context.Context, patterns []snapshot.Pattern) ([]*snapshot.Table, error)
	Table(ctx context.Context, oid uint32) (*snapshot.Table, error)
	Types(ctx context.Context, oids []uint32, modifiers []int32) ([]*change.Type, error)
	Mark(ctx context.Context) (string, error)
	Written(ctx context.Context) (change.LSN, error)
	MadeFilled(ctx context.Context, l snapshot.Leaf) (bool, error)
	Shows(ctx context.Context, xid uint32) (bool, error)
	OpenTransactions(ctx context.Context, but uint32) ([]snapshot.OpenTransaction, error)
}

// filters is what [snapshot.Catalog] says of conditions on rows.
type filters interface {
	CheckFilter(ctx context.Context, t *snapshot.Table, filter string) error
	SameFilter(ctx context.Context, t *snapshot.Table, a, b string) (bool, error)
}

// slots is what [replication.Conn] says over any connection.
type slots interface {
	FindSlot(ctx context.Context, name string) (*replication.Slot, error)
	CreateSlotSQL(ctx context.Context, name string, temporary bool) (string, error)
	FindPublication(ctx context.Context, name string) (*replication.Publication, error)
	Published(ctx context.Context, publication string) (map[string]replication.Published, error)
}

// walsender is [replication.Conn]. One goroutine, but for Cancel and PID.
type walsender interface {
	slots
	publications
	Identify(ctx context.Context) (replication.System, error)
	// History is [replication.Conn.History].
	History(ctx context.Context, timeline int32) ([]replication.Timeline, error)
	Now(ctx context.Context) (change.LSN, error)
	CreateSlot(ctx context.Context, name string, temporary bool) (replication.Point, error)
	DropSlot(ctx context.Context, name string) error
	PID() uint32
	Cancel(ctx context.Context) error
	// Start streams over a connection of its own, and closes this one.
	Start(ctx context.Context, o replication.Options) (stream, error)
	Close(ctx context.Context) error
}

type publications interface {
	CreatePublication(ctx context.Context, name string, ops replication.Operations, tables []replication.PublicationTable) error
	AddToPublication(ctx context.Context, name string, tables []replication.PublicationTable) error
	DropPublication(ctx context.Context, name string) error
}

// stream is [replication.Stream].
type stream interface {
	Next(ctx context.Context, wait time.Duration) (*replication.Event, error)
	Confirm(to change.LSN)
	Beat() error
	Ask() error
	Again(oid uint32)
	Close(ctx context.Context) error
}

// chunkReader is [snapshot.Reader].
type chunkReader interface {
	Copy(ctx context.Context, q snapshot.Query, c snapshot.Chunk, sink snapshot.Sink) (rows, size int64, err error)
	Horizon(ctx context.Context) (uint64, error)
	Alive() bool
	Close(ctx context.Context) error
}

// exported is a snapshot that Read takes; it lives until Close.
type exported struct {
	Name  string
	At    change.LSN
	Close func(context.Context) error
}

// server is a PostgreSQL server, by its DSN.
type server string

func (s server) Connect(ctx context.Context) (session, error) {
	conn, err := postgres.Connect(ctx, string(s))
	if err != nil {
		return nil, err
	}
	return &serverSession{conn: conn}, nil
}

func (s server) Replicate(ctx context.Context) (walsender, error) {
	conn, err := replication.Connect(ctx, string(s))
	if err != nil {
		return nil, err
	}
	return serverWalsender{conn}, nil
}

func (s server) Read(ctx context.Context, name string) (chunkReader, error) {
	reader, err := snapshot.Open(ctx, string(s), name)
	if err != nil {
		return nil, err
	}
	return reader, nil
}

func (s server) Claim(ctx context.Context, slot string) (claim, error) {
	conn, err := postgres.Connect(ctx, string(s))
	if err != nil {
		return nil, err
	}
	return &serverClaim{conn: conn, name: "pgsluice " + slot}, nil
}

func (s server) Export(ctx context.Context) (*exported, error) {
	e, err := snapshot.Export(ctx, string(s))
	if err != nil {
		return nil, err
	}
	return &exported{Name: e.Name, At: e.At, Close: e.Close}, nil
}

// Same looks at where the DSNs lead, and not as whom: a password that is rotated
// leaves the source what it was.
func (s server) Same(other source) bool {
	o, ok := other.(server)
	if !ok || s == o {
		return ok
	}
	a, errA := pgconn.ParseConfig(string(s))
	b, errB := pgconn.ParseConfig(string(o))
	return errA == nil && errB == nil && slices.Equal(leadsTo(a), leadsTo(b))
}

func leadsTo(c *pgconn.Config) []string {
	to := []string{c.Database, fmt.Sprintf("%s:%d", c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		to = append(to, fmt.Sprintf("%s:%d", f.Host, f.Port))
	}
	return slices.Compact(to) // with TLS and without it
}

type serverSession struct {
	conn    *pgx.Conn
	catalog *snapshot.Catalog
}

func (s *serverSession) Catalog(ctx context.Context) (_ *catalog, err error) {
	if s.catalog, err = snapshot.NewCatalog(ctx, s.conn); err != nil {
		return nil, err
	}
	return &catalog{relations: s.catalog, filters: s.catalog, Version: s.catalog.Version}, nil
}

// Identify asks over an ordinary connection, which has no IDENTIFY_SYSTEM: what
// has to be known to recall a pipeline comes before the right to replicate.
func (s *serverSession) Identify(ctx context.Context) (y replication.System, err error) {
	err = s.conn.QueryRow(ctx, `SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), current_database()`).
		Scan(&y.Identifier, &y.Database)
	return y, postgres.Doing(err, "identify the source")
}

func (s *serverSession) Started(ctx context.Context) (at string, err error) {
	err = s.conn.QueryRow(ctx, `SELECT extract(epoch FROM pg_postmaster_start_time())::text`).Scan(&at)
	return at, postgres.Doing(err, "ask the source since when it runs")
}

func (s *serverSession) Slots(version int) slots { return replication.Over(s.conn.PgConn(), version) }

func (s *serverSession) Look(ctx context.Context, p preflight.Source) (fault.Findings, error) {
	p.SQL, p.Catalog = s.conn, s.catalog
	return preflight.Check(ctx, p)
}

func (s *serverSession) Close(ctx context.Context) error { return s.conn.Close(ctx) }

type serverWalsender struct{ *replication.Conn }

func (w serverWalsender) Start(ctx context.Context, o replication.Options) (stream, error) {
	s, err := w.Conn.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

type serverClaim struct {
	conn *pgx.Conn
	name string
}

func (c *serverClaim) Try(ctx context.Context) (mine bool, err error) {
	err = c.conn.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0))`, c.name).Scan(&mine)
	if err != nil || !mine {
		return false, postgres.Doing(err, "claim the pipeline")
	}
	// A standby cannot be listened to; it can be read.
	var standby bool
	if err := c.conn.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery()`).Scan(&standby); err != nil || standby {
		return err == nil, postgres.Doing(err, "claim the pipeline")
	}
	_, err = c.conn.Exec(ctx, "LISTEN "+change.AlwaysQuote(c.name))
	return err == nil, postgres.Doing(err, "listen for requests")
}

func (c *serverClaim) Wait(ctx context.Context, patience time.Duration) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n, err := c.conn.WaitForNotification(waiting)
	switch {
	case err == nil:
		return n.Payload, nil
	case waiting.Err() != nil && !c.conn.IsClosed():
		return "", nil
	}
	return "", postgres.Doing(err, "listen for requests")
}

func (c *serverClaim) Ask(ctx context.Context, request string) error {
	_, err := c.conn.Exec(ctx, `SELECT pg_catalog.pg_notify($1, $2)`, c.name, request)
	return postgres.Doing(err, "ask the process that runs the pipeline")
}

func (c *serverClaim) Slot(ctx context.Context, name string) (*replication.Slot, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogPatience)
	defer cancel()
	var version int
	if err := c.conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, postgres.Doing(err, "ask the source for its version")
	}
	return replication.Over(c.conn.PgConn(), version).FindSlot(ctx, name)
}

func (c *serverClaim) Close(ctx context.Context) error { return c.conn.Close(ctx) }
