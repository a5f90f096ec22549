package integration

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killsEnv names the variable with how often the program is killed, for a longer
// look by hand.
const killsEnv = "PGSLUICE_TEST_KILLS"

// killed is a sort of moment: what the program has said by then, one thing or the
// other, how long after that it is killed at the latest, and how many of fifteen
// kills are such.
var killed = []struct {
	after []string
	most  time.Duration
	times int
}{
	{nil, 250 * time.Millisecond, 3}, // before there is a slot, or while it is made
	{[]string{`msg="copying tables"`, "msg=streaming"}, 600 * time.Millisecond, 4},
	{[]string{"msg=streaming"}, 600 * time.Millisecond, 6},
	{nil, 500 * time.Millisecond, 2},
}

func kills(t *testing.T, usually int) int {
	t.Helper()
	text := os.Getenv(killsEnv)
	if text == "" {
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%s is not a number", killsEnv, text)
	}
	return n
}

// TestKilledAtAnyMomentNothingIsLostOrTwice ends the program with SIGKILL at
// random moments of the load and of the stream, and starts it again each time.
func TestKilledAtAnyMomentNothingIsLostOrTwice(t *testing.T) {
	wanted := kills(t, 15)
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
		inLoad, inStream := 0, 0
		kill := func(after []string, most time.Duration) {
			p := run()
			if len(after) > 0 {
				p.says(after...)
			}
			p.killAfter(below(most))
			if strings.Contains(p.said(), "msg=streaming") {
				inStream++
			} else {
				inLoad++
			}
		}
		for _, moment := range killed {
			for range (moment.times*wanted + 14) / 15 {
				kill(moment.after, moment.most)
			}
		}
		s.Logf("killed %d times while it loaded, %d times while it streamed", inLoad, inStream)
		w.stop()
		run("--until", "caught-up").exits(0)
		s.equal(bankTables...)
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "1")
	})
}
