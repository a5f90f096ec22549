package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// The servers ask for these passwords, so that every DSN holds one and every
// output of the program can be searched for it.
const (
	sourcePassword = "pg-s3cret-of-the-source"
	targetUser     = "warehouse"
	targetPassword = "ch-s3cret-of-the-target"
)

// servers are shared by all tests.
var servers struct {
	postgres   map[int]*sandbox.Postgres
	clickhouse *sandbox.ClickHouse
}

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait more than they compute, so more of them than there are
	// cores can be under way. A number on the command line wins.
	if !given("test.parallel") {
		_ = flag.Set("test.parallel", strconv.Itoa(concurrentTests))
	}
	code, err := 1, startServers()
	if err == nil {
		code = m.Run()
		fmt.Fprint(os.Stderr, typesCounted(), tossedLine())
	}
	if err = errors.Join(err, stopServers(), removeProgram()); err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const concurrentTests = 6

func given(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

func startServers() error {
	var group errgroup.Group
	group.Go(func() (err error) {
		servers.postgres, err = sandbox.StartMajors(context.Background(), func(major int) sandbox.PostgresOptions {
			return sandbox.PostgresOptions{
				Major: major, Password: sourcePassword,
				Settings: map[string]string{
					"max_connections": "200", "max_wal_senders": "60", "max_replication_slots": "60", "max_worker_processes": "20",
					// Deadlocks of the workloads are to end soon.
					"deadlock_timeout": "100ms",
				},
			}
		})
		return err
	})
	group.Go(func() (err error) {
		servers.clickhouse, err = sandbox.StartClickHouse(context.Background(),
			sandbox.ClickHouseOptions{User: targetUser, Password: targetPassword})
		return err
	})
	return group.Wait()
}

// stopServers throws them away: an orderly shutdown would be a waste of seconds.
func stopServers() error {
	var group errgroup.Group
	for _, p := range servers.postgres {
		group.Go(func() error { return errors.Join(p.Kill(), p.Stop()) })
	}
	if c := servers.clickhouse; c != nil {
		group.Go(func() error { return errors.Join(c.Kill(), c.Stop()) })
	}
	return group.Wait()
}

// scene is what one test works with: a database of its own on both sides, and a
// pipeline's name.
type scene struct {
	*testing.T
	ctx context.Context
	// name is that of both databases and of the pipeline.
	name     string
	major    int
	postgres *sandbox.Postgres
	source   *pgx.Conn // the superuser's
	config   options
	logged   *journal
	place    string // see dir
}

// options are what a test wants to be different from the usual pipeline.
type options struct {
	patterns []string // public.*
}

var scenes atomic.Int64

// onEveryMajor runs a test on each PostgreSQL from the given major on, at the
// same time as other tests.
func onEveryMajor(t *testing.T, since int, test func(*scene)) {
	t.Helper()
	t.Parallel()
	for _, major := range majorsFrom(since) {
		t.Run("PostgreSQL "+strconv.Itoa(major), func(t *testing.T) {
			t.Parallel()
			test(newScene(t, major))
		})
	}
}

// onNewest runs a test whose subject does not depend on the source's version.
func onNewest(t *testing.T, test func(*scene)) {
	t.Helper()
	t.Parallel()
	all := majorsFrom(0)
	test(newScene(t, all[len(all)-1]))
}

func majorsFrom(since int) []int {
	var majors []int
	for major := range servers.postgres {
		if major >= since {
			majors = append(majors, major)
		}
	}
	slices.Sort(majors)
	return majors
}

func newScene(t *testing.T, major int) *scene {
	t.Helper()
	s := &scene{
		T: t, ctx: t.Context(), name: fmt.Sprintf("it%d_%d", major, scenes.Add(1)), major: major,
		postgres: servers.postgres[major], config: options{patterns: []string{"public.*"}}, logged: &journal{},
	}
	admin := s.connect("")
	s.execOn(admin, "CREATE DATABASE "+s.name)
	s.source = s.connect(s.name)
	// In this order at the end: what holds the database goes first.
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the pipeline's log:\n%s", s.logged)
			return // what is left can be looked at while the servers run
		}
		s.clean()
	})
	return s
}

// clean removes what would cost the tests that follow: a slot keeps log, and
// there is a bounded number of them.
func (s *scene) clean() {
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, s.postgres.DSN(""))
	if err != nil {
		s.Error(err)
		return
	}
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`, s.name)
	if err == nil {
		err = poll(ctx, patience, func() (bool, error) {
			_, err := admin.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1`, s.name)
			return err == nil, nil
		})
	}
	if err == nil {
		err = poll(ctx, patience, func() (bool, error) {
			_, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+s.name)
			return err == nil, nil
		})
	}
	if err != nil {
		s.Errorf("clean up: %v", err)
	}
	if _, err := queryClickHouse(ctx, "", "DROP DATABASE IF EXISTS "+s.name); err != nil {
		s.Errorf("clean up: %v", err)
	}
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

// warehouse gives what a query of the target's database returns, values divided
// by tabs and rows by line ends.
func (s *scene) warehouse(sql string, args ...any) string {
	s.Helper()
	if len(args) > 0 {
		sql = fmt.Sprintf(sql, args...)
	}
	answer, err := queryClickHouse(s.ctx, s.name, sql)
	if err != nil {
		s.Fatalf("%s: %v", shorten(sql), err)
	}
	return strings.TrimRight(string(answer), "\n")
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
func (s *scene) targetDSN() string { return servers.clickhouse.DSN(s.name) }
func (s *scene) slot() string      { return "pgsluice_" + s.name }
