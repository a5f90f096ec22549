package greenplum

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

const connectTimeout = 10 * time.Second

// Open connects and learns what the server is. It creates nothing.
func Open(ctx context.Context, opts Options) (*Target, error) {
	config, err := parseDSN(opts.DSN)
	if err != nil {
		return nil, err
	}
	t := &Target{opts: opts, config: config, log: opts.Log, staged: map[*plan]*stage{}, asked: map[string]bool{}, plans: map[*apply.Table]*plan{}, prepared: map[string][]*apply.Table{}, drafts: map[string]*plan{}, logged: map[[3]string]bool{}}
	if t.log == nil {
		t.log = slog.Default()
	}
	if t.main, err = t.connect(ctx); err != nil {
		return nil, err
	}
	if t.server, err = detect(ctx, t.main); err != nil {
		_ = t.Close()
		return nil, t.failed(ctx, "ask the target at "+t.address()+" what it is", err)
	}
	return t, nil
}

// address is where the target is, for messages.
func (t *Target) address() string {
	return net.JoinHostPort(t.config.Host, strconv.Itoa(int(t.config.Port)))
}

// connect opens one more connection, which is its caller's to close.
func (t *Target) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, t.config)
	if err == nil {
		if err = settle(ctx, conn); err != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}
	if err != nil {
		return nil, t.failed(ctx, "connect to the target at "+t.address()+" as "+t.config.User, err)
	}
	return conn, nil
}

// sessionSettings make text values mean what they mean at the source, statements
// wait as long as they have to, and plans be made for what is done here: joins of
// a few rows, or of very many, with a table's key. Servers know most of them.
func sessionSettings() map[string]string {
	s := change.Settings()
	for name, value := range map[string]string{
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "transaction_timeout": "0", "idle_session_timeout": "0",
		// A NULL in an array, and xml of more than one node, are read as what they are.
		"array_nulls": "on", "xmloption": "content",
		"default_transaction_read_only": "off", "default_transaction_isolation": "read committed", "standard_conforming_strings": "on",
		// What a policy hides would be updated as if it were not there.
		"row_security": "off",
		// Greenplum tells of every distribution it chooses.
		"client_min_messages": "warning",
		// A plan is used once; to compile it, or to look for a better one with
		// Greenplum's other planner, takes longer than to run it.
		"jit": "off", "optimizer": "off",
		// Greenplum's defaults are for reading whole tables: 100 for a page at random,
		// where PostgreSQL's is 4.
		"enable_nestloop": "on", "random_page_cost": "4",
		"work_mem": "64MB",
		// Locks of a process that is gone with its machine are not held for hours.
		"tcp_keepalives_idle": "60", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "6",
		// A table is of the storage that is asked for, whatever the database's own.
		"default_table_access_method": "heap", "gp_default_storage_options": "appendonly=false", "default_with_oids": "off",
	} {
		s[name] = value
	}
	return s
}

// settle gives the session its settings: those that the server knows. They are
// SET, one by one, because Greenplum tells its segments of nothing else.
func settle(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "SELECT name FROM pg_catalog.pg_settings WHERE context = 'user' AND (name <> 'random_page_cost' OR setting::float8 > 4) ORDER BY name")
	if err != nil {
		return err
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	values := map[string]string{}
	for name, value := range sessionSettings() {
		values[strings.ToLower(name)] = value
	}
	var sql strings.Builder
	for _, name := range known {
		if value, ok := values[strings.ToLower(name)]; ok {
			fmt.Fprintf(&sql, "SET %s = %s;", name, change.QuoteLiteral(value))
		}
	}
	return conn.PgConn().Exec(ctx, sql.String()).Close()
}
