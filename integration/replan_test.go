package integration

import (
	"context"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/sync"
)

// What an earlier copy left must not be taken for what is there, wherever the
// copy that replaces it is cut short.
func TestACopyThatReplacesAnotherCanBeCutShort(t *testing.T) {
	again := func(p *plan) { p.Existing = apply.Truncate }
	cut := func(nth int) func(*plan) {
		return func(p *plan) {
			p.Workers, p.UntilCaughtUp = 1, true
			faults(applytest.Fault{Method: applytest.Load, Nth: nth, Kind: applytest.Reject, Err: errKilled})(p)
		}
	}
	kinds := []struct {
		name string
		what func(*sync.Pipeline, context.Context) error
	}{{"by a second load", (*sync.Pipeline).Load}, {"by a run", (*sync.Pipeline).Run}}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			onNewest(t, func(s *scene) {
				s.exec(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (v int);
					INSERT INTO a SELECT generate_series(1, 300); INSERT INTO b SELECT generate_series(1, 200); INSERT INTO c SELECT generate_series(1, 100)`)
				if err := s.begin((*sync.Pipeline).Load).wait(); err != nil {
					s.Fatal(err)
				}
				for _, nth := range []int{1, 2, 2} { // what was copied is not copied again
					if err := s.begin(kind.what, again, cut(nth)).wait(); err == nil {
						s.Fatal("the copy was not cut short")
					}
					s.exec(`DELETE FROM a WHERE id % 50 = 0; DELETE FROM b WHERE id % 50 = 1; INSERT INTO c SELECT 1`)
				}
				if err := s.begin(kind.what, again, func(p *plan) { p.UntilCaughtUp = true }).wait(); err != nil {
					s.Fatal(err)
				}
				s.equal("a", "b", "c")
			})
		})
	}
}

func TestATableThatLeavesAndComesBackIsCopiedAnew(t *testing.T) {
	onNewest(t, func(s *scene) {
		only := func(pattern string) func(*plan) {
			return func(p *plan) {
				one, err := snapshot.ParsePattern(pattern)
				if err != nil {
					s.Fatal(err)
				}
				p.Patterns = []snapshot.Pattern{one}
			}
		}
		s.exec(`CREATE TABLE stays (id int PRIMARY KEY); CREATE TABLE leaves (id int PRIMARY KEY); INSERT INTO leaves VALUES (1), (2)`)
		s.catchUp()
		s.exec(`INSERT INTO leaves VALUES (3); DELETE FROM leaves WHERE id = 1; INSERT INTO stays VALUES (1)`)
		s.catchUp(only("public.stays"))
		s.exec(`INSERT INTO leaves VALUES (4); INSERT INTO stays VALUES (2)`)
		s.catchUp()
		s.equal("stays", "leaves")
	})
}

func TestWithoutACopyAFailedTableIsNotTakenForWhole(t *testing.T) {
	onNewest(t, func(s *scene) {
		noCopy := func(p *plan) { p.Copy = false; s.narrow("public.t")(p) }
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, d date); CREATE TABLE other (id int PRIMARY KEY)`)
		s.catchUp(noCopy)
		s.exec(`INSERT INTO t VALUES (1, '%s'); INSERT INTO other VALUES (1)`, farDate)
		if err := s.tryCatchUp(noCopy); err == nil {
			s.Fatal("nobody noticed the value")
		}
		s.exec(`UPDATE t SET d = NULL; INSERT INTO other VALUES (2)`)
		if err := s.tryCatchUp(noCopy); err == nil || fault.Retryable(err) {
			s.Fatalf("the table is taken for whole: %v", err)
		}
		s.parked("public.t", "load.copy: false")
		s.equal("other")
	})
}

// Without a copy nothing brings back what a table has missed, and nothing may take away
// the rows that it has.
func TestWithoutACopyATableThatHadLeftStandsStill(t *testing.T) {
	onNewest(t, func(s *scene) {
		noCopy := func(p *plan) { p.Copy = false }
		without := func(p *plan) {
			pattern, err := snapshot.ParsePattern("!public.t")
			if err != nil {
				s.Fatal(err)
			}
			p.Copy, p.Patterns = false, append(p.Patterns, pattern)
		}
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY)`)
		s.catchUp(noCopy)
		s.exec(`INSERT INTO t VALUES (1, 'streamed')`)
		s.catchUp(noCopy)
		s.equal("t")
		s.exec(`INSERT INTO other VALUES (1)`)
		s.catchUp(without)
		s.exec(`INSERT INTO t VALUES (2, 'missed'); ALTER TABLE t ADD w int; INSERT INTO other VALUES (2)`)
		if err := s.tryCatchUp(noCopy); err == nil || fault.Retryable(err) {
			s.Fatalf("the table is taken for whole: %v", err)
		}
		s.parked("public.t", "had left the pipeline", "load.copy: false")
		s.is("rows of the table that had left", s.count("t"), "1")
		s.equal("other")
	})
}

// TestWhatATableWasBeforeItsCopyIsNoMatter selects a table that had another shape
// in the log that is still to be streamed.
func TestWhatATableWasBeforeItsCopyIsNoMatter(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'a'); CREATE PUBLICATION everything FOR ALL TABLES`)
		some := func(name string) func(*plan) {
			return func(p *plan) {
				p.Publication, p.PublicationNamed = "everything", true
				pattern, err := snapshot.ParsePattern(name)
				if err != nil {
					s.Fatal(err)
				}
				p.Patterns = []snapshot.Pattern{pattern}
			}
		}
		s.catchUp(some("public.a"))
		s.exec(`CREATE TABLE b (id int PRIMARY KEY, v int, w text); INSERT INTO b VALUES (1, 1, 'x')`)
		s.exec(`ALTER TABLE b ALTER v TYPE bigint, DROP w`)
		s.exec(`INSERT INTO b VALUES (2, 3000000000); TRUNCATE b; INSERT INTO b VALUES (3, 3); INSERT INTO a VALUES (2, 'b')`)
		both := some("public.*")
		s.catchUp(both)
		s.exec(`UPDATE b SET v = v + 1; INSERT INTO b VALUES (4, 4)`)
		s.catchUp(both)
		s.equal("a", "b")
	})
}
