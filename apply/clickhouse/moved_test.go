package clickhouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// Each row takes the next one's key, and a few change places. The values that
// did not change go with the row, more of them than one block holds; again when
// the stretch is replayed, wherever it is cut.
func TestRowsThatLeaveTheirKeyComeInPortions(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "doc", textType, "n", int4Type)
	prepare(t, target, tab)
	const rows, size = 400, 300_000
	padding := strings.Repeat("x", size)
	var before []*change.Row
	for i := range rows {
		before = append(before, insertRow(tab, at(1, uint64(i)+1), i, fmt.Sprintf("%d:", i)+padding, 0))
	}
	for from := 0; from < rows; from += 100 {
		applyBatch(t, target, batch(t, tab, before[from:from+100]...))
	}
	var moves []*change.Row
	move := func(from, to int) {
		r := updateRow(tab, at(2, uint64(len(moves))+1), to, unchanged, 1)
		r.Old = values(from, nil, nil)
		moves = append(moves, r)
	}
	want := map[int]int{} // id → the row that has it now
	for i := rows - 1; i >= 10; i-- {
		move(i, i+1)
		want[i+1] = i
	}
	move(1, 1000)
	move(2, 1)
	move(1000, 2)
	want[1], want[2] = 2, 1
	for _, i := range []int{0, 3, 4, 5, 6, 7, 8, 9} {
		want[i] = i
	}
	moves = append(moves, insertRow(tab, at(2, uint64(len(moves))+1), 10, "new:"+padding, 1))
	want[10] = -1

	for _, stretch := range [][]*change.Row{moves, moves, moves[:150], moves[100:], moves[:len(moves)-1]} {
		applyBatch(t, target, batch(t, tab, stretch...))
		got := target.queryText(t, "SELECT toString(id), splitByChar(':', assumeNotNull(doc))[1], toString(length(doc)) FROM "+target.tableName("t")+" FINAL")
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for _, r := range got {
			var id int
			if _, err := fmt.Sscan(r[0], &id); err != nil {
				t.Fatal(err)
			}
			of := fmt.Sprint(want[id])
			if want[id] < 0 {
				of = "new"
			}
			if r[1] != of || r[2] != fmt.Sprint(len(of)+1+size) {
				t.Fatalf("row %d has the values of row %s (%s characters), want those of %s", id, r[1], r[2], of)
			}
		}
	}
}

func TestReadingOrder(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "doc", textType)
	prepare(t, target, tab)
	var moves []*change.Row
	move := func(from, to int) {
		r := updateRow(tab, at(2, uint64(len(moves))+1), to, unchanged)
		r.Old = values(from, nil)
		moves = append(moves, r)
	}
	// Row 7 has been at 8, which row 6 has now; 1 and 2 have changed places, and
	// 20 reads what neither of them writes.
	move(7, 8)
	move(8, 9)
	move(6, 8)
	move(1, 100)
	move(2, 1)
	move(100, 2)
	move(20, 21)
	b := batch(t, tab, moves...)
	p, err := target.planned(tab)
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{t: target, plan: p, batch: b.Tables()[0]}
	var rows []int
	name := map[int]string{}
	var r apply.Row
	for i := range w.batch.Len() {
		if w.batch.Row(i, &r); r.Base != nil && len(r.Steps) > 0 {
			rows = append(rows, i)
			name[i] = describe(p.specs[0], r.Values[0])
		}
	}
	ordered, cycles, err := w.inReadingOrder(rows)
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for n, i := range ordered {
		place[name[i]] = n + 1
	}
	if len(ordered) != 3 || place["9"] == 0 || place["9"] > place["8"] || place["21"] == 0 {
		t.Errorf("order %v of %v", ordered, name)
	}
	if len(cycles) != 2 {
		t.Errorf("cycles %v of %v", cycles, name)
	}
}
