package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	stdsync "sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// startServers starts both side by side, or neither.
func (d *demonstration) startServers(ctx context.Context) error {
	if err := enginesThere(); err != nil {
		return err
	}
	began := time.Now()
	d.say("Starting PostgreSQL %d and ClickHouse in temporary directories.", sandbox.DefaultPostgres)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if d.postgres, err = sandbox.StartPostgres(groupCtx, sandbox.PostgresOptions{}); err == nil {
			d.say("  PostgreSQL answers after %s", since(began))
		}
		return err
	})
	group.Go(func() (err error) {
		if d.clickhouse, err = sandbox.StartClickHouse(groupCtx, sandbox.ClickHouseOptions{}); err == nil {
			d.say("  ClickHouse answers after %s", since(began))
		}
		return err
	})
	return group.Wait()
}

// enginesThere names everything that is missing, before anything is started.
func enginesThere() error {
	_, postgres := sandbox.FindPostgres(sandbox.DefaultPostgres)
	_, library := sandbox.FindClickHouse()
	_, program := sandbox.FindEngineProgram()
	var all []error
	var hints []string
	for _, err := range []error{postgres, library, program} {
		var missing *sandbox.MissingError
		switch {
		case errors.As(err, &missing):
			all = append(all, fmt.Errorf("%s is missing", missing.Engine))
			hints = append(hints, missing.Hint())
		case err != nil:
			all = append(all, err)
		}
	}
	return fault.Precondition(errors.Join(all...), strings.Join(hints, "\n"))
}

// remove leaves nothing behind. The data is thrown away, so that an orderly
// shutdown would be a waste of seconds.
func (d *demonstration) remove() error {
	if d.window != nil {
		d.window.close()
	}
	var group errgroup.Group
	if d.postgres != nil {
		group.Go(func() error { return errors.Join(d.postgres.Kill(), d.postgres.Stop()) })
	}
	if d.clickhouse != nil {
		group.Go(func() error { return errors.Join(d.clickhouse.Kill(), d.clickhouse.Stop()) })
	}
	return group.Wait()
}

//go:embed demo_shop.sql
var shopSQL string

const shopDatabase = "shop"

// openShop makes the database and its tables, and plans how to compare them.
func (d *demonstration) openShop(ctx context.Context) error {
	began := time.Now()
	d.say("Filling a small shop.")
	if err := d.inPostgres(ctx, "", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+shopDatabase)
		return err
	}); err != nil {
		return err
	}
	return d.inPostgres(ctx, shopDatabase, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, shopSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		var err error
		if d.tables, err = demoTables(ctx, conn); err != nil {
			return err
		}
		var rows, size int64
		if err := conn.QueryRow(ctx, `SELECT sum(reltuples)::bigint, sum(pg_table_size(oid))::bigint FROM pg_class
			WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`).Scan(&rows, &size); err != nil {
			return err
		}
		d.say("  %s rows in %d tables, %s, after %s", count(rows), len(d.tables), bytesText(size), since(began))
		return nil
	})
}

func (d *demonstration) inPostgres(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, d.postgres.DSN(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}

// softened gives a context that ends with another, or when stop is closed.
func softened(ctx context.Context, stop <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watcher stdsync.WaitGroup
	watcher.Go(func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); watcher.Wait() }
}

// outliveTerminal sees that a terminal that is closed ends the context and not
// the process, and that a broken pipe (`pgsluice demo | head`) ends neither:
// dying of either would leave directories behind.
func outliveTerminal(ctx context.Context) (context.Context, func()) {
	pipes := make(chan os.Signal, 1) // nobody reads it: a full one drops the rest
	signal.Notify(pipes, syscall.SIGPIPE)
	release := func() { signal.Stop(pipes) }
	if signal.Ignored(syscall.SIGHUP) { // under nohup
		return ctx, release
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	return ctx, func() { stop(); release() }
}

// demoLog writes the log as people read it, unless machines are to.
func (a *app) demoLog(out *display) (*slog.Logger, error) {
	log, err := a.logger(out)
	if err != nil || a.logFormat != "text" {
		return log, err
	}
	return slog.New(plainLog{out: out, levels: log.Handler()}), nil
}

// plainLog is a log without times and levels.
type plainLog struct {
	out    *display
	levels slog.Handler // decides what is logged
}

// Enabled asks the common log.
func (h plainLog) Enabled(ctx context.Context, l slog.Level) bool { return h.levels.Enabled(ctx, l) }

// Handle writes one line.
func (h plainLog) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString("  ")
	if r.Level >= slog.LevelWarn {
		line.WriteString(strings.ToLower(r.Level.String()) + ": ")
	}
	line.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if text := a.Value.String(); text != "" {
			fmt.Fprintf(&line, "  %s=%s", a.Key, text)
		}
		return true
	})
	line.WriteByte('\n')
	_, err := h.out.Write([]byte(line.String()))
	return err
}

// WithAttrs leaves out what would be the same on every line: the pipeline.
func (h plainLog) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is not used by anybody.
func (h plainLog) WithGroup(string) slog.Handler { return h }
