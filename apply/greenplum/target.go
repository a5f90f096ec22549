package greenplum

import (
	"context"
	"errors"
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
	// Pipeline is whose rows are written; not needed for reading. From the first
	// write on, no other process can write them any more.
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

	// main is the connection of the apply loop's goroutine; nil, or closed, when
	// it has to be opened anew. What follows is that goroutine's too.
	main  *pgx.Conn
	tx    transaction
	claim claim
	gone  bool // see errGone
	// staged are the staging tables of the main connection.
	staged map[*plan]*stage
	stages int // that there have been
	// asked are the tables, by name, for whose enums the source was asked again.
	asked map[string]bool

	mu    sync.Mutex // guards what follows
	owner string     // who the pipeline was claimed as; empty: it was not
	spare []spare
	// plans are by the table that was prepared, prepared those tables by name, the
	// oldest first, and drafts by name too.
	plans    map[*apply.Table]*plan
	prepared map[string][]*apply.Table
	drafts   map[string]*plan
	logged   map[[3]string]bool
}

var (
	_ apply.Target        = (*Target)(nil)
	_ apply.Transactional = (*Target)(nil)
	_ apply.Settler       = (*Target)(nil)
	_ apply.Inspector     = (*Target)(nil)
)

// Close implements [apply.Target].
func (t *Target) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	var errs []error
	if t.main != nil {
		errs = append(errs, t.main.Close(ctx))
		t.main = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.spare {
		errs = append(errs, s.conn.Close(ctx))
	}
	t.spare = nil
	return errors.Join(errs...)
}
