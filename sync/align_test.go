package sync

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// Columns are written as name#number.
func shapeOf(t *testing.T, text string) (shape []apply.ColumnShape) {
	t.Helper()
	for _, c := range columnsOf(t, text) {
		shape = append(shape, apply.ColumnShape{Name: c.Name, Attnum: c.Attnum})
	}
	return shape
}

func columnsOf(t *testing.T, text string) (columns []change.Column) {
	t.Helper()
	for _, word := range strings.Fields(text) {
		name, number, _ := strings.Cut(word, "#")
		c := change.Column{Name: name}
		if _, err := fmt.Sscan(number, &c.Attnum); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	return columns
}

func TestAnnouncedColumnsAreFoundByWhatTheyWereAndAre(t *testing.T) {
	for _, c := range []struct{ name, was, announced, now, want string }{
		{"nothing has changed", "id#1 a#2", "id a", "id#1 a#2", "[1 2]"},
		{"renamed", "id#1 a#2", "id b", "id#1 b#2", "[1 2]"},
		{"renamed, and the old name announced", "id#1 a#2", "id a", "id#1 b#2", "[1 2]"},
		{"renamed twice, the name between announced", "id#1 a#2 z#3", "id b z", "id#1 c#2 z#3", "[1 2 3]"},
		{"two renamed twice", "id#1 a#2 b#3", "id x y", "id#1 c#2 d#3", "[1 2 3]"},
		{"names swapped, before", "a#1 b#2", "a b", "b#1 a#2", "[1 2]"},
		{"names swapped, after", "a#1 b#2", "b a", "b#1 a#2", "[1 2]"},
		{"names swapped, in the middle", "a#1 b#2", "tmp b", "b#1 a#2", "[1 2]"},
		{"added", "id#1", "id a", "id#1 a#2", "[1 2]"},
		{"added and not announced yet", "id#1", "id", "id#1 a#2", "[1]"},
		{"dropped", "id#1 a#2 b#3", "id b", "id#1 b#3", "[1 3]"},
		{"dropped and still announced", "id#1 a#2 b#3", "id a b", "id#1 b#3", "[1 2 3]"},
		{"dropped, and another has its name", "id#1 a#2", "id a", "id#1 a#3", "ambiguous"},
		{"the same with its neighbour", "id#1 a#2 z#3", "id a z", "id#1 z#3 a#4", "[1 2 3]"},
		{"and after it", "id#1 a#2 z#3", "id z a", "id#1 z#3 a#4", "[1 3 4]"},
		{"added and gone again", "id#1", "id a", "id#1", "[1 0]"},
		{"the first dropped, the second has its name", "a#1 b#2", "a", "a#2", "[2]"},
		{"the same before the rename", "a#1 b#2", "b", "a#2", "[2]"},
		{"names swapped, and the first of the two dropped", "id#1 a#2 b#3", "id b a", "id#1 a#3", "ambiguous"},
		{"names swapped, and the second of the two dropped", "id#1 a#2 b#3", "id b a", "id#1 b#2", "ambiguous"},
		{"one renamed twice beside one that came and went", "id#1 a#2", "id x y", "id#1 b#2", "ambiguous"},
		{"names swapped, and one of them announced as another beside it", "id#1 a#2 b#3 z#4", "id b x z", "id#1 y#3 z#4", "ambiguous"},
		{"names swapped, and a third that came and went", "a#1 b#2", "b a x", "a#1 b#2", "ambiguous"},
		{"added, names swapped, and dropped again; renamed since", "id#1 a#2", "id c a", "id#1 x#2", "ambiguous"},
		{"one dropped, and another that came and went elsewhere", "id#1 a#2 b#3", "id b x", "id#1 b#3", "ambiguous"},
		{"a table that is gone", "id#1 a#2", "id a", "", "[1 2]"},
		{"a table that is gone, with a column less", "id#1 a#2 b#3", "id b", "", "[1 3]"},
	} {
		var announced []replication.RelationColumn
		for _, name := range strings.Fields(c.announced) {
			announced = append(announced, replication.RelationColumn{Name: name})
		}
		attnums, ok := align(announced, shapeOf(t, c.was), columnsOf(t, c.now))
		got := fmt.Sprint(attnums)
		if !ok {
			got = "ambiguous"
		}
		if got != c.want {
			t.Errorf("%s: was %s, announced %s, now %s: %s, want %s", c.name, c.was, c.announced, c.now, got, c.want)
		}
	}
}
