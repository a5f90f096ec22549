package sync

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// alterations are what can be done to a table's columns in one step: the first is of
// the key, and stays. next is the number that a new one gets, entry the step's.
func alterations(columns []change.Column, next int16, entry uint32, each func(columns []change.Column, next int16)) {
	pool := []string{"a", "b", "c"}
	taken := func(name string) bool {
		return slices.ContainsFunc(columns, func(c change.Column) bool { return c.Name == name })
	}
	for i := 1; i < len(columns); i++ {
		each(slices.Delete(slices.Clone(columns), i, i+1), next)
		for _, name := range pool {
			if !taken(name) {
				renamed := slices.Clone(columns)
				renamed[i].Name, renamed[i].Entry = name, entry
				each(renamed, next)
			}
		}
	}
	for _, name := range pool {
		if !taken(name) {
			each(append(slices.Clone(columns), change.Column{Name: name, Attnum: next, Entry: entry, Type: &change.Type{}}), next+1)
		}
	}
}

// Every announcement of every way in which a few columns can be dropped, renamed and
// added: it is told rightly, or not at all; and where there was but one step, it is
// told.
func TestNoAnnouncedColumnIsTakenForAnother(t *testing.T) {
	steps := 3
	if testing.Short() {
		steps = 2
	}
	announcements, told := 0, 0
	look := func(history [][]change.Column, given, next int16) {
		was, now := history[0], history[len(history)-1]
		k := &known{was: apply.Shape(&change.Relation{Columns: was}), now: now, given: given}
		k.copied = k.was
		for attnum := int16(1); attnum < next; attnum++ {
			if !slices.ContainsFunc(now, func(c change.Column) bool { return c.Attnum == attnum }) {
				k.dropped = append(k.dropped, attnum)
			}
		}
		for _, between := range history {
			var announced []replication.RelationColumn
			var want []int16
			for _, c := range between {
				announced = append(announced, replication.RelationColumn{Name: c.Name})
				if !slices.ContainsFunc(append(slices.Clone(was), now...), func(o change.Column) bool { return o.Attnum == c.Attnum }) {
					c.Attnum = 0
				}
				want = append(want, c.Attnum)
			}
			announcements++
			got, ok := k.align(announced)
			switch {
			case ok:
				if told++; !slices.Equal(got, want) {
					t.Fatalf("was %v, announced %v, now %v: taken for %d", names(was), names(between), names(now), got)
				}
			case len(history) <= 2:
				t.Errorf("was %v, announced %v, now %v: not told", names(was), names(between), names(now))
			}
		}
	}
	var walk func(history [][]change.Column, given, next int16)
	walk = func(history [][]change.Column, given, next int16) {
		look(history, given, next)
		if len(history) > steps {
			return
		}
		alterations(history[len(history)-1], next, uint32(10+len(history)), func(columns []change.Column, next int16) {
			walk(append(slices.Clone(history), columns), given, next)
		})
	}
	for _, start := range []struct {
		columns string
		given   int16
	}{{"id#1 a#2", 2}, {"id#1 a#2 b#3", 3}, {"id#1 a#3 b#4 z#6", 7}} {
		columns, _ := columnsOf(t, start.columns)
		walk([][]change.Column{columns}, start.given, start.given+1)
	}
	t.Logf("%d of %d announcements are told", told, announcements)
}

func names(columns []change.Column) (text []string) {
	for _, c := range columns {
		text = append(text, fmt.Sprintf("%s#%d", c.Name, c.Attnum))
	}
	return text
}
