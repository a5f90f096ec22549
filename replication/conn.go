package replication

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Conn is a replication connection. It creates slots, and gives way to a [Stream].
// One goroutine.
type Conn struct {
	pg *pgconn.PgConn
	// wire is what pg reads from, for deadlines: pgconn's own way to set them
	// costs a goroutine per message.
	wire *postgres.PatientConn
	dsn  string
	// patience is the server's wal_sender_timeout: how long a silent stream is
	// waited for.
	patience time.Duration
	// Version is server_version_num: 180004 for 18.4.
	Version int
}

// Connect opens a replication connection to the database of the DSN.
func Connect(ctx context.Context, dsn string) (*Conn, error) {
	parsed, err := postgres.Parse(dsn)
	if err != nil {
		return nil, err
	}
	config := parsed.Config
	config.RuntimeParams["replication"] = "database"
	c := &Conn{dsn: dsn}
	wire := postgres.ReadPatiently(&config)
	if c.pg, err = pgconn.ConnectConfig(ctx, &config); err != nil {
		return nil, connectFault(err, &config)
	}
	c.wire = wire()
	if err := c.greet(ctx); err != nil {
		_ = c.Close(ctx)
		return nil, fmt.Errorf("ask the source for its version: %w", err)
	}
	return c, nil
}

// defaultPatience is wal_sender_timeout's default. It stands for a server that
// waits for its readers for ever, too.
const defaultPatience = time.Minute

func (c *Conn) greet(ctx context.Context) error {
	rows, err := postgres.Exec(ctx, c.pg, "SELECT current_setting('server_version_num'), (1000 * extract(epoch FROM current_setting('wal_sender_timeout')::interval))::bigint")
	if err != nil {
		return err
	}
	if c.Version, err = strconv.Atoi(rows[0][0]); err != nil {
		return err
	}
	ms, err := strconv.Atoi(rows[0][1])
	if c.patience = time.Duration(ms) * time.Millisecond; ms == 0 {
		c.patience = defaultPatience
	}
	return err
}

// Over lets an ordinary connection, which stays the caller's, be asked what slots
// and publications there are. It can make no slot and start no stream.
func Over(pg *pgconn.PgConn, version int) *Conn { return &Conn{pg: pg, Version: version} }

func connectFault(err error, config *pgconn.Config) error {
	judged := postgres.ConnectFault(err, config)
	grant := fmt.Sprintf("ALTER ROLE %s REPLICATION;  -- on a managed service: the role the provider names, such as rds_replication", change.AlwaysQuote(config.User))
	switch postgres.Code(err) {
	case "42501": // "must be superuser or replication role"
		return fault.Precondition(judged, grant)
	case "28000": // the same in older servers, or no pg_hba.conf entry
		return fault.Advise(judged, grant)
	}
	return judged
}

// PID is the process of the server that serves the connection.
func (c *Conn) PID() uint32 { return c.pg.PID() }

// Cancel asks the server to give up the command that the connection waits for,
// which then fails. Any goroutine.
func (c *Conn) Cancel(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := c.pg.CancelRequest(ctx); err != nil {
		return fmt.Errorf("cancel a command on the source: %w", err)
	}
	return nil
}

// Close ends the connection; temporary slots and exported snapshots go with it.
func (c *Conn) Close(ctx context.Context) error { return c.pg.Close(ctx) }

// System says which source this is.
type System struct {
	// Identifier is the cluster's, the same on its standbys and never on
	// another cluster.
	Identifier string
	Database   string
	// Timeline is the one the log is written on, another after each failover.
	Timeline int32
	// Flushed is how far the log is written.
	Flushed change.LSN
	// Standby: it follows another server's log.
	Standby bool
}

// Identify asks the server who it is.
func (c *Conn) Identify(ctx context.Context) (System, error) {
	r, err := pglogrepl.IdentifySystem(ctx, c.pg)
	if err != nil {
		return System{}, postgres.Doing(err, "identify the source")
	}
	standby, err := c.standby(ctx)
	return System{Identifier: r.SystemID, Database: r.DBName, Timeline: r.Timeline, Flushed: change.LSN(r.XLogPos), Standby: standby}, err
}
