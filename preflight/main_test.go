package preflight

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/internal/sandbox"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Every connection has a password, so that all that is found can be searched for
// it.
const password = "pg-s3cret"

var (
	servers = map[int]*sandbox.Postgres{}
	scenes  atomic.Int64
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait more than they compute. A number on the command line wins.
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "6")
	}
	code, err := 1, startServers()
	if err == nil {
		code = m.Run()
	}
	for _, p := range servers {
		err = errors.Join(err, p.Kill(), p.Stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func startServers() error {
	started, err := sandbox.StartMajors(context.Background(), healthy)
	maps.Copy(servers, started)
	return err
}

// healthy is a server about which there is nothing to say.
func healthy(major int) sandbox.PostgresOptions {
	o := sandbox.PostgresOptions{Major: major, Password: password, Settings: map[string]string{
		"max_prepared_transactions": "10", "max_connections": "200", "max_locks_per_transaction": "256",
	}}
	if major >= 13 {
		o.Settings["max_slot_wal_keep_size"] = "64GB"
	}
	return o
}

// scene is what one test works with: a database of its own.
type scene struct {
	*testing.T
	major  int
	server *sandbox.Postgres
	name   string // of the database; slot, publication and role are named by it
	dsn    string // that is checked
	admin  *pgx.Conn
}

// onEveryMajor runs a test on each PostgreSQL from one major to another, 0 for
// the last.
func onEveryMajor(t *testing.T, since, until int, test func(*scene)) {
	t.Helper()
	ran := false
	for major, server := range servers {
		if major < since || until != 0 && major > until {
			continue
		}
		ran = true
		t.Run(fmt.Sprintf("PostgreSQL %d", major), func(t *testing.T) {
			t.Parallel()
			test(newScene(t, major, server))
		})
	}
	if !ran {
		t.Fatalf("it is about PostgreSQL %d to %d, and none of these runs: $%s has to name one", since, until, sandbox.MajorsEnv)
	}
}

func newScene(t *testing.T, major int, server *sandbox.Postgres) *scene {
	t.Helper()
	s := &scene{T: t, major: major, server: server, name: fmt.Sprintf("pf%d_%d", major, scenes.Add(1))}
	s.dsn = server.DSN(s.name)
	s.run(s.connect(server.DSN("")), "CREATE DATABASE "+s.name)
	s.admin = s.connect(server.DSN(s.name))
	t.Cleanup(s.clean)
	return s
}

// clean gives back what there is a bounded number of.
func (s *scene) clean() {
	conn, err := pgx.Connect(context.Background(), s.server.DSN(""))
	if err != nil {
		return // the server has been stopped
	}
	defer conn.Close(context.Background())
	deadline := time.Now().Add(patience)
	for {
		_, err = conn.Exec(context.Background(), `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active`, s.name)
		if err == nil || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		s.Errorf("clean up: %v", err)
	}
}

func (s *scene) connect(dsn string) *pgx.Conn {
	s.Helper()
	conn, err := pgx.Connect(s.Context(), dsn)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// fill puts the scene's own names into a text.
func (s *scene) fill(text string) string {
	return strings.NewReplacer("{db}", s.name, "{slot}", s.name, "{pub}", s.name, "{role}", s.name).Replace(text)
}

// run executes statements as they are, a list of them in one transaction.
func (s *scene) run(conn *pgx.Conn, sql string) {
	s.Helper()
	if _, err := conn.PgConn().Exec(s.Context(), s.fill(sql)).ReadAll(); err != nil {
		s.Fatalf("%s: %v", s.fill(sql), err)
	}
}

func (s *scene) exec(sql string) { s.Helper(); s.run(s.admin, sql) }

// as makes the role that checks.
func (s *scene) as(options string) {
	s.Helper()
	s.exec("CREATE ROLE {role} LOGIN PASSWORD '" + password + "' " + options)
	s.dsn = strings.Replace(s.server.DSN(s.name), "postgres:"+password+"@", s.name+":"+password+"@", 1)
	s.Cleanup(func() {
		if s.server.PID() == 0 {
			return
		}
		conn, err := pgx.Connect(context.Background(), s.server.DSN(s.name))
		if err != nil {
			s.Error(err)
			return
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "REASSIGN OWNED BY "+s.name+" TO postgres; DROP OWNED BY "+s.name+"; DROP ROLE "+s.name); err != nil {
			s.Error(err)
		}
	})
}

// source is a run of everything in the database.
func (s *scene) source(conn *pgx.Conn, patterns ...string) Source {
	s.Helper()
	if len(patterns) == 0 {
		patterns = []string{"*.*"}
	}
	src := Source{
		SQL: conn, DSN: s.dsn, Streamed: true, Copy: true, Slot: s.name, Publication: s.name, Slots: 1,
		Operations: replication.Operations{Insert: true, Update: true, Delete: true, Truncate: true},
	}
	var err error
	if src.Catalog, err = snapshot.NewCatalog(s.Context(), conn); err != nil {
		s.Fatal(err)
	}
	for _, text := range patterns {
		p, err := snapshot.ParsePattern(text)
		if err != nil {
			s.Fatal(err)
		}
		src.Patterns = append(src.Patterns, p)
	}
	tables, err := src.Catalog.Tables(s.Context(), src.Patterns)
	if err != nil {
		s.Fatal(err)
	}
	for _, t := range tables {
		table := Table{Table: t}
		for _, c := range t.Relation.Columns {
			table.Columns = append(table.Columns, c.Name)
		}
		src.Tables = append(src.Tables, table)
	}
	return src
}

// check looks at the source as it stands now, over a new connection.
func (s *scene) check(patterns []string, wish func(*Source)) fault.Findings {
	s.Helper()
	conn, err := postgres.Connect(s.Context(), s.dsn)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	src := s.source(conn, patterns...)
	if wish != nil {
		wish(&src)
	}
	before := s.inventory()
	found, err := Check(s.Context(), src)
	if err != nil {
		s.Fatalf("the check itself failed: %v", err)
	}
	if after := s.inventory(); after != before {
		s.Errorf("the check has changed the source from %s to %s", before, after)
	}
	s.sound(found)
	return found
}

// inventory is what a check could leave behind.
func (s *scene) inventory() string {
	s.Helper()
	var is string
	err := s.admin.QueryRow(s.Context(), `SELECT format('publications %s slots %s tables %s',
		(SELECT array_agg(pubname ORDER BY pubname) FROM pg_publication),
		(SELECT array_agg(slot_name ORDER BY slot_name) FROM pg_replication_slots WHERE slot_name = $1 OR database = current_database()),
		(SELECT count(*) FROM pg_class))`, s.name).Scan(&is)
	if err != nil {
		s.Fatal(err)
	}
	return is
}

// sound is what holds for every finding.
func (s *scene) sound(found fault.Findings) {
	s.Helper()
	for _, f := range found {
		text := f.Check + f.On + f.Seen + f.Fix
		switch {
		case strings.Contains(text, password):
			s.Errorf("a password is in %+v", f)
		case f.Check == "" || f.Seen == "" || strings.HasSuffix(f.Seen, "."):
			s.Errorf("half a finding: %+v", f)
		case f.Level > fault.LevelOK && f.Fix == "":
			s.Errorf("nothing mends %+v", f)
		case f.Level == fault.LevelOK && f.Fix != "":
			s.Errorf("something mends what is well: %+v", f)
		}
	}
}

// wrong are the findings that are not ok, but for what cannot be helped.
func (s *scene) wrong(found fault.Findings) fault.Findings {
	return slices.DeleteFunc(slices.Clone(found), func(f fault.Finding) bool {
		return f.Level == fault.LevelOK || s.major == 12 && f.Check == "max_slot_wal_keep_size"
	})
}
