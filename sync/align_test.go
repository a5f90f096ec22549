package sync

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// Columns are written as name#number, name'#number where the entry is not that of
// the copy any more, and those that were dropped as #number.
func columnsOf(t *testing.T, text string) (columns []change.Column, dropped []int16) {
	t.Helper()
	for _, word := range strings.Fields(text) {
		name, number, _ := strings.Cut(word, "#")
		c := change.Column{Type: &change.Type{}, Entry: 1}
		if _, err := fmt.Sscan(number, &c.Attnum); err != nil {
			t.Fatal(err)
		}
		if c.Name = strings.TrimSuffix(name, "'"); c.Name != name {
			c.Entry = 2
		}
		if name == "" {
			dropped = append(dropped, c.Attnum)
			continue
		}
		columns = append(columns, c)
	}
	return columns, dropped
}

func TestAnnouncedColumnsAreFoundByWhatTheyWereAndAre(t *testing.T) {
	for _, c := range []struct{ name, was, announced, now, want string }{
		{"nothing has changed", "id#1 a#2", "id a", "id#1 a#2", "[1 2]"},
		{"renamed", "id#1 a#2", "id b", "id#1 b'#2", "[1 2]"},
		{"renamed, and the old name announced", "id#1 a#2", "id a", "id#1 b'#2", "[1 2]"},
		{"renamed twice, the name between announced", "id#1 a#2 z#3", "id b z", "id#1 c'#2 z#3", "[1 2 3]"},
		{"two renamed twice", "id#1 a#2 b#3", "id x y", "id#1 c'#2 d'#3", "[1 2 3]"},
		{"names swapped, before", "a#1 b#2", "a b", "b'#1 a'#2", "[1 2]"},
		{"names swapped, after", "a#1 b#2", "b a", "b'#1 a'#2", "[1 2]"},
		{"names swapped, in the middle", "a#1 b#2", "tmp b", "b'#1 a'#2", "[1 2]"},
		{"added", "id#1", "id a", "id#1 a'#2", "[1 2]"},
		{"added and not announced yet", "id#1", "id", "id#1 a'#2", "[1]"},
		{"two added, and one announced", "id#1", "id a", "id#1 a'#8 b'#9", "[1 8]"},
		{"two added, and one announced by another name", "id#1", "id x", "id#1 a'#8 b'#9", "[1 8]"},
		{"two added, and the second announced", "id#1", "id b", "id#1 a'#8 b'#9", "ambiguous"},
		{"added behind one dropped before the copy", "id#1", "id b", "id#1 #2 b'#10", "[1 10]"},
		{"added behind one dropped since", "id#1", "id b", "id#1 #9 b'#10", "ambiguous"},
		{"added, dropped and added again", "id#1 a#2", "id a b", "id#1 a#2 #8 b'#9", "ambiguous"},
		{"dropped", "id#1 a#2 b#3", "id b", "id#1 #2 b#3", "[1 3]"},
		{"dropped and still announced", "id#1 a#2 b#3", "id a b", "id#1 #2 b#3", "[1 2 3]"},
		{"two dropped, and one announced", "id#1 a#2 b#3", "id b", "id#1 #2 #3", "ambiguous"},
		{"dropped, and another has its name", "id#1 a#2", "id a", "id#1 #2 a'#8", "ambiguous"},
		{"dropped, and another has had its name", "id#1 a#2", "id a", "id#1 #2 b'#8", "ambiguous"},
		{"the same with its neighbour", "id#1 a#2 z#3", "id a z", "id#1 #2 z#3 a'#8", "[1 2 3]"},
		{"and after it", "id#1 a#2 z#3", "id z a", "id#1 #2 z#3 a'#8", "[1 3 8]"},
		{"and with a neighbour of more than one name", "id#1 a#2 z#3", "id z a", "id#1 #2 z'#3 a'#8", "ambiguous"},
		{"added and gone again", "id#1", "id a", "id#1 #8", "[1 0]"},
		{"one of two that came and went", "id#1", "id a", "id#1 #8 #9", "[1 0]"},
		{"more than there have been", "id#1", "id a", "id#1", "ambiguous"},
		{"the first dropped, the second has its name", "a#1 b#2", "a", "#1 a'#2", "[2]"},
		{"the same before the rename", "a#1 b#2", "b", "#1 a'#2", "[2]"},
		{"names swapped, and the first of the two dropped", "id#1 a#2 b#3", "id b a", "id#1 #2 a'#3", "[1 2 3]"},
		{"names swapped, and the second of the two dropped", "id#1 a#2 b#3", "id b a", "id#1 b'#2 #3", "[1 2 3]"},
		{"one renamed twice beside one that came and went", "id#1 a#2", "id x y", "id#1 b'#2 #8", "[1 2 0]"},
		{"names swapped, and a third that came and went", "a#1 b#2", "b a x", "a'#1 b'#2 #8", "[1 2 0]"},
		{"one dropped, and another that came and went elsewhere", "id#1 a#2 b#3", "id b x", "id#1 #2 b#3 #8", "[1 3 0]"},
		{"the same where names may have gone from one to the other", "id#1 a#2 b#3", "id b x", "id#1 #2 b'#3 #8", "ambiguous"},
	} {
		var announced []replication.RelationColumn
		for _, name := range strings.Fields(c.announced) {
			announced = append(announced, replication.RelationColumn{Name: name})
		}
		was, _ := columnsOf(t, c.was)
		k := &known{given: 7}
		k.now, k.dropped = columnsOf(t, c.now)
		k.was = apply.Shape(&change.Relation{Columns: was})
		k.copied = k.was
		attnums, ok := k.align(announced)
		got := fmt.Sprint(attnums)
		if !ok {
			got = "ambiguous"
		}
		if got != c.want {
			t.Errorf("%s: was %s, announced %s, now %s: %s, want %s", c.name, c.was, c.announced, c.now, got, c.want)
		}
	}
}

// What PostgreSQL has not rewritten, and cannot have had another type, is told by its
// type too.
func TestAnnouncedColumnsAreFoundByWhatTypesCannotBecome(t *testing.T) {
	const numeric, integer, text, varchar = 1700, 23, 25, 1043
	column := func(attnum int16, typ uint32) change.Column {
		return change.Column{Name: fmt.Sprint("c", attnum), Attnum: attnum, Type: &change.Type{OID: typ}}
	}
	for _, c := range []struct {
		was, is uint32
		kept    bool
		want    bool
	}{
		{numeric, integer, true, true},
		{integer, numeric, true, true},
		{numeric, integer, false, false},
		{text, varchar, true, false},
		{numeric, 16384, true, false}, // a domain, perhaps
	} {
		k := &known{
			was: apply.Shape(&change.Relation{Columns: []change.Column{column(1, 20), column(2, c.was)}}),
			now: []change.Column{column(1, 20), column(3, c.is)}, dropped: []int16{2}, kept: c.kept,
		}
		attnums, ok := k.align([]replication.RelationColumn{{Name: "c1", TypeOID: 20}, {Name: "c2", TypeOID: c.was}})
		if ok != c.want || ok && !slices.Equal(attnums, []int16{1, 2}) {
			t.Errorf("%d dropped, %d added, rewritten %v: %d, %v", c.was, c.is, !c.kept, attnums, ok)
		}
	}
}
