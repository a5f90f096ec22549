package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soakEnv names the variable with how long the soak lasts, for a longer look by
// hand.
const soakEnv = "PGSLUICE_TEST_SOAK"

// soaked is a pipeline that everything happens to at once.
type soaked struct {
	*crashed
	source, target *proxy
	restart        func() error // of the target; nil where others use it too
	faults         map[string]int
}

// TestSoak lets a workload, schema changes, cut connections and kills go on
// together, and compares everything at the end of each round. In a round one
// process lives long, and what it takes of memory and goroutines must not grow.
func TestSoak(t *testing.T) {
	lasts := 20 * time.Second
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", soakEnv, err)
		}
	}
	points := crashPoints(t)
	onNewest(t, func(s *scene) {
		seed := seedOf(s)
		k := &soaked{
			crashed: &crashed{scene: s, random: rand.New(rand.NewPCG(seed, 2)), hit: map[string]int{}},
			source:  s.newProxy(s.postgres.Addr()), target: s.newProxy(s.target.addr()), faults: map[string]int{},
		}
		if os.Getenv(soakEnv) != "" { // nobody else is there
			k.restart = s.restartTarget
		}
		for _, p := range points {
			if p.of(s) {
				k.points = append(k.points, p)
			}
		}
		k.order = k.random.Perm(len(k.points))
		k.settle(s.sourceAt(k.source.addr()), s.targetAt(k.target.addr()))
		s.makeOdd()
		s.exec(`CREATE TABLE provoked (id int PRIMARY KEY, v int, w int)`)
		count := &steps{tried: map[string]int{}, committed: map[string]int{}}
		round := min(lasts, max(lasts/4, 90*time.Second))
		for n, end := 0, time.Now().Add(lasts); time.Now().Before(end); n++ {
			w := s.oddWork(seed+uint64(n), count)
			k.live(round * 3 / 4)
			for i, stop := 0, time.Now().Add(round/4); time.Now().Before(stop); i++ {
				k.kill(i)
			}
			w.stop()
			k.look()
			s.Logf("round %d: all equal", n+1)
		}
		k.report()
		s.Logf("faults: %v", k.faults)
	})
}

// restartTarget kills the server and starts it again. The comparison's own
// connection to it goes too.
func (s *scene) restartTarget() error {
	if s.reader != nil {
		s.reader.close()
		s.reader = nil
	}
	if !s.transactional() {
		return errors.Join(servers.clickhouse.Kill(), servers.clickhouse.Restart(s.ctx))
	}
	for _, server := range servers.standIns {
		if server.Addr() == s.target.addr() {
			return errors.Join(server.Kill(), server.Restart(s.ctx))
		}
	}
	return fmt.Errorf("%s is not a server of the tests", s.target)
}

// usage is what the process takes at a moment.
type usage struct {
	memory     int64 // bytes
	goroutines int
}

var aliveLine = regexp.MustCompile(`msg=alive.* goroutines=(\d+)`)

// live runs the program for a while under faults and looks at what it takes.
func (k *soaked) live(d time.Duration) {
	k.Helper()
	p := k.crashes("", 0, "run", "-c", k.config, "--log-level", "debug")
	var seen []usage
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	for n, end := 1, time.Now().Add(d); time.Now().Before(end); n++ {
		select {
		case <-ticker.C:
		case <-p.done:
			k.Fatalf("the program ended by itself with %d and said:\n%s", p.code, p.said())
		}
		if lines := aliveLine.FindAllStringSubmatch(p.said(), -1); len(lines) > 0 {
			goroutines, _ := strconv.Atoi(lines[len(lines)-1][1])
			seen = append(seen, usage{residentOf(p.cmd.Process.Pid), goroutines})
		}
		// A start is not to be cut before it has begun: who starts it is told then.
		if n%8 == 0 && strings.Contains(p.said(), "msg=streaming") {
			k.fault()
		}
	}
	p.kill()
	k.steady(seen)
}

// fault breaks something that comes back by itself.
func (k *soaked) fault() {
	k.Helper()
	all := []struct {
		name string
		do   func()
	}{
		{"connections to the source cut", k.source.cut},
		{"connections to the target cut", k.target.cut},
		{"the source's processes ended", func() {
			k.ask(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgsluice%%'`)
		}},
		{"the target gone for a while", func() {
			k.target.down()
			<-time.After(2 * time.Second)
			k.target.up()
		}},
	}
	if k.restart != nil {
		all = append(all, struct {
			name string
			do   func()
		}{"the target killed and started again", func() {
			if err := k.restart(); err != nil {
				k.Fatal(err)
			}
		}})
	}
	f := all[k.random.IntN(len(all))]
	f.do()
	k.faults[f.name]++
}

// steady holds the last third of a life against the two before: a third in which the
// process mostly waits to try again says little.
func (k *soaked) steady(seen []usage) {
	k.Helper()
	if len(seen) < 9 {
		k.Logf("%d samples are too few to speak of growth", len(seen))
		return
	}
	last := 2 * len(seen) / 3
	most := func(of []usage) (m usage) {
		for _, s := range of {
			m.memory, m.goroutines = max(m.memory, s.memory), max(m.goroutines, s.goroutines)
		}
		return m
	}
	before, after := most(seen[:last]), most(seen[last:])
	k.Logf("memory %d MiB, then %d MiB; goroutines %d, then %d (%d samples)", before.memory>>20, after.memory>>20, before.goroutines, after.goroutines, len(seen))
	if after.memory > before.memory*3/2+(32<<20) || after.goroutines > before.goroutines+20 {
		k.Errorf("what the process takes grows: %+v, then %+v", before, after)
	}
}

// residentOf is the memory that a process has, in bytes.
func residentOf(pid int) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0
	}
	var size, resident int64
	_, _ = fmt.Sscan(string(text), &size, &resident)
	return resident * int64(os.Getpagesize())
}
