package clickhouse

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Options say where the target is and how it behaves. DSN alone is required.
type Options struct {
	// Pipeline is whose tables are made; not needed for reading.
	Pipeline string
	// DSN is clickhouse://user:password@host:9000/database, with parameters
	// secure, skip_verify (true, false), compress (none, lz4, zstd; by default
	// lz4, and none on this machine) and durable (true, false; by default new
	// tables have the server answer an insert when it is on the disk).
	DSN string
	// OnUnrepresentable says what becomes of values that a column cannot hold.
	OnUnrepresentable apply.Policy
	// MaxPartsPerSecond bounds how fast Pace lets batches make parts, over all
	// tables; 0 is no bound.
	MaxPartsPerSecond float64
	// Log defaults to slog.Default.
	Log *slog.Logger
	// Adjusted is told of values that were not kept as they were, by the
	// source's table and column. It is called from several goroutines.
	Adjusted func(table, column, reason string, n int64)
}

// Target is a ClickHouse database. It implements [apply.Target] and
// [apply.Pacer].
type Target struct {
	opts    Options
	address address
	version version
	log     *slog.Logger
	// statements is clickhouse-go, for everything but rows; wires carries those.
	statements driver.Conn
	wires      *pool
	blocks     blockPool
	pace       *pacer
	state      *memory

	mu     sync.Mutex // guards what follows
	plans  map[string]*plan
	logged map[[3]string]bool
}

var (
	_ apply.Target = (*Target)(nil)
	_ apply.Pacer  = (*Target)(nil)
)

// anyDatabase is the session's database. Every statement names its own; the one
// in the DSN may not exist yet, and a login that names it would fail.
const anyDatabase = "system"

const clientName = "pgsluice"

// Open connects and learns the server's version. It creates nothing.
func Open(ctx context.Context, opts Options) (*Target, error) {
	a, err := parseDSN(opts.DSN)
	if err != nil {
		return nil, err
	}
	t := &Target{
		opts: opts, address: a, log: opts.Log,
		wires:  &pool{address: a},
		plans:  map[string]*plan{},
		logged: map[[3]string]bool{},
		pace:   newPacer(opts.MaxPartsPerSecond),
		state:  &memory{},
	}
	if t.log == nil {
		t.log = slog.Default()
	}
	t.statements, err = clickhousego.Open(&clickhousego.Options{
		Addr:        []string{a.host},
		Auth:        clickhousego.Auth{Database: anyDatabase, Username: a.user, Password: a.password},
		TLS:         a.tls,
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return t.wires.watched(ctx, 0) }, // see ReadTimeout
		DialTimeout: dialTimeout,
		ReadTimeout: time.Hour, // a DELETE answers when it is done
		Settings:    statementSettings,
	})
	if err != nil {
		return nil, fault.Usage(fmt.Errorf("open the target %s: %w", a.host, err), "")
	}
	if err := t.greet(ctx); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Target) greet(ctx context.Context) error {
	if err := t.statements.Ping(ctx); err != nil {
		return t.failed(ctx, "connect to ClickHouse at "+t.address.host, err)
	}
	server, err := t.statements.ServerVersion()
	if err != nil {
		return t.failed(ctx, "ask ClickHouse at "+t.address.host+" for its version", err)
	}
	t.version = version{int(server.Version.Major), int(server.Version.Minor)}
	if !t.version.atLeast(oldest) {
		return fault.Precondition(fmt.Errorf("ClickHouse at %s is version %s", t.address.host, t.version),
			fmt.Sprintf("upgrade it to %s or later", oldest))
	}
	return nil
}

// Close implements [apply.Target].
func (t *Target) Close() error {
	t.wires.close()
	return t.statements.Close()
}

// report passes a block's adjusted values on, and logs each kind once.
func (t *Target) report(b *block) {
	table := b.plan.table.Relation.String()
	for _, c := range b.columns {
		c.adjustments(func(column, reason string, n int64) {
			if t.opts.Adjusted != nil {
				t.opts.Adjusted(table, column, reason, n)
			}
			kind := [3]string{table, column, reason}
			t.mu.Lock()
			seen := t.logged[kind]
			t.logged[kind] = true
			t.mu.Unlock()
			if !seen {
				t.log.Warn("values are adjusted to what the column can hold", "table", table, "column", column, "reason", reason)
			}
		})
	}
}
