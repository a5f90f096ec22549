package sync

import (
	"errors"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func exchangeTable() *apply.Table {
	typ := &change.Type{OID: 25, Name: "text", Kind: change.KindBase, Modifier: -1}
	return &apply.Table{Name: "t", Relation: &change.Relation{
		Schema: "public", Name: "t", Columns: []change.Column{{Name: "id", Type: typ, NotNull: true}}, Key: []int{0},
	}}
}

func keyed(id string, commit, seq int) *change.Row {
	return &change.Row{
		Op: change.Insert, Position: change.Position{Commit: change.LSN(commit), Seq: uint64(seq)},
		New: []change.Datum{{Format: change.Text, Bytes: []byte(id)}},
	}
}

func mustAdd(t *testing.T, x *exchange, table *apply.Table, r *change.Row) {
	t.Helper()
	if ok, err := x.add(table, r); !ok || err != nil {
		t.Fatalf("a row was not taken: %v %v", ok, err)
	}
}

// The times of due are compared with these.
var last = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

const interval, idle = time.Second, time.Minute

func dueAfter(x *exchange) string {
	at, ok := x.due(last, interval, idle)
	switch {
	case !ok:
		return "not"
	case at.IsZero():
		return "at once"
	default:
		return at.Sub(last).String()
	}
}

func TestABatchIsDueWhenThereIsReason(t *testing.T) {
	cases := []struct {
		name string
		do   func(t *testing.T, x *exchange, table *apply.Table)
		want string
	}{
		{"an empty one is not", func(*testing.T, *exchange, *apply.Table) {}, "not"},
		{"half a transaction waits for its end", func(t *testing.T, x *exchange, table *apply.Table) {
			mustAdd(t, x, table, keyed("a", 10, 1))
		}, "not"},
		{"a whole one waits for the interval", func(t *testing.T, x *exchange, table *apply.Table) {
			mustAdd(t, x, table, keyed("a", 10, 1))
			x.advance(11, last)
		}, "1s"},
		{"a watermark alone is saved now and then", func(_ *testing.T, x *exchange, _ *apply.Table) { x.advance(11, time.Time{}) }, "1m0s"},
		{"a full one goes at once, inside a transaction too", func(t *testing.T, x *exchange, table *apply.Table) {
			mustAdd(t, x, table, keyed("a", 10, 1))
			mustAdd(t, x, table, keyed("b", 10, 2))
			if ok, _ := x.add(table, keyed("c", 10, 3)); ok {
				t.Fatal("a full batch takes a row")
			}
		}, "at once"},
		{"a table that changed goes at once", func(t *testing.T, x *exchange, table *apply.Table) {
			mustAdd(t, x, table, keyed("a", 10, 1))
			if ok, _ := x.add(exchangeTable(), keyed("b", 10, 2)); ok {
				t.Fatal("a batch mixes two relations of one table")
			}
		}, "at once"},
		{"the end of a run goes at once", func(_ *testing.T, x *exchange, _ *apply.Table) { x.advance(100, time.Time{}) }, "at once"},
		{"a table that failed goes at once", func(_ *testing.T, x *exchange, _ *apply.Table) { x.fail(&table{}, errors.New("no")) }, "at once"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := newExchange("p", 2, 1<<20, 100)
			c.do(t, x, exchangeTable())
			if got := dueAfter(x); got != c.want {
				t.Fatalf("due %s, want %s", got, c.want)
			}
		})
	}
}

func TestTheWatermarkStaysInsideATransaction(t *testing.T) {
	x, table := newExchange("p", 2, 1<<20, 0), exchangeTable()
	mustAdd(t, x, table, keyed("a", 10, 1))
	mustAdd(t, x, table, keyed("b", 10, 2))
	if ok, _ := x.add(table, keyed("c", 10, 3)); ok {
		t.Fatal("a full batch takes a row")
	}
	b, _, _ := x.take()
	if b.Watermark != 0 || b.Rows() != 2 || b.Pipeline != "p" {
		t.Fatalf("watermark %s, %d rows, pipeline %q", b.Watermark, b.Rows(), b.Pipeline)
	}
	select {
	case <-x.room:
	default:
		t.Fatal("nobody is told that there is room")
	}
	mustAdd(t, x, table, keyed("c", 10, 3))
	x.advance(11, last)
	x.giveBack(b)
	if b, _, _ = x.take(); b.Watermark != 11 || b.Rows() != 1 {
		t.Fatalf("watermark %s, %d rows", b.Watermark, b.Rows())
	}
}

func TestABatchHoldsWholeTransactionsWhereItCan(t *testing.T) {
	x, table := newExchange("p", 3, 1<<20, 0), exchangeTable()
	mustAdd(t, x, table, keyed("a", 10, 1))
	x.advance(11, last)
	mustAdd(t, x, table, keyed("b", 20, 1))
	<-x.changed
	if _, _, ok := x.take(); ok {
		t.Fatal("a batch was given with half a transaction in it that can come whole")
	}
	mustAdd(t, x, table, keyed("c", 20, 2))
	if ok, _ := x.add(table, keyed("d", 20, 3)); ok {
		t.Fatal("a full batch takes a row")
	}
	b, _, ok := x.take()
	if !ok || !b.Partial || b.Watermark != 0 || b.Rows() != 3 {
		t.Fatalf("given %v, partial %v, watermark %s", ok, b.Partial, b.Watermark)
	}
	mustAdd(t, x, table, keyed("d", 20, 3))
	x.giveBack(b)
	if _, _, ok := x.take(); ok {
		t.Fatal("given before the end of the transaction")
	}
	for len(x.changed) > 0 {
		<-x.changed
	}
	x.advance(21, last)
	select {
	case <-x.changed:
	default:
		t.Fatal("nobody is told of the end that is waited for")
	}
	if b, _, ok = x.take(); !ok || b.Partial || b.Watermark != 21 {
		t.Fatalf("given %v, partial %v, watermark %s", ok, b.Partial, b.Watermark)
	}
	x.giveBack(b)
	x.advance(30, time.Time{})
	mustAdd(t, x, table, keyed("e", 40, 1))
	x.fail(&table2, errors.New("no"))
	if b, _, ok = x.take(); !ok || !b.Partial || b.Watermark != 0 {
		t.Fatalf("a table that failed: given %v, partial %v, watermark %s", ok, b.Partial, b.Watermark)
	}
	x.advance(41, last)
	x.giveBack(b)
	if b, _, ok = x.take(); !ok || b.Watermark != 41 {
		t.Fatalf("given %v, watermark %s", ok, b.Watermark)
	}
}

var table2 table
