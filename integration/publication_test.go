package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configure writes a configuration file with the scene's two sides and more.
func (s *scene) configure(more string) string {
	s.Helper()
	path := filepath.Join(s.dir(), "pipeline.yaml")
	text := fmt.Sprintf("name: %s\ntarget:\n  dsn: %s\n%s\n", s.name, s.targetDSN(), more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

func TestGeneratedColumnsAgreeOnBothPaths(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, a int, stored int GENERATED ALWAYS AS (a * 2) STORED, b text)`)
		without := []string{"stored"}
		if s.major >= 18 {
			s.exec(`ALTER TABLE t ADD virtual int GENERATED ALWAYS AS (a * 3) VIRTUAL`)
			without = []string{"virtual"}
		}
		s.exec(`INSERT INTO t (id, a, b) VALUES (1, 1, 'copied'), (2, NULL, 'copied')`)
		s.catchUp()
		s.exec(`INSERT INTO t (id, a, b) VALUES (3, 3, 'streamed'); UPDATE t SET a = 20 WHERE id = 2`)
		s.catchUp()
		s.equalTo("t", s.there("t"), without...)
		if columns := s.columnsThere("t"); strings.Contains(columns, without[0]) {
			s.Errorf("column %s is not left out: %s", without[0], columns)
		}
		// A one-shot load brings all of them.
		s.command("drop", "--with-data").exits(0)
		s.command("load", "--table", "public.*").exits(0)
		s.equal("t")
	})
}

func TestAPublicationOfTheUsersIsUsedAsItIs(t *testing.T) {
	onEveryMajor(t, 15, func(s *scene) {
		s.exec(`CREATE TABLE part (id int PRIMARY KEY, tenant int NOT NULL, v text, secret text); ALTER TABLE part REPLICA IDENTITY FULL;
			CREATE TABLE columns (id int PRIMARY KEY, secret text, v text);
			INSERT INTO part SELECT n, n % 2, 'v' || n, 'secret' FROM generate_series(1, 10) n; INSERT INTO columns SELECT n, 'secret', 'v' FROM generate_series(1, 10) n;
			CREATE PUBLICATION mine FOR TABLE part WHERE (tenant = 1), columns (v, id)`)
		definition := `SELECT (SELECT array_agg(t ORDER BY t.tablename)::text FROM pg_publication_tables t) || (SELECT array_agg(p)::text FROM pg_publication p)`
		before := s.ask(definition)
		mine := func(p *plan) { p.Publication, p.PublicationNamed = "mine", true }
		s.catchUp(mine)
		s.equalWhere("part", s.there("part"), "tenant = 1")
		s.equalTo("columns", s.there("columns"), "secret")
		s.exec(`INSERT INTO part VALUES (11, 1, 'new', ''), (12, 2, 'not', ''); UPDATE part SET tenant = 1 WHERE id = 2; UPDATE part SET tenant = 5 WHERE id = 3;
			UPDATE part SET v = 'changed'; DELETE FROM part WHERE id = 5; DELETE FROM part WHERE id = 6;
			INSERT INTO columns VALUES (11, 'secret', 'new'); UPDATE columns SET secret = 'x'; UPDATE columns SET v = 'changed' WHERE id < 4; UPDATE columns SET id = 100 WHERE id = 4`)
		s.catchUp(mine)
		s.equalWhere("part", s.there("part"), "tenant = 1")
		s.equalTo("columns", s.there("columns"), "secret")
		s.is("columns that are published", s.columnsThere("columns"), "id v")

		config := s.configure(fmt.Sprintf("source: {dsn: '%s', publication: mine}\ntables: ['public.*']", s.sourceDSN()))
		s.exec(`CREATE TABLE unpublished (id int PRIMARY KEY)`)
		p := s.pgsluice("run", "-c", config, "--until", "caught-up")
		p.exits(3, "publication mine does not publish table public.unpublished", `ALTER PUBLICATION "mine" ADD TABLE`, `"unpublished"`)
		drop := s.pgsluice("drop", "-c", config)
		drop.exits(0, "left the publication where it is")
		s.is("the publication", s.ask(definition), before)
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "0")
	})
}

func TestASlotOfTheUsersIsUsedAndStays(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		own := "own_" + s.name
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'before the slot'); CREATE PUBLICATION mine FOR TABLE t`)
		s.exec(`SELECT pg_create_logical_replication_slot('%s', 'pgoutput')`, own)
		s.exec(`INSERT INTO t VALUES (2, 'behind the slot'); UPDATE t SET v = 'changed' WHERE id = 1`)
		config := s.configure(fmt.Sprintf("source: {dsn: '%s', publication: mine, slot: %s}\ntables: ['public.*']", s.sourceDSN(), own))
		for range 2 {
			p := s.pgsluice("run", "-c", config, "--until", "caught-up")
			p.exits(0)
			s.equal("t")
			s.exec(`INSERT INTO t SELECT max(id) + 1, 'later' FROM t`)
		}
		drop := s.pgsluice("drop", "-c", config)
		drop.exits(0, "left the slot where it is", "left the publication where it is")
		s.is("slots", s.ask(`SELECT slot_name FROM pg_replication_slots WHERE database = current_database()`), own)
		s.is("publications", s.ask(`SELECT pubname FROM pg_publication`), "mine")
	})
}

func TestATableThatJoinsLaterIsCopiedAtAPointOfItsOwn(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE first (id int PRIMARY KEY, v text); INSERT INTO first SELECT n, 'old' FROM generate_series(1, 100) n`)
		s.config.patterns = []string{"public.first"}
		s.catchUp()
		before := s.state().Tables["public.first"]
		s.exec(`CREATE TABLE second (id int PRIMARY KEY, v text); INSERT INTO second SELECT n, 'old' FROM generate_series(1, 100) n`)
		// What was changed before the second copy and is still in the log of the
		// first must not be applied to it again.
		s.exec(`UPDATE first SET v = 'new'; UPDATE second SET v = 'new'; DELETE FROM second WHERE id > 50; INSERT INTO first VALUES (200, '')`)
		s.config.patterns = []string{"public.first", "public.second"}
		r := s.start().streaming()
		s.exec(`UPDATE second SET v = 'streamed' WHERE id < 10; INSERT INTO second VALUES (300, ''); UPDATE first SET v = 'streamed' WHERE id = 1`)
		r.here()
		r.halt()
		s.equal("first", "second")
		after := s.state().Tables
		s.is("the first table's consistent point", after["public.first"].CopiedAt.String(), before.CopiedAt.String())
		if after["public.second"].CopiedAt <= before.CopiedAt {
			s.Errorf("the second table's consistent point %s is not behind the first one's, %s", after["public.second"].CopiedAt, before.CopiedAt)
		}
		s.is("published tables", s.ask(`SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_publication_tables`), "first second")
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "1")
	})
}
