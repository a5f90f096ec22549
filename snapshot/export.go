package snapshot

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Exported is a snapshot that other connections can read under, made without a
// slot: it needs no right but to read. It lives until Close.
type Exported struct {
	conn *pgx.Conn
	// Name is for [Open].
	Name string
	// At is the log's position just before the snapshot was taken: a version
	// for its rows, not a point that a stream could be joined to.
	At change.LSN
}

// Export takes a snapshot on a connection of its own.
func Export(ctx context.Context, dsn string) (*Exported, error) {
	conn, err := postgres.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	e := &Exported{conn: conn}
	var lsn string
	err = conn.QueryRow(ctx, `SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
		ELSE pg_catalog.pg_current_wal_lsn() END)::text`).Scan(&lsn)
	if err == nil {
		e.At, err = change.ParseLSN(lsn)
	}
	if err == nil {
		_, err = conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	}
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_catalog.pg_export_snapshot()").Scan(&e.Name)
	}
	if err != nil {
		_ = conn.Close(ctx)
		return nil, postgres.Doing(err, "export a snapshot")
	}
	return e, nil
}

// Close lets the snapshot go; readers that have begun keep theirs.
func (e *Exported) Close(ctx context.Context) error { return e.conn.Close(ctx) }

// Reader copies rows under an exported snapshot. One goroutine.
type Reader struct {
	conn *pgx.Conn
}

// Open connects and takes up the snapshot. A snapshot whose owner is gone is a
// retryable fault.
func Open(ctx context.Context, dsn, snapshot string) (*Reader, error) {
	conn, err := postgres.ConnectPatiently(ctx, dsn)
	if err != nil {
		return nil, err
	}
	_, err = conn.PgConn().Exec(ctx, fmt.Sprintf(
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT %s", change.QuoteLiteral(snapshot))).ReadAll()
	if err != nil {
		_ = conn.Close(ctx)
		// The snapshot's owner may be gone; the next attempt has a new one.
		return nil, fault.Retry(postgres.Doing(err, "read under snapshot %s", snapshot))
	}
	return &Reader{conn: conn}, nil
}

// Close ends the reader's connection.
func (r *Reader) Close(ctx context.Context) error { return r.conn.Close(ctx) }

// Alive says whether the reader can still be used: a COPY that was cut short
// takes its connection along.
func (r *Reader) Alive() bool { return !r.conn.IsClosed() }

// Horizon is the oldest transaction that the snapshot may not show: what those
// before it have done it shows. With the epoch in its upper half.
func (r *Reader) Horizon(ctx context.Context) (xid uint64, err error) {
	err = r.conn.QueryRow(ctx, "SELECT pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())").Scan(&xid)
	return xid, postgres.Doing(err, "ask for the horizon of a snapshot")
}
