package replication

import (
	"slices"
	"testing"
)

func TestTimelineHistories(t *testing.T) {
	for _, c := range []struct {
		name, text string
		history    []Timeline
		fails      bool
	}{
		{name: "two", text: "# a comment\n\n1\t0/1B86DD0\tno recovery target specified\n\n2\t1F/A0\tbefore 2000-01-01 00:00:00+00\n", history: []Timeline{{1, 0x1B86DD0}, {2, 0x1F000000A0}}},
		{name: "none"},
		{name: "no number", text: "one\t0/0\n", fails: true},
		{name: "no position", text: "1\n", fails: true},
		{name: "no LSN", text: "1 zero\n", fails: true},
	} {
		history, err := parseHistory([]byte(c.text))
		if !slices.Equal(history, c.history) || (err != nil) != c.fails {
			t.Errorf("%s: %v, %v", c.name, history, err)
		}
	}
}
