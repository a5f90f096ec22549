package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
)

var errCut = errors.New("cut short by the test")

// cutShort is a target that fails after some chunks of a copy.
type cutShort struct {
	apply.Target
	left  *atomic.Int64
	loads *atomic.Int64
}

func (c *cutShort) Load(ctx context.Context, t *apply.Table) (apply.Loader, error) {
	if c.left.Add(-1) < 0 {
		return nil, errCut
	}
	c.loads.Add(1)
	return c.Target.Load(ctx, t)
}

func (c *cutShort) Resumes(t *apply.Table) bool { return c.Target.(apply.Resumer).Resumes(t) }

// A load that is cut short again and again, with rows changed, moved, deleted and
// given other keys in between, in what is copied and in what is not, by
// transactions that are open at the cut too.
func TestALoadThatIsCutShortIsGoneOnWith(t *testing.T) {
	onClickHouseOfEveryMajor(t, 14, func(s *scene) {
		seed := uint64(time.Now().UnixNano())
		s.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text, big text, n int);
			ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
			CREATE TABLE parts (id int, region int, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
			CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts2 PARTITION OF parts FOR VALUES IN (2);
			INSERT INTO t SELECT n, repeat(md5(n::text), 3), CASE WHEN n % 50 = 0 THEN repeat(md5(n::text), 100) END, 0 FROM generate_series(1, 30000) n;
			INSERT INTO parts SELECT n, 1 + n % 2, repeat(md5(n::text), 3) FROM generate_series(1, 30000) n`)
		step := 0
		change := func(other func(string)) {
			step++
			from := random.IntN(30000)
			other(strings.Join([]string{
				fmt.Sprintf(`UPDATE t SET n = n + 1 WHERE id %% 97 = %d`, random.IntN(97)),
				fmt.Sprintf(`DELETE FROM t WHERE id BETWEEN %d AND %d`, from, from+200),
				fmt.Sprintf(`UPDATE t SET id = id + %d WHERE id < 30000 AND id %% 101 = %d`, 1_000_000*step, random.IntN(101)),
				fmt.Sprintf(`INSERT INTO t SELECT n, 'new', repeat('n', 3000), 0 FROM generate_series(%d, %d) n ON CONFLICT DO NOTHING`, from, from+100),
				fmt.Sprintf(`UPDATE t SET big = repeat('b', 4000) WHERE id %% 1009 = %d`, random.IntN(1009)),
				fmt.Sprintf(`UPDATE parts SET region = 3 - region WHERE id %% 103 = %d`, random.IntN(103)),
				fmt.Sprintf(`DELETE FROM parts WHERE id %% 107 = %d`, random.IntN(107)),
			}, ";"))
		}
		var left, loads atomic.Int64
		small := func(p *plan) {
			p.ChunkBytes, p.Workers = 128<<10, 1+random.IntN(3)
			p.wrap = func(target apply.Target) apply.Target { return &cutShort{target, &left, &loads} }
		}
		open := s.connect(s.name)
		whole := 0
		for cut := range 4 {
			left.Store(int64(8 + random.IntN(12)))
			loads.Store(0)
			if err := s.start(small).wait(); !errors.Is(err, errCut) {
				s.Fatalf("a load that was to be cut short: %v", err)
			}
			for _, state := range s.state().Tables {
				if cut > 0 && state.Phase == apply.Copying && state.Since == state.CopiedAt {
					whole++
				}
			}
			s.execOn(open, `COMMIT`) // of what was open at the cut
			change(func(sql string) { s.exec("%s", sql) })
			s.execOn(open, fmt.Sprintf(`BEGIN; UPDATE t SET n = -1 WHERE id %% 211 = %d; DELETE FROM t WHERE id %% 223 = %d`, random.IntN(211), random.IntN(223)))
			// The next start makes a slot of its own for the snapshot, which waits for
			// what is open.
			s.execOn(open, `COMMIT; BEGIN`)
			s.exec(`VACUUM t`)
			change(func(sql string) { s.exec("%s", sql) })
		}
		if whole == 8 {
			s.Error("no copy was gone on with")
		}
		s.execOn(open, `COMMIT`)
		left.Store(1 << 30)
		r := s.start(small)
		change(func(sql string) { s.exec("%s", sql) })
		r.streaming()
		change(func(sql string) { s.exec("%s", sql) })
		r.here()
		r.halt()
		s.equal("t", "parts")
		s.mentions(s.logged.String(), "going on with a copy that was cut short")
	})
}

// What was rewritten, truncated or altered between is copied from its beginning.
func TestALoadOfWhatWasRewrittenBeginsAnew(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		for i, sql := range []string{`TRUNCATE t`, `VACUUM FULL t`, `ALTER TABLE t ALTER n TYPE bigint`, `ALTER TABLE t ADD extra text DEFAULT 'e'`, `DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text, n int)`} {
			s.exec(`DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v text, n int); INSERT INTO t SELECT n, repeat(md5(n::text), 4), n FROM generate_series(1, 20000) n`)
			var left, loads atomic.Int64
			small := func(p *plan) {
				p.Name, p.Slot, p.Publication = fmt.Sprintf("%s_%d", s.name, i), fmt.Sprintf("%s_%d", s.slot(), i), fmt.Sprintf("%s_%d", s.slot(), i)
				p.Existing = apply.Truncate
				p.ChunkBytes, p.Workers = 128<<10, 1
				p.wrap = func(target apply.Target) apply.Target { return &cutShort{target, &left, &loads} }
			}
			left.Store(6)
			if err := s.start(small).wait(); !errors.Is(err, errCut) {
				s.Fatalf("a load that was to be cut short: %v", err)
			}
			s.exec("%s", sql)
			s.exec(`INSERT INTO t (id, v, n) SELECT n, 'later', n FROM generate_series(30000, 30100) n`)
			left.Store(1 << 30)
			s.catchUp(small)
			s.equal("t")
		}
	})
}
