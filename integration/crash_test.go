package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashed is a suite of kills on one scene.
type crashed struct {
	*scene
	random *rand.Rand
	config string
	points []crashPoint
	// hit counts by point how often the program has killed itself there; "" is for
	// kills from outside.
	hit map[string]int
	// order is that in which the points have their turns, next the next turn.
	order []int
	next  int
}

// often are points that are passed many times in a second.
var often = regexp.MustCompile("^(draining|applied|settled|watermark|greenplum-commit|block-insert|clickhouse-(remember|advance)|tables-remember)")

// betweenLooks is how many kills there are between two comparisons.
const betweenLooks = 12

// TestKilledAtEveryPointNothingIsLostOrTwice kills the program at the points of its
// protocol and at random, while every sort of table is written to and changed, and
// starts it again each time. Now and then it catches up, and all tables are
// compared.
func TestKilledAtEveryPointNothingIsLostOrTwice(t *testing.T) {
	wanted, points := kills(t, 6), crashPoints(t)
	onEveryMajor(t, 14, func(s *scene) {
		seed := seedOf(s)
		c := &crashed{scene: s, random: rand.New(rand.NewPCG(seed, 1)), hit: map[string]int{}}
		for _, p := range points {
			if p.of(s) {
				c.points = append(c.points, p)
			}
		}
		c.order = c.random.Perm(len(c.points))
		c.settle(c.sourceDSN(), c.targetDSN())
		s.makeOdd()
		s.exec(`CREATE TABLE provoked (id int PRIMARY KEY, v int, w int); INSERT INTO provoked SELECT n, n, n FROM generate_series(1, 5000) n`)
		count := &steps{tried: map[string]int{}, committed: map[string]int{}}
		for n := 0; n < wanted; {
			w := s.oddWork(seed+uint64(n), count)
			for range min(betweenLooks, wanted-n) {
				c.kill(n)
				n++
			}
			w.stop()
			c.look()
			s.Logf("%d kills, all equal", n)
		}
		if never := count.missed(); len(never) > 0 {
			s.Errorf("the workload never came to:\n  %s", strings.Join(never, "\n  "))
		}
		c.report()
	})
}

// settle writes a configuration that makes batches small, so that large
// transactions are cut, and copies of several parts.
func (c *crashed) settle(source, target string) {
	c.Helper()
	c.config = filepath.Join(c.dir(), "crash.yaml")
	if err := os.Mkdir(filepath.Join(c.dir(), "spools"), 0o777); err != nil {
		c.Fatal(err)
	}
	text := fmt.Sprintf("name: %s\nsource: {dsn: %q}\ntarget: {dsn: %q}\ntables: [\"public.*\"]\nload: {workers: 2}\nstream: {flush_interval: 20ms, max_rows: 500}\nspool_dir: %q\n",
		c.name, source, target, filepath.Join(c.dir(), "spools"))
	if err := os.WriteFile(c.config, []byte(text), 0o600); err != nil {
		c.Fatal(err)
	}
}

// kill starts the program and has it killed: two of three times at a point, and
// where it does not come there in time, or else, at a random moment.
func (c *crashed) kill(n int) {
	c.Helper()
	point, passing := "", 0
	if n%3 != 2 {
		point, passing = c.points[c.order[c.next%len(c.order)]].name, 1
		c.next++
		if often.MatchString(point) {
			passing += c.random.IntN(20)
		}
	}
	p := c.crashes(point, passing, "run", "-c", c.config)
	most := 6 * time.Second
	if point == "" {
		most = 200*time.Millisecond + time.Duration(c.random.Int64N(int64(3*time.Second)))
	}
	if point != "" && p.saysWithin(most, "msg=streaming") {
		c.provoke(n)
	}
	p.killAfter(most)
	if strings.Contains(p.said(), fmt.Sprintf("killed at %s:%d", point, passing)) {
		c.hit[point]++
	} else {
		c.hit[""]++
	}
}

// provoke has the source do what leads past the points: rows, more of them than a
// batch holds, a truncate, a column that is added, and a type that is changed so that
// the table is copied anew.
func (c *crashed) provoke(n int) {
	c.Helper()
	typ := []string{"int USING length(v::text)", "text"}[n%2]
	for _, sql := range []string{
		`ALTER TABLE provoked ALTER COLUMN v TYPE ` + typ + `; UPDATE provoked SET w = w + 1 WHERE id < 50`,
		`UPDATE provoked SET w = w + 1 WHERE id < 900`,
		fmt.Sprintf(`ALTER TABLE provoked ADD COLUMN IF NOT EXISTS c_%d int DEFAULT 3; UPDATE provoked SET w = w + 1 WHERE id < 50; ALTER TABLE provoked DROP COLUMN IF EXISTS c_%d`, n, max(0, n-2)),
		`DELETE FROM provoked WHERE id = 1; TRUNCATE emptied; INSERT INTO provoked (id, w) VALUES (1, 1)`,
	} {
		c.exec("BEGIN; %s; COMMIT", sql)
	}
}

// look catches up and compares everything; nothing may have been left behind.
func (c *crashed) look() {
	c.Helper()
	p := c.crashes("", 0, "run", "-c", c.config, "--until", "caught-up")
	if p.wait() == 1 && strings.Contains(p.said(), "could not map filenode") {
		c.Logf("the source cannot decode its log any more, and the pipeline is resynced")
		c.crashes("", 0, "resync", "-c", c.config).exits(0)
		p = c.crashes("", 0, "run", "-c", c.config, "--until", "caught-up")
	}
	p.exits(0)
	c.equalOdd()
	c.eventually("no slot but the pipeline's", func() bool {
		return c.ask(`SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE database = current_database()`) == c.slot()
	})
	known := map[string]bool{}
	for _, t := range c.state().Tables {
		known[t.Target] = true
	}
	for _, name := range c.tablesThere() {
		if !known[name] && !strings.HasPrefix(name, "_pgsluice_check_") { // a check that was killed
			c.Errorf("table %s is in the target, and nothing is remembered of it", name)
		}
	}
	left, err := os.ReadDir(filepath.Join(c.dir(), "spools"))
	if err != nil || len(left) > 0 {
		c.Errorf("%d files are left behind: %v", len(left), err)
	}
	if c.Failed() {
		c.FailNow()
	}
}

func (c *crashed) report() {
	var hit []string
	for _, name := range slices.Sorted(maps.Keys(c.hit)) {
		if name != "" {
			hit = append(hit, fmt.Sprintf("%s %d", name, c.hit[name]))
		}
	}
	c.Logf("killed %d times from outside, and at %d of %d points: %s", c.hit[""], len(hit), len(c.points), strings.Join(hit, ", "))
}

// seedOf is $PGSLUICE_TEST_SEED, or another one each time. It is printed.
func seedOf(s *scene) uint64 {
	s.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedEnv); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			s.Fatalf("%s=%s is not a number", seedEnv, text)
		}
	}
	s.Logf("seed %d: %[1]d as %s chooses the same", seed, seedEnv)
	return seed
}
