package integration

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestKilledAtAnyMomentNothingIsLostOrTwice ends the program with SIGKILL at
// random moments of the load and of the stream, and starts it again each time.
func TestKilledAtAnyMomentNothingIsLostOrTwice(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		const accounts = 200_000
		seed := uint64(time.Now().UnixNano())
		s.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		below := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
		s.openBank(accounts)
		w := s.work(2, accounts, seed)
		run := func(args ...string) *process {
			return s.pgsluice(append(append([]string{"run", "--table", "public.*", "--workers", "1", "--flush-interval", "20ms"}, s.both()...), args...)...)
		}
		// Each kind of moment: what the program has said by then, and how long
		// after that it is killed at the latest.
		inLoad, inStream := 0, 0
		kill := func(after string, most time.Duration) {
			p := run()
			if after != "" {
				p.says(after)
			}
			p.killAfter(below(most))
			if strings.Contains(p.said(), "msg=streaming") {
				inStream++
			} else {
				inLoad++
			}
		}
		for range 3 {
			kill("", 250*time.Millisecond) // before there is a slot, or while it is made
		}
		for range 4 {
			kill(`msg="copying tables"`, 600*time.Millisecond)
		}
		for range 6 {
			kill("msg=streaming", 600*time.Millisecond)
		}
		for range 2 {
			kill("", 500*time.Millisecond)
		}
		s.Logf("killed %d times while it loaded, %d times while it streamed", inLoad, inStream)
		w.stop()
		run("--until", "caught-up").exits(0)
		s.equal(bankTables...)
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "1")
	})
}
