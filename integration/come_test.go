package integration

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
)

// undisturbed wants the tables that streamed to have gone on without a new attempt.
func (s *scene) undisturbed() {
	s.Helper()
	log := s.logged.String()
	if strings.Contains(log, "the attempt ended") || strings.Count(log, "msg=streaming") != 1 {
		s.Errorf("the stream was begun anew")
	}
}

// leaves waits until a table is remembered as one that is not the pipeline's any
// more, and wants each of the words in the reason.
func (s *scene) leaves(table string, words ...string) {
	s.Helper()
	var t apply.TableState
	s.eventually("table "+table+" leaves", func() bool {
		t = s.state().Tables[table]
		return t.Phase == apply.Pending && t.Reason != ""
	})
	s.mentions(t.Reason, words...)
}

func TestTablesComeAndGoWhileOthersStream(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE SCHEMA elsewhere; CREATE TABLE stays (id int PRIMARY KEY, v text);
			CREATE TABLE goes (id int PRIMARY KEY); CREATE TABLE moves (id int PRIMARY KEY, v text); CREATE TABLE remade (id int PRIMARY KEY, v text); CREATE TABLE "was named" (id int PRIMARY KEY);
			INSERT INTO stays VALUES (1, 'old'); INSERT INTO goes VALUES (1); INSERT INTO moves VALUES (1, 'old'); INSERT INTO remade VALUES (1, 'old'); INSERT INTO "was named" VALUES (1)`)
		r := s.start().streaming()
		s.exec(`CREATE TABLE comes (id int PRIMARY KEY, v text); INSERT INTO comes SELECT n, 'v' FROM generate_series(1, 100) n; INSERT INTO stays VALUES (2, 'beside')`)
		s.exec(`UPDATE comes SET v = 'changed' WHERE id < 10; DELETE FROM comes WHERE id = 50`)
		s.exec(`CREATE TABLE comes_without_key (v int); INSERT INTO comes_without_key VALUES (1), (1)`)
		s.exec(`CREATE TABLE flash (id int PRIMARY KEY); INSERT INTO flash VALUES (1); DROP TABLE flash`)
		s.exec(`CREATE TABLE shortly (id int PRIMARY KEY)`)
		s.exec(`DROP TABLE shortly`)
		s.exec(`DO $$ BEGIN FOR n IN 1..50 LOOP EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY, v text); INSERT INTO many_%s VALUES (%s, ''v'')', n, n, n); END LOOP; END $$`)
		s.exec(`ALTER TABLE moves SET SCHEMA elsewhere; INSERT INTO elsewhere.moves VALUES (2, 'while it is away'); DELETE FROM elsewhere.moves WHERE id = 1`)
		s.exec(`ALTER TABLE "was named" RENAME TO "is named"; INSERT INTO "is named" VALUES (2)`)
		s.exec(`DROP TABLE remade; CREATE TABLE remade (n numeric PRIMARY KEY, w date NOT NULL); INSERT INTO remade VALUES (1.5, '2024-01-01')`)
		s.exec(`DROP TABLE goes`)
		r.noticed()
		s.leaves("public.goes", "was dropped in the source")
		s.leaves("public.moves", "it is now", "elsewhere.moves")
		s.leaves(`public."was named"`, `"is named"`)
		s.is("rows of the table that has gone", s.count("goes"), "1")
		s.exec(`INSERT INTO stays VALUES (3, 'later'); UPDATE comes SET v = 'streamed' WHERE id = 1; INSERT INTO comes_without_key VALUES (2); UPDATE many_7 SET v = 'streamed'; UPDATE remade SET w = 'epoch'`)
		r.here()
		all := []string{"stays", "comes", "comes_without_key", `"is named"`, "remade", "many_1", "many_7", "many_50"}
		same := func() {
			s.Helper()
			for _, table := range all {
				s.equalTo(table, s.there(strings.Trim(table, `"`)))
			}
		}
		same()
		s.exec(`ALTER TABLE elsewhere.moves SET SCHEMA public; UPDATE moves SET v = 'back'; CREATE TABLE goes (id int PRIMARY KEY, v text); INSERT INTO goes VALUES (7, 'again')`)
		r.noticed()
		all = append(all, "moves", "goes")
		s.exec(`INSERT INTO moves VALUES (3, 'streamed'); INSERT INTO goes VALUES (8, 'streamed')`)
		r.here()
		same()
		s.undisturbed()
		r.halt()
		s.catchUp()
		same()
	})
}

// A table that is being copied, for however long, holds up nobody; what happens to
// it meanwhile is not lost.
func TestTheOthersGoOnWhileATableIsCopied(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE stays (id int PRIMARY KEY, v text); CREATE TABLE again (id int PRIMARY KEY, v int); INSERT INTO stays VALUES (1, 'old'); INSERT INTO again SELECT n, n FROM generate_series(1, 100) n`)
		s.catchUp()
		var faulty *applytest.Faulty
		r := s.start(faultsAt(&faulty, applytest.Fault{Method: applytest.Append, Nth: 30, Kind: applytest.Hold}), func(p *plan) { p.Workers = 1 }).streaming()
		s.exec(`ALTER TABLE again ALTER v TYPE bigint USING v + 10000000000; CREATE TABLE comes (id int PRIMARY KEY, v text); INSERT INTO comes SELECT n, 'v' FROM generate_series(1, 1000) n`)
		<-faulty.Held()
		for n := 2; n < 20; n++ {
			s.exec(`INSERT INTO stays VALUES (%d, 'beside'); INSERT INTO comes VALUES (%d, 'beside'); UPDATE comes SET v = v || '!' WHERE id = %d; DELETE FROM comes WHERE id = %d; UPDATE again SET v = v + 1 WHERE id = %d`, n, 2000+n, n, 500+n, n)
		}
		s.exec(`BEGIN; UPDATE again SET id = -id WHERE id < 5; ALTER TABLE comes ADD w int NOT NULL DEFAULT 4; INSERT INTO comes VALUES (3000, 'w', 5); COMMIT`)
		s.eventuallyEqual("stays")
		s.is("rows of the table as it was", s.count("again", "v < 1000"), "100")
		faulty.Release()
		r.noticed()
		s.equal("stays", "again", "comes")
		s.undisturbed()
		r.halt()
	})
}

func TestATableThatComesIsInNobodysWay(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE stays (id int PRIMARY KEY); INSERT INTO stays VALUES (1)`)
		r := s.start(func(p *plan) { p.Existing = apply.Refuse }).streaming()
		// There is one of its name already, with rows that are not the pipeline's.
		taken := differs(s, quoteClickHouse(s.there("taken")), s.there("taken"))
		s.warehouse("CREATE TABLE %s %s", taken, differs(s, "(id Int32) ENGINE = MergeTree ORDER BY id", "(id int PRIMARY KEY)"))
		s.warehouse("INSERT INTO %s VALUES (77)", taken)
		s.exec(`CREATE TABLE taken (id int PRIMARY KEY); INSERT INTO taken VALUES (1); INSERT INTO stays VALUES (2)`)
		r.noticed()
		s.parked("public.taken", "taken")
		s.exec(`INSERT INTO taken VALUES (2); INSERT INTO stays VALUES (3)`)
		r.here()
		s.equal("stays")
		s.command("resync", "--table", "public.taken").exits(1, "public.taken: ", "pgsluice status")
		s.is("rows of others", s.warehouse("SELECT id FROM %s", taken), "77")
		s.undisturbed()
		r.halt()
	})
}

// A publication of the user's own is not altered: one that is for all tables needs
// it not, any other is said to lack the table.
func TestTablesThatComeUnderAPublicationOfTheUsers(t *testing.T) {
	for _, c := range []struct{ name, of string }{{"for all tables", "FOR ALL TABLES"}, {"for some", "FOR TABLE stays"}} {
		t.Run(c.name, func(t *testing.T) {
			onNewest(t, func(s *scene) {
				s.exec(`CREATE TABLE stays (id int PRIMARY KEY); CREATE PUBLICATION mine %s`, c.of)
				r := s.start(func(p *plan) { p.Publication, p.PublicationNamed = "mine", true }).streaming()
				s.exec(`CREATE TABLE comes (id int PRIMARY KEY); INSERT INTO comes VALUES (1); INSERT INTO stays VALUES (1)`)
				if c.of == "FOR ALL TABLES" {
					r.noticed()
					s.exec(`INSERT INTO comes VALUES (2)`)
					r.here()
					s.equal("comes")
				} else {
					s.parked("public.comes", "publication mine does not publish table public.comes", `ALTER PUBLICATION "mine" ADD TABLE ONLY "public"."comes"`)
				}
				s.exec(`INSERT INTO stays VALUES (2)`)
				r.here()
				s.equal("stays")
				s.undisturbed()
				r.halt()
			})
		})
	}
}

// What a run until it has caught up is to follow can be without a row.
func TestARunUntilCaughtUpLooksIntoTheCatalog(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old')`)
		s.catchUp()
		s.exec(`ALTER TABLE t RENAME v TO w; ALTER TABLE t ADD x int NOT NULL DEFAULT 5`)
		s.catchUp()
		s.equal("t")
		s.exec(`ALTER TABLE t ALTER id TYPE bigint USING id + 10000000000`)
		s.catchUp()
		s.equal("t")
		// Nor is there one when the stream has got past it, and then the process is gone.
		r := s.start(func(p *plan) { p.LookEvery = patience }).streaming()
		s.exec(`ALTER TABLE t ALTER w TYPE text USING 'rewritten'`)
		r.here()
		r.halt()
		s.catchUp()
		s.equal("t")
	})
}

// Without a copy the rows from before a table came cannot be had; who starts the
// pipeline again takes it up from there.
func TestWithoutACopyATableThatComesWaitsForTheNextStart(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE stays (id int PRIMARY KEY, v text)`)
		noCopy := func(p *plan) { p.Copy = false }
		r := s.start(noCopy).streaming()
		s.exec(`CREATE TABLE comes (id int PRIMARY KEY); INSERT INTO stays VALUES (1, 'v')`)
		s.eventually("the table is seen", func() bool { return strings.Contains(s.logged.String(), "the next start takes it up") })
		s.exec(`ALTER TABLE stays RENAME v TO w; INSERT INTO stays VALUES (2, 'w')`)
		r.here()
		s.equal("stays")
		// What would take a copy parks.
		s.exec(`ALTER TABLE stays ALTER w TYPE text USING 'other'; INSERT INTO stays VALUES (3, 'x')`)
		s.parked("public.stays", "column w of table public.stays was altered", "load.copy: false")
		r.halt()
		r = s.start(noCopy).streaming()
		s.exec(`INSERT INTO comes VALUES (1)`)
		r.here()
		s.equal("comes")
		r.halt()
	})
}
