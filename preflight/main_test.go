package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

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
	majors, err := sandbox.Majors()
	if err != nil {
		return err
	}
	started := make([]*sandbox.Postgres, len(majors))
	var group errgroup.Group
	for i, major := range majors {
		group.Go(func() (err error) {
			started[i], err = sandbox.StartPostgres(context.Background(), healthy(major))
			return err
		})
	}
	err = group.Wait()
	for i, p := range started {
		if p != nil {
			servers[majors[i]] = p
		}
	}
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
		t.Skipf("it is about PostgreSQL %d to %d, and $%s has none of these", since, until, sandbox.MajorsEnv)
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

// trouble is something that a check has to find, and that is gone when what the
// finding prints has been done.
type trouble struct {
	name         string
	since, until int    // majors; 0 for any
	role         string // options of the role that checks; empty for the superuser
	setup        string // statements, as the superuser
	patterns     []string
	wish         func(*Source)

	check, on string
	level     fault.Level
	seen, fix string // words of both

	// also are other checks that the same thing fails.
	also []string
	// A fix that is not SQL is done here, or else by otherwise, which takes the
	// place of wish, or by other patterns.
	mend          func(*scene)
	otherwise     func(*Source)
	otherPatterns []string
}

func (tr trouble) isSQL() bool {
	return tr.mend == nil && tr.otherwise == nil && tr.otherPatterns == nil
}

func runTroubles(t *testing.T, all []trouble) {
	for _, tr := range all {
		t.Run(tr.name, func(t *testing.T) {
			onEveryMajor(t, tr.since, tr.until, func(s *scene) { s.meets(tr) })
		})
	}
}

// meets has the trouble found, mended as the finding says, and not found again.
func (s *scene) meets(tr trouble) {
	s.Helper()
	if tr.role != "" {
		s.as(tr.role)
	}
	if tr.setup != "" {
		s.exec(tr.setup)
	}
	f := s.finds(tr)
	wish, patterns := tr.wish, tr.patterns
	switch {
	case tr.isSQL():
		s.apply(f.Fix)
	case tr.mend != nil:
		tr.mend(s)
	}
	if tr.otherwise != nil {
		wish = tr.otherwise
	}
	if tr.otherPatterns != nil {
		patterns = tr.otherPatterns
	}
	s.passes(tr.check, patterns, wish)
}

// finds checks, and wants the trouble found and no other.
func (s *scene) finds(tr trouble) fault.Finding {
	s.Helper()
	found := s.check(tr.patterns, tr.wish)
	var it fault.Finding
	for _, f := range s.wrong(found) {
		switch {
		case f.Check == tr.check && f.On == s.fill(tr.on):
			it = f
		case !slices.Contains(tr.also, f.Check):
			s.Errorf("found besides: %+v", f)
		}
	}
	if it.Check == "" {
		s.Fatalf("%s on %q is not found; found:\n%s", tr.check, s.fill(tr.on), list(found))
	}
	if it.Level != tr.level {
		s.Errorf("level %s, want %s", it.Level, tr.level)
	}
	if !strings.Contains(it.Seen, s.fill(tr.seen)) || tr.seen == "" {
		s.Errorf("seen: %s\nwant: … %s …", it.Seen, s.fill(tr.seen))
	}
	if !strings.Contains(it.Fix, s.fill(tr.fix)) {
		s.Errorf("fix: %s\nwant: … %s …", it.Fix, s.fill(tr.fix))
	}
	return it
}

// apply runs a fix as it is printed.
func (s *scene) apply(fix string) {
	s.Helper()
	restart := false
	for line := range strings.SplitSeq(fix, "\n") {
		if _, err := s.admin.PgConn().Exec(s.Context(), line).ReadAll(); err != nil {
			s.Fatalf("the fix does not run: %s: %v", line, err)
		}
		restart = restart || strings.Contains(line, "restart PostgreSQL")
	}
	if restart {
		s.restart()
	}
}

func (s *scene) restart() {
	s.Helper()
	if err := s.server.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.admin = s.connect(s.server.DSN(s.name))
}

// passes wants the check to say that all is well, and no other to say otherwise.
// What was mended may take a moment to be seen: a session to end, a setting to be
// read.
func (s *scene) passes(check string, patterns []string, wish func(*Source)) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; {
		found := s.check(patterns, wish)
		wrong := s.wrong(found)
		well := slices.ContainsFunc(found, func(f fault.Finding) bool { return f.Check == check && f.Level == fault.LevelOK })
		if len(wrong) == 0 && well {
			return
		}
		if time.Now().After(deadline) || s.Failed() {
			s.Fatalf("mended, and not well (%s):\n%s", check, list(found))
		}
	}
}

func list(found fault.Findings) string {
	var s strings.Builder
	for _, f := range found {
		fmt.Fprintf(&s, "%-8s %s %s: %s\n         fix: %s\n", f.Level, f.Check, f.On, f.Seen, f.Fix)
	}
	return s.String()
}
