package clickhouse

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

func TestWhatWasAnsweredOutlivesTheServer(t *testing.T) {
	own, err := sandbox.StartClickHouse(t.Context(), sandbox.ClickHouseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	target, err := Open(t.Context(), Options{DSN: own.DSN("shop"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	tab := table("t", 1, "id", int8Type, "s", textType)
	prepare(t, target, tab)
	remember(t, target, 1)
	for i := range 20 {
		b := batch(t, tab, insertRow(tab, at(10, uint64(i)+1), i, "x"))
		b.Pipeline, b.Watermark = "shop", 20
		if i == 19 {
			b.Watermark = 21
		}
		applyBatch(t, target, b)
	}
	if err := own.Kill(); err != nil {
		t.Fatal(err)
	}
	late := batch(t, tab, insertRow(tab, at(30, 1), 100, "x"))
	late.Pipeline, late.Watermark = "shop", 31
	if err := target.Apply(t.Context(), late); err == nil || !fault.Retryable(err) {
		t.Fatalf("without a server: %v", err)
	}
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := target.Recall(t.Context(), "shop")
	if err != nil || s.Pipeline.Watermark != 21 {
		t.Fatalf("%+v, %v", s, err)
	}
	applyBatch(t, target, late) // on a new connection
	got := target.queryText(t, "SELECT toString(count()), toString(uniqExact(id)) FROM "+target.tableName("t")+" FINAL")[0]
	if strings.Join(got, " ") != "21 21" {
		t.Error(got)
	}
}
