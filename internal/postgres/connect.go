// Package postgres opens the connections to a source and judges what the server
// answers. Every package that talks to the source goes through it, so that text
// values mean the same on all connections and an error code has one verdict.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

const connectTimeout = 10 * time.Second

// Parse reads a connection string, URL or keyword form, as libpq does,
// environment and password file included.
func Parse(dsn string) (*pgx.ConnConfig, error) {
	if dsn == "" {
		return nil, fault.Usage(errors.New("no source is named"), "give --source postgres://user:password@host:5432/database")
	}
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fault.Usage(fmt.Errorf("the source's DSN cannot be read: %w", Redact(err)),
			"write it as postgres://user:password@host:5432/database?sslmode=verify-full, with special characters of the password percent-encoded")
	}
	if strings.Contains(c.Host, "@") {
		return nil, fault.Usage(errors.New("the source's DSN cannot be read: the password has an @ in it that is not percent-encoded"), "write %40 for it")
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "pgsluice"
	}
	// Settings go by SET and not in the startup packet: poolers refuse startup
	// parameters they do not know.
	Watch(&c.Config)
	watch := c.AfterConnect
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := watch(ctx, conn); err != nil {
			return err
		}
		return conn.Exec(ctx, sessionSQL()).Close()
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	return c, nil
}

// Redact drops the connection string that pgconn quotes: a password it fails to
// recognise in a malformed one would be printed.
func Redact(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		if inner := errors.Unwrap(parse); inner != nil && !strings.Contains(inner.Error(), "://") {
			return inner
		}
		return errors.New("it is neither a postgres:// URL nor a list of keyword=value")
	}
	return err
}

func sessionSQL() string {
	settings := change.Settings()
	settings["statement_timeout"] = "0"
	settings["lock_timeout"] = "0"
	settings["idle_in_transaction_session_timeout"] = "0"
	// What is written is a publication, and only where the user has asked for a run.
	settings["default_transaction_read_only"] = "off"
	settings["standard_conforming_strings"] = "on"
	// A policy that hides rows is an error and not fewer rows.
	settings["row_security"] = "off"
	// Locks of a process that is gone with its machine, the claim above all, are not
	// held for hours.
	settings["tcp_keepalives_idle"], settings["tcp_keepalives_interval"], settings["tcp_keepalives_count"] = "10", "5", "4"
	// From PostgreSQL 18 on a warning is all that tells of a publication that is gone.
	settings["client_min_messages"] = "warning"
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	sort.Strings(names)
	var sql strings.Builder
	for _, name := range names {
		fmt.Fprintf(&sql, "SET %s = %s;", name, change.QuoteLiteral(settings[name]))
	}
	// PostgreSQL 17 and later have it.
	sql.WriteString("SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout';")
	return sql.String()
}

// Connect opens an ordinary connection.
func Connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	c, err := Parse(dsn)
	if err != nil {
		return nil, err
	}
	return connect(ctx, c)
}

// ConnectPatiently opens a connection for reading much at once.
func ConnectPatiently(ctx context.Context, dsn string) (*pgx.Conn, error) {
	c, err := Parse(dsn)
	if err != nil {
		return nil, err
	}
	ReadPatiently(&c.Config)
	return connect(ctx, c)
}

func connect(ctx context.Context, c *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, ConnectFault(err, &c.Config)
	}
	return conn, nil
}

// ConnectFault turns a failed connect into a sentence that names the server.
func ConnectFault(err error, c *pgconn.Config) error {
	where := fmt.Sprintf("connect to PostgreSQL at %s as %s", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.User)
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return Fault(fmt.Errorf("%s: %w", where, answer))
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", where, err)
	}
	return fault.Lost(fmt.Errorf("%s: %w", where, Cause(err)), fault.Source)
}

// Cause is what a failed connect is about: pgconn's own text repeats user and
// database, and the cause is at the bottom. Any other error is its own cause.
func Cause(err error) error {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &op):
		return op
	}
	return err
}

// Exec runs statements by the simple protocol, which a replication connection
// speaks too.
func Exec(ctx context.Context, conn *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, Fault(err)
	}
	var rows [][]string
	for _, result := range results {
		for _, values := range result.Rows {
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = string(v)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
