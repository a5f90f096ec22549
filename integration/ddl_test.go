package integration

import (
	"strconv"
	"testing"

	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/sync"
)

func TestAColumnThatIsAddedIsFollowed(t *testing.T) {
	inEveryRhythm(t, 12, story{
		setup: `
			CREATE TYPE mood AS ENUM ('sad', 'ok');
			CREATE TABLE grows (id int PRIMARY KEY, v text);
			CREATE TABLE keyless (v text);
			CREATE TABLE other (id int PRIMARY KEY, v text);
			INSERT INTO grows SELECT n, 'old' FROM generate_series(1, 10) n; INSERT INTO keyless VALUES ('old'); INSERT INTO other VALUES (1, 'old')`,
		tables: []string{"grows", "keyless", "other"},
		steps: []string{
			`INSERT INTO grows VALUES (11, 'before'); ALTER TABLE grows ADD a int; INSERT INTO grows VALUES (12, 'after', 12)`,
			`ALTER TABLE keyless ADD n int; INSERT INTO keyless VALUES ('new', 1), ('new', NULL)`,
			`ALTER TABLE grows ADD b text DEFAULT 'it''s \ "so"', ADD c int NOT NULL DEFAULT 7; UPDATE grows SET v = 'touched' WHERE id < 3; INSERT INTO other VALUES (2, 'beside')`,
			`ALTER TABLE grows ADD d numeric(10,2) NOT NULL DEFAULT -1.50, ADD e timestamptz DEFAULT '2024-02-29 12:00:00.000001+00', ADD f boolean NOT NULL DEFAULT true; DELETE FROM grows WHERE id = 4`,
			`ALTER TABLE grows ADD g text[] DEFAULT '{a,NULL,"b c"}', ADD h jsonb DEFAULT '{"k": [1, 2.50]}', ADD i mood DEFAULT 'sad', ADD j date NOT NULL DEFAULT '1999-12-31'; INSERT INTO grows (id, v) VALUES (20, 'defaults')`,
			`ALTER TABLE grows ADD k float8 DEFAULT 0.1, ADD l uuid DEFAULT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', ADD m bytea DEFAULT '\x00ff', ADD n bigint NOT NULL DEFAULT -9223372036854775808; UPDATE grows SET a = 5 WHERE id = 5`,
			`ALTER TABLE keyless ADD "with default" text NOT NULL DEFAULT 'x'; INSERT INTO keyless VALUES ('newer', 2, 'y')`,
			`UPDATE grows SET id = id + 100 WHERE id < 8; INSERT INTO grows (id, v, c) VALUES (30, NULL, 1)`,
			`ALTER TABLE grows ADD o interval DEFAULT '1 day -00:00:01', ADD p time DEFAULT '12:34:56.789', ADD q real DEFAULT 'NaN', ADD r money DEFAULT 12.34; UPDATE grows SET v = v WHERE id = 30`,
			`TRUNCATE other; ALTER TABLE other ADD z int NOT NULL DEFAULT 3; INSERT INTO other VALUES (3, 'z')`,
		},
	})
}

func TestALabelThatIsAddedToAnEnumNeedsNothing(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (id int PRIMARY KEY, m mood, l mood[]); INSERT INTO t VALUES (1, 'sad', '{ok}')`)
		r := s.start().streaming()
		s.exec(`ALTER TYPE mood ADD VALUE 'happy' AFTER 'sad'`)
		s.exec(`INSERT INTO t VALUES (2, 'happy', '{sad,happy}'), (3, 'ok', NULL)`)
		r.here()
		s.equal("t")
		r.halt()
	})
}

func TestAColumnIsAddedOnceWhenACrashComesRightAfter(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5)`)
		s.catchUp()
		s.exec(`ALTER TABLE t ADD a int NOT NULL DEFAULT 7; INSERT INTO t VALUES (6, 6)`)
		for i, method := range []applytest.Method{applytest.Alter, applytest.Remember, applytest.Apply} {
			// Something to apply, also where the run before got as far as it was to.
			s.exec(`INSERT INTO t VALUES (%d, %d)`, 10+i, i)
			err := s.tryCatchUp(faults(applytest.Fault{Method: method, Nth: 1, Kind: applytest.FailAfter, Err: errKilled}))
			if err == nil {
				s.Fatalf("the run did not notice that %s failed", method)
			}
		}
		s.catchUp()
		s.equal("t")
		s.exec(`ALTER TABLE t ADD b text DEFAULT 'b'; UPDATE t SET a = 8 WHERE id = 1`)
		s.catchUp()
		s.equal("t")
	})
}

// Rows that are written to new files as they are need no copy, and what comes behind
// that needs none either.
func TestATableThatIsWrittenAnewIsNotCopied(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text, n int); INSERT INTO t SELECT x, 'v', x FROM generate_series(1, 20) x`)
		r := s.start().streaming()
		for _, rewrite := range []string{`VACUUM FULL t`, `CLUSTER t USING t_pkey`, `TRUNCATE t; INSERT INTO t VALUES (1, 'v', 1)`} {
			s.exec("%s", rewrite)
			r.noticed()
		}
		for n, alter := range []string{"ADD a int", "RENAME v TO w", "DROP n"} {
			s.exec(`ALTER TABLE t %s; INSERT INTO t (id) VALUES (%d)`, alter, 100+n)
			r.here()
		}
		s.equal("t")
		r.halt()
		s.is("copies", strconv.Itoa(s.copiesAnew("t")), "0")
	})
}

// A table that others inherit from has its own rows; those of the others are theirs.
func TestInheritedTablesAreTablesOfTheirOwn(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (w int, PRIMARY KEY (id)) INHERITS (parent);
			INSERT INTO parent VALUES (1, 'parent'), (2, 'parent'); INSERT INTO child VALUES (1, 'child', 1), (3, 'child', 3)`)
		same := func() {
			s.Helper()
			s.equalWhere("parent", s.there("parent"), "tableoid = 'public.parent'::regclass")
			s.equal("child")
		}
		r := s.start().streaming()
		same()
		s.exec(`UPDATE parent SET v = 'both'; DELETE FROM parent WHERE id = 3; INSERT INTO child VALUES (4, 'child', 4); ALTER TABLE parent ADD x int DEFAULT 7; INSERT INTO parent VALUES (9, 'parent', 9)`)
		r.noticed() // no row tells of the child's new column
		same()
		s.exec(`CREATE TABLE late () INHERITS (parent); ALTER TABLE child NO INHERIT parent; ALTER TABLE late ADD PRIMARY KEY (id); INSERT INTO late VALUES (10, 'late'); TRUNCATE parent`)
		r.noticed()
		same()
		s.equal("late")
		r.halt()
	})
}

func TestATableThatIsMadeAnewIsCopiedAnew(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY);
			INSERT INTO t SELECT n, 'old' FROM generate_series(1, 5) n; INSERT INTO other VALUES (1)`)
		s.catchUp()
		s.exec(`INSERT INTO t VALUES (6, 'of the old table'); DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'new'); INSERT INTO other VALUES (2)`)
		r := s.start().streaming()
		s.exec(`INSERT INTO t VALUES (2, 'new'); INSERT INTO other VALUES (3)`)
		r.here()
		s.equal("t", "other")
		r.halt()
	})
}

func TestATableThatFailsInTheLoadDoesNotStopTheOthers(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE good (id int PRIMARY KEY, d date); CREATE TABLE bad (id int PRIMARY KEY, d date);
			INSERT INTO good SELECT n, '2024-01-01' FROM generate_series(1, 1000) n; INSERT INTO bad SELECT n, '2024-01-01' FROM generate_series(1, 1000) n;
			UPDATE bad SET d = '%s' WHERE id = 500`, farDate)
		err := s.begin((*sync.Pipeline).Load, s.narrow("public.bad")).wait()
		if err == nil {
			s.Fatal("the load did not fail")
		}
		s.mentions(err.Error(), "1 of 2 tables failed: public.bad")
		s.parked("public.bad", "column d", differs(s, "key (500)", ""), farDate)
		s.equal("good")
		s.exec(`UPDATE bad SET d = NULL WHERE id = 500`)
		if err := s.begin((*sync.Pipeline).Load, s.narrow("public.bad")).wait(); err != nil {
			s.Fatal(err)
		}
		s.equal("good", "bad")
	})
}
