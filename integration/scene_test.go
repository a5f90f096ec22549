package integration

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// scene is what one test works with: a database of its own on both sides, and a
// pipeline's name.
type scene struct {
	*testing.T
	ctx context.Context
	// name is that of the source's database and of the pipeline.
	name     string
	major    int
	postgres *sandbox.Postgres
	source   *pgx.Conn // the superuser's
	target   target
	reader   reader // of the target's database, once it is there; see read
	config   options
	logged   *journal
	place    string // see dir
	// sentinels counts the tables that noticed has made.
	sentinels int
}

// options are what a test wants to be different from the usual pipeline.
type options struct {
	patterns []string // public.*
}

var scenes atomic.Int64

// newScene makes the databases. They stay where the test fails, to be looked at
// while the servers run.
func newScene(t *testing.T, major int, server *sandbox.Postgres, target target) *scene {
	t.Helper()
	s := &scene{
		T: t, ctx: t.Context(), name: fmt.Sprintf("it%d_%d", major, scenes.Add(1)), major: major,
		postgres: server, target: target, config: options{patterns: []string{"public.*"}}, logged: &journal{},
	}
	admin := s.connect("")
	s.execOn(admin, "CREATE DATABASE "+s.name)
	s.source = s.connect(s.name)
	if target != nil {
		if err := target.create(s.ctx, s.database()); err != nil {
			s.Fatalf("make a database in %s: %v", target, err)
		}
	}
	// In this order at the end: what holds the databases goes first.
	t.Cleanup(func() {
		if s.reader != nil {
			s.reader.close()
		}
		failed := t.Failed()
		if failed {
			t.Logf("the pipeline's log:\n%s", s.logged)
		} else if err := s.clean(); err != nil {
			s.Errorf("clean up: %v", err)
		}
		if target != nil && (!failed || target.outlives()) {
			if err := target.drop(context.Background(), s.database()); err != nil {
				s.Errorf("clean up: %v", err)
			}
		}
	})
	return s
}

// clean removes what would cost the tests that follow: a slot keeps log, and
// there is a bounded number of them.
func (s *scene) clean() error {
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, s.postgres.DSN(""))
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`, s.name)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '` + s.name + `'`,
		`DROP DATABASE IF EXISTS ` + s.name,
	} {
		if err := poll(ctx, patience, func() (bool, error) {
			_, err := admin.Exec(ctx, sql)
			return err == nil, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// connect opens a connection of the superuser, closed at the test's end.
func (s *scene) connect(database string) *pgx.Conn {
	s.Helper()
	conn, err := pgx.Connect(s.ctx, s.postgres.DSN(database))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs statements on the source, each list in one transaction.
func (s *scene) exec(sql string, args ...any) {
	s.Helper()
	if len(args) > 0 {
		sql = fmt.Sprintf(sql, args...)
	}
	s.execOn(s.source, sql)
}

func (s *scene) execOn(conn *pgx.Conn, sql string) {
	s.Helper()
	if _, err := conn.PgConn().Exec(s.ctx, sql).ReadAll(); err != nil {
		s.Fatalf("%s: %v", shorten(sql), err)
	}
}

// ask gives the one value that a query of the source returns, as text.
func (s *scene) ask(sql string, args ...any) string {
	s.Helper()
	if len(args) > 0 {
		sql = fmt.Sprintf(sql, args...)
	}
	results, err := s.source.PgConn().Exec(s.ctx, sql).ReadAll()
	if err != nil {
		s.Fatalf("%s: %v", shorten(sql), err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || len(last.Rows[0]) != 1 {
		s.Fatalf("%s: %d rows", shorten(sql), len(last.Rows))
	}
	return string(last.Rows[0][0])
}

// is fails the test unless two values are equal.
func (s *scene) is(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: %q, want %q", what, got, want)
	}
}

func shorten(s string) string {
	const enough = 200
	if len(s) > enough {
		return s[:enough] + "…"
	}
	return s
}

func (s *scene) sourceDSN() string { return s.postgres.DSN(s.name) }
func (s *scene) slot() string      { return "pgsluice_" + s.name }

// both are the flags that name the pipeline and its two sides.
func (s *scene) both() []string { return s.flags(s.sourceDSN(), s.targetDSN()) }

// flags are the same for other DSNs.
func (s *scene) flags(source, target string) []string {
	return []string{"--name", s.name, "--source", source, "--target", target}
}

// sourceAt and targetAt are the sides' DSNs with another address.
func (s *scene) sourceAt(addr string) string {
	return strings.Replace(s.sourceDSN(), s.postgres.Addr(), addr, 1)
}

func (s *scene) targetAt(addr string) string {
	return strings.Replace(s.targetDSN(), s.target.addr(), addr, 1)
}
