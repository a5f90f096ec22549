package applytest

import (
	"reflect"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func shop(watermark change.LSN) apply.PipelineState {
	return apply.PipelineState{
		Name: "shop", SystemIdentifier: "7311482651046379521", Database: "shop \"db\"",
		Slot: "pgsluice_shop", Publication: "pgsluice_shop", OwnsSlot: true, Watermark: watermark,
	}
}

func ordersState(phase apply.Phase) apply.TableState {
	return apply.TableState{
		Relation: `public."Órders"`, OID: 4294967295, Target: "orders", Phase: phase,
		CopiedAt: 1<<63 + 1, TruncatedAt: At(1<<40, 1<<50), Rows: 3, Bytes: 1 << 60,
		Reason: "it's \\ <&> \"broken\"\n", Hint: "mend it",
		Columns: []apply.ColumnShape{{Name: "id", Attnum: 1, TypeOID: 20, Modifier: -1, Key: 1}, {Name: "né", Attnum: 2, TypeOID: 1700, Modifier: 786438}},
	}
}

func recallOfNothing(t *testing.T, b *bench) {
	for range 2 {
		if s := b.recall(t, "shop"); s.Known() || len(s.Tables) != 0 {
			t.Fatalf("recalled %+v", s)
		}
	}
	if err := b.target.Forget(b.ctx, "shop"); err != nil {
		t.Fatalf("forget: %v", err)
	}
}

func rememberAndRecall(t *testing.T, b *bench) {
	check := func(want apply.State) {
		t.Helper()
		if got := b.recall(t, "shop"); !reflect.DeepEqual(got, want) {
			t.Fatalf("recalled %+v\nwant %+v", got, want)
		}
	}
	b.remember(t, shop(0))
	check(apply.State{Pipeline: shop(0)})
	orders := ordersState(apply.Copying)
	items := apply.TableState{Relation: "public.items", Target: "items", Phase: apply.Pending}
	b.remember(t, shop(1<<63+5), orders, items)
	want := apply.State{Pipeline: shop(1<<63 + 5), Tables: map[string]apply.TableState{orders.Relation: orders, items.Relation: items}}
	check(want)
	b.reopen(t)
	check(want)
	orders = ordersState(apply.Streaming)
	b.remember(t, shop(1<<63+5), orders)
	want.Tables[orders.Relation] = orders
	check(want)
	b.remember(t, apply.PipelineState{Name: "shop2"})
	check(want)
	for i := range change.LSN(20) {
		b.remember(t, shop(1<<63+6+i))
	}
	b.reopen(t)
	want.Pipeline.Watermark = 1<<63 + 25
	check(want)
}

func watermarkNeverBack(t *testing.T, b *bench) {
	b.remember(t, shop(100))
	b.reopen(t)
	if err := b.target.Remember(b.ctx, shop(99)); err == nil {
		t.Error("a lower watermark was remembered")
	}
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	for i, step := range []struct{ watermark, want change.LSN }{{90, 100}, {0, 100}, {100, 100}, {110, 110}, {105, 110}, {0, 110}} {
		batch := batchOf(t, table, Inserted(table, At(80, 1), i, "x"))
		batch.Watermark = step.watermark
		b.apply(t, batch)
		if got := b.recall(t, "shop").Pipeline; !reflect.DeepEqual(got, shop(step.want)) {
			t.Errorf("after a batch with watermark %s: %+v, want %s", step.watermark, got, step.want)
		}
	}
	empty := &apply.Batch{Pipeline: "shop", Watermark: 120}
	b.apply(t, empty)
	b.reopen(t)
	if got := b.recall(t, "shop").Pipeline.Watermark; got != 120 {
		t.Errorf("after an empty batch: %s", got)
	}
}

func forget(t *testing.T, b *bench) {
	b.remember(t, shop(100), ordersState(apply.Streaming))
	b.remember(t, apply.PipelineState{Name: "other", Watermark: 7})
	b.reopen(t)
	for range 2 {
		if err := b.target.Forget(b.ctx, "shop"); err != nil {
			t.Fatalf("forget: %v", err)
		}
		if s := b.recall(t, "shop"); s.Known() || len(s.Tables) != 0 {
			t.Fatalf("recalled %+v", s)
		}
	}
	b.remember(t, shop(3))
	b.reopen(t)
	want := apply.State{Pipeline: shop(3)}
	if got := b.recall(t, "shop"); !reflect.DeepEqual(got, want) {
		t.Fatalf("recalled %+v", got)
	}
	if got := b.recall(t, "other").Pipeline; got.Watermark != 7 {
		t.Fatalf("another pipeline: %+v", got)
	}
}
