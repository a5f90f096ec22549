package clickhouse

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/apply"
)

func prepare(tb testing.TB, t *Target, table *apply.Table) {
	tb.Helper()
	if _, err := t.Prepare(context.Background(), table, apply.Keep, 0); err != nil {
		tb.Fatal(err)
	}
}

func TestLoaderSendsManyBlocksOnce(t *testing.T) {
	for _, rows := range []int{0, 1, loadRows - 1, loadRows, loadRows + 1, 2 * loadRows, 5*loadRows + 7} {
		target := open(t, nil)
		tab := table("t", 1, "id", int8Type, "s", textType)
		if _, err := target.Prepare(context.Background(), tab, apply.Truncate, 0); err != nil {
			t.Fatal(err)
		}
		l, err := target.Load(context.Background(), tab)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := l.Append(values(i, "x"), at(5, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Finish(); err != nil {
			t.Fatal(err)
		}
		l.Abort()
		got := target.queryText(t, "SELECT toString(count()), toString(uniqExact(id)) FROM "+target.tableName("t"))[0]
		want := values(rows)[0]
		if got[0] != string(want.Bytes) || got[1] != string(want.Bytes) {
			t.Errorf("%d rows: %v", rows, got)
		}
	}
}

func TestAbortLeavesNothingHalfOpen(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "s", textType)
	prepare(t, target, tab)
	for round := range 5 {
		l, err := target.Load(context.Background(), tab)
		if err != nil {
			t.Fatal(err)
		}
		for i := range round * loadRows {
			if err := l.Append(values(i, "x"), at(5, 0)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		l.Abort()
		l.Abort()
		if d := time.Since(start); d > time.Second {
			t.Errorf("Abort took %v", d)
		}
		if err := l.Append(values(1, "x"), at(5, 0)); err == nil {
			t.Error("Append after Abort succeeded")
		}
	}
	waitFor(t, func() bool {
		return target.queryOne(t, "SELECT toString(count()) FROM system.processes WHERE query LIKE 'INSERT INTO `"+database(t)+"%'") == "0"
	})
}

func TestCancelledLoadSaysSo(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "s", textType)
	prepare(t, target, tab)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := target.Load(ctx, tab)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * loadRows {
		if err := l.Append(values(i, "x"), at(5, 0)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for err == nil {
		err = l.Append(values(1, "x"), at(5, 0))
	}
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	l.Abort()
}

// waitFor polls the server, which has no events to wait for.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("waited for 10 s")
		}
		runtime.Gosched()
	}
}
