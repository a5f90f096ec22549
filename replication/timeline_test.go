package replication

import (
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestWhereATimelineWasLeft(t *testing.T) {
	const history = "# a comment\n\n1\t0/1B86DD0\tno recovery target specified\n\n2\t1F/A0\tbefore 2000-01-01 00:00:00+00\n"
	for _, c := range []struct {
		name, history string
		before        int32
		at            change.LSN
		ok, fails     bool
	}{
		{name: "the last", history: history, before: 2, at: 0x1F000000A0, ok: true},
		{name: "one before it", history: history, before: 1, at: 0x1B86DD0, ok: true},
		{name: "one of another history", history: history, before: 3},
		{name: "none", before: 1},
		{name: "no number", history: "one\t0/0\n", before: 1, fails: true},
		{name: "no position", history: "1\n", before: 1, fails: true},
		{name: "no LSN", history: "1 zero\n", before: 1, fails: true},
	} {
		at, ok, err := leftAt([]byte(c.history), c.before)
		if at != c.at || ok != c.ok || (err != nil) != c.fails {
			t.Errorf("%s: %s, %t, %v", c.name, at, ok, err)
		}
	}
}
