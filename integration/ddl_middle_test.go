package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply/applytest"
)

// middles are changes of what tables look like in the middle of a transaction:
// each of its rows is one of the table as it was then.
var middles = []struct {
	name, setup string
	// before and after are of the transaction; between is done beside it, and
	// committed at once.
	before, between, after string
	tables                 []string
}{
	{
		name:    "a label that is added beside it",
		setup:   `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (id int PRIMARY KEY, m mood, l mood[]); CREATE TABLE log (m mood); INSERT INTO t VALUES (1, 'sad', '{ok}')`,
		before:  `INSERT INTO t VALUES (2, 'ok', NULL); INSERT INTO log VALUES ('ok')`,
		between: `ALTER TYPE mood ADD VALUE 'happy' AFTER 'sad'; ALTER TYPE mood ADD VALUE 'none' BEFORE 'sad'`,
		after:   `INSERT INTO t VALUES (3, 'happy', '{sad,happy}'); UPDATE t SET m = 'none' WHERE id = 1; INSERT INTO log VALUES ('happy'), ('none')`,
		tables:  []string{"t", "log"},
	},
	{
		name:   "a type that is made in it",
		setup:  `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE log (v text); INSERT INTO t VALUES (1, 'old')`,
		before: `INSERT INTO t VALUES (2, 'before'); INSERT INTO log VALUES ('before')`,
		after: `CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TYPE pair AS (k kind, n int); ALTER TABLE t ADD k kind DEFAULT 'a', ADD p pair, ADD l kind[]; ALTER TABLE log ADD p pair;
			INSERT INTO t VALUES (3, 'after', 'b', '(a,1)', '{a,NULL,b}'); UPDATE t SET v = 'changed' WHERE id = 1; INSERT INTO log VALUES ('after', '(b,2)')`,
		tables: []string{"t", "log"},
	},
	{
		name:   "columns that are added to several tables",
		setup:  `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE log (v text); INSERT INTO t SELECT n, 'old' FROM generate_series(1, 20) n; INSERT INTO u VALUES (1)`,
		before: `UPDATE t SET v = 'before' WHERE id < 10; INSERT INTO u VALUES (2); INSERT INTO log VALUES ('before')`,
		after: `ALTER TABLE t ADD a int NOT NULL DEFAULT 7; INSERT INTO t VALUES (21, 'after', 21); ALTER TABLE u ADD b text; UPDATE u SET b = 'b'; ALTER TABLE log ADD n int; INSERT INTO log VALUES ('after', 1);
			ALTER TABLE t ADD c numeric(6,2) DEFAULT -1.5; DELETE FROM t WHERE id > 15; INSERT INTO t VALUES (22, 'last', 1, 2.25); TRUNCATE u; INSERT INTO u VALUES (9, 'only')`,
		tables: []string{"t", "u", "log"},
	},
}

// TestTablesChangeInTheMiddleOfATransaction commits it while the pipeline streams,
// in one batch, in batches of a row, and with a failure before and after the
// target has committed.
func TestTablesChangeInTheMiddleOfATransaction(t *testing.T) {
	struck := func(kind applytest.Kind) func(*plan) {
		return func(p *plan) {
			p.MaxRows = 1
			faults(applytest.Fault{Method: applytest.Apply, Nth: 4, Kind: kind}, applytest.Fault{Method: applytest.Commit, Nth: 2, Kind: kind})(p)
		}
	}
	settings := []struct {
		name   string
		settle func(*plan)
	}{
		{"in one batch", func(*plan) {}},
		{"in batches of a row", func(p *plan) { p.MaxRows = 1 }},
		{"failing before the work", struck(applytest.Reject)},
		{"failing after the work", struck(applytest.FailAfter)},
	}
	for n, m := range middles {
		for at, setting := range settings {
			t.Run(m.name+" "+setting.name, func(t *testing.T) {
				inTurns(t, n+at, func(s *scene) {
					s.exec("%s", m.setup)
					r := s.start(setting.settle).streaming()
					s.exec("BEGIN; %s", m.before)
					if m.between != "" {
						beside := s.connect(s.name)
						s.execOn(beside, m.between)
					}
					s.exec("%s; COMMIT", m.after)
					r.here()
					s.equal(m.tables...)
					r.halt()
					s.catchUp()
					s.equal(m.tables...)
				})
			})
		}
	}
}
