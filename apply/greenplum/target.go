package greenplum

import (
	"context"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
)

// Options say where the target is and how it behaves. DSN alone is required.
type Options struct {
	// DSN is greenplum:// or postgres://user:password@host:5432/database, with
	// libpq's parameters.
	DSN string
	// Pipeline is whose rows are written. From the first write on, no other
	// process writes them any more.
	Pipeline string
	// OnUnrepresentable says what becomes of values that a column cannot hold.
	OnUnrepresentable apply.Policy
	// Storage and Compression are for tables that do not wish otherwise; see
	// [apply.Wishes].
	Storage, Compression string
	// Log defaults to slog.Default.
	Log *slog.Logger
	// Adjusted is told of values that were not kept as they were, by the
	// source's table and column. It is called from several goroutines.
	Adjusted func(table, column, reason string, n int64)
}

// Target is a database. It implements [apply.Target], [apply.Transactional],
// [apply.Settler] and [apply.Inspector].
type Target struct {
	opts   Options
	config *pgx.ConnConfig
	server *server
	log    *slog.Logger

	// main is the connection of the apply loop's goroutine, nil when it has to be
	// opened anew.
	main *pgx.Conn

	mu     sync.Mutex // guards what follows
	plans  map[string]*plan
	logged map[[3]string]bool
}

var (
	_ apply.Target        = (*Target)(nil)
	_ apply.Transactional = (*Target)(nil)
	_ apply.Settler       = (*Target)(nil)
	_ apply.Inspector     = (*Target)(nil)
)

// within runs do in the open transaction, where what it did is undone alone when
// it fails, or else in a transaction of its own. It is the only way in which
// statements that change something reach the main connection.
func (t *Target) within(ctx context.Context, doing string, do func(*pgx.Conn) error) error {
	panic("not yet")
}

// asking runs do, which only reads, on the main connection.
func (t *Target) asking(ctx context.Context, doing string, do func(*pgx.Conn) error) error {
	panic("not yet")
}
