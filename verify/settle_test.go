package verify

import (
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
)

// oneColumn is a comparison of a table that is all key.
type oneColumn struct{ apply.Comparison }

func (oneColumn) Columns() []int { return []int{0} }

// there is a row, by its value and who wrote it; absent is none.
func there(value, written string) seen {
	return seen{rows: 1, digests: fmt.Sprintf("%-16s", value), written: written, texts: []*string{&value}}
}

var absent seen

// round is what one round sees.
type round struct{ before, target, after seen }

func TestAKeyIsSettledWhenTwoRoundsSeeTheSame(t *testing.T) {
	twice := there("a", "9")
	twice.rows, twice.written = 2, "9 9"
	for what, c := range map[string]struct {
		rounds []round
		shared bool
		// settled is after how many rounds, 0 for not.
		settled   int
		different Kind
	}{
		"equal":                      {rounds: []round{{there("a", "1"), there("a", "9"), there("a", "1")}}, settled: 1},
		"gone from both":             {rounds: []round{{absent, absent, absent}}, settled: 1},
		"equal to what it was":       {rounds: []round{{there("a", "1"), there("a", "9"), there("b", "2")}}, settled: 1},
		"equal to what it became":    {rounds: []round{{there("a", "1"), there("b", "9"), there("b", "2")}}, settled: 1},
		"different once":             {rounds: []round{{there("a", "1"), there("b", "9"), there("a", "1")}}},
		"different twice":            {rounds: []round{{there("a", "1"), there("b", "9"), there("a", "1")}, {there("a", "1"), there("b", "9"), there("a", "1")}}, settled: 2, different: Changed},
		"missing":                    {rounds: []round{{there("a", "1"), absent, there("a", "1")}, {there("a", "1"), absent, there("a", "1")}}, settled: 2, different: Missing},
		"surplus":                    {rounds: []round{{absent, there("b", "9"), absent}, {absent, there("b", "9"), absent}}, settled: 2, different: Surplus},
		"surplus, and not ours":      {rounds: []round{{absent, there("b", "9"), absent}}, shared: true, settled: 1},
		"repeated":                   {rounds: []round{{there("a", "1"), twice, there("a", "1")}, {there("a", "1"), twice, there("a", "1")}}, settled: 2, different: Repeated},
		"always another":             {rounds: []round{{there("a", "1"), there("x", "8"), there("b", "2")}, {there("c", "3"), there("y", "9"), there("d", "4")}}},
		"written anew in the source": {rounds: []round{{there("a", "1"), there("b", "9"), there("a", "1")}, {there("a", "2"), there("b", "9"), there("a", "2")}}},
		"written anew in the target": {rounds: []round{{absent, there("b", "8"), absent}, {absent, there("b", "9"), absent}}},
		// What the first round saw does not count across a round that saw a change.
		"a change between": {rounds: []round{
			{there("a", "1"), there("b", "9"), there("a", "1")}, {there("a", "1"), there("b", "9"), there("a", "2")}, {there("a", "1"), there("b", "9"), there("a", "1")},
		}},
	} {
		relation := &change.Relation{Columns: []change.Column{{Name: "id"}}, Key: []int{0}}
		run := &tableRun{
			Table: &Table{Query: snapshot.Query{Relation: relation}, Into: &apply.Table{Shared: c.shared}}, run: &run{config: &Config{Limit: 1}},
			comparison: oneColumn{}, result: &TableResult{},
		}
		d, settled := &doubt{}, 0
		for n, r := range c.rounds {
			if run.judge(d, r.before, r.target, r.after) {
				settled = n + 1
				break
			}
		}
		kind := Kind("")
		if len(run.result.Differences) > 0 {
			kind = run.result.Differences[0].Kind
		}
		if settled != c.settled || kind != c.different {
			t.Errorf("%s: settled after %d rounds as %q, want %d, %q", what, settled, kind, c.settled, c.different)
		}
	}
}
