package clickhouse

import (
	"context"
	"reflect"
	"strconv"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func remember(tb testing.TB, t *Target, watermark change.LSN) {
	tb.Helper()
	p := apply.PipelineState{Name: "shop", SystemIdentifier: "7", Database: "db", Watermark: watermark}
	if err := t.Remember(context.Background(), p); err != nil {
		tb.Fatal(err)
	}
}

func applyBatch(tb testing.TB, t *Target, b *apply.Batch) {
	tb.Helper()
	if err := t.Apply(context.Background(), b); err != nil {
		tb.Fatal(err)
	}
}

func TestApplyWritesRowsThenTheWatermark(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "s", textType)
	prepare(t, target, tab)
	remember(t, target, 10)
	b := batch(t, tab,
		insertRow(tab, at(20, 1), 1, "a"), insertRow(tab, at(20, 2), 2, "b"), insertRow(tab, at(20, 3), 3, null),
		deleteRow(tab, at(21, 1), 2, null), updateRow(tab, at(22, 1), 1, "c"))
	b.Pipeline, b.Watermark = "shop", 22
	for range 3 {
		applyBatch(t, target, b)
		got := target.queryText(t, "SELECT toString(id), ifNull(s, 'NULL') FROM "+target.tableName("t")+" FINAL ORDER BY id")
		if want := [][]string{{"1", "c"}, {"3", "NULL"}}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v", got)
		}
		s, err := target.Recall(context.Background(), "shop")
		if err != nil || s.Pipeline.Watermark != 22 {
			t.Fatalf("%v %v", s, err)
		}
	}
}

func TestABatchBecomesOnePart(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "s", textType)
	prepare(t, target, tab)
	b := &apply.Batch{}
	for i := range 100_000 {
		if err := b.Add(tab, insertRow(tab, at(20, uint64(i)+1), i, "some text that makes the block large "+strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	applyBatch(t, target, b)
	got := target.queryText(t, "SELECT toString(rows) FROM system.parts WHERE active AND table = 't' AND database = "+text(database(t)))
	if want := [][]string{{"100000"}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got parts of %v rows", got)
	}
}
