package integration

import (
	"errors"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestATruncateStandsInItsPlace(t *testing.T) {
	inEveryRhythm(t, 12, story{
		setup: `
			CREATE TABLE parent (id int PRIMARY KEY, v text);
			CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, v text);
			CREATE TABLE log (v text);
			INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 10) n;
			INSERT INTO child SELECT n, n, 'c' FROM generate_series(1, 10) n;
			INSERT INTO log SELECT 'l' || n FROM generate_series(1, 10) n`,
		tables: []string{"parent", "child", "log"},
		steps: []string{
			`INSERT INTO parent VALUES (11, 'before'); INSERT INTO log VALUES ('before')`,
			`TRUNCATE parent CASCADE`,
			`INSERT INTO parent VALUES (1, 'after'); INSERT INTO child VALUES (1, 1, 'after'); INSERT INTO log VALUES ('after')`,
			`INSERT INTO log VALUES ('goes'); UPDATE child SET v = 'goes'; TRUNCATE log, child; INSERT INTO log VALUES ('stays'); INSERT INTO child VALUES (2, 1, 'stays')`,
			`DELETE FROM child; DELETE FROM parent; INSERT INTO parent VALUES (1, 'again')`,
			`TRUNCATE child`,
			`TRUNCATE log; INSERT INTO log VALUES ('1'); TRUNCATE log; INSERT INTO log VALUES ('2'); TRUNCATE log RESTART IDENTITY; INSERT INTO log VALUES ('3'), ('3')`,
			`UPDATE parent SET id = 5; UPDATE parent SET v = 'moved'; INSERT INTO child VALUES (9, 5, 'last')`,
			`TRUNCATE log`,
		},
	})
}

// A stretch with truncates is applied in part and then again: rows from before a
// truncate must not be back when it ends.
func TestATruncateThatIsReplayedHolds(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE keyless (v int); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t SELECT n, 0 FROM generate_series(1, 100) n`)
		s.catchUp()
		// One transaction, so that the watermark cannot move in the middle.
		s.exec(`BEGIN`)
		for n := range 6 {
			s.exec(`INSERT INTO t SELECT x, %[1]d FROM generate_series(200, 210) x ON CONFLICT (id) DO UPDATE SET v = %[1]d;
				INSERT INTO keyless SELECT %[1]d FROM generate_series(1, 5)`, n)
			if n%2 == 1 {
				s.exec(`TRUNCATE t, keyless`)
			}
			s.exec(`INSERT INTO t SELECT x, %[1]d FROM generate_series(300, 305) x ON CONFLICT (id) DO UPDATE SET v = %[1]d; INSERT INTO keyless VALUES (%[1]d);
				INSERT INTO other SELECT generate_series(%[1]d * 10, %[1]d * 10 + 5)`, n)
		}
		s.exec(`COMMIT`)
		small := func(p *plan) { p.MaxRows = 4 }
		var last change.Position
		for _, nth := range []int{2, 10, 30, 5, 2, 9} {
			if err := s.tryCatchUp(small, failingAt(nth)); !errors.Is(err, errKilled) {
				s.Fatalf("killed at batch %d: %v", nth, err)
			}
			at := s.state().Tables["public.t"].TruncatedAt
			if at.Compare(last) < 0 {
				s.Errorf("the last truncate goes back from %s to %s", last, at)
			}
			last = at
		}
		s.catchUp(small)
		s.equal("t", "keyless", "other")
	})
}
