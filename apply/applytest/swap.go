package applytest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

var swaps = []promise{
	{"Swap puts a table that was copied anew in the place of the old one", swapOver},
	{"Swap is seen at once, whoever reads meanwhile", swapReaders},
	{"Swap without a shadow changes nothing", swapWithout},
	{"Shadows of the longest names are tables of their own", swapLongest},
	{"Swap in a transaction that is undone comes to nothing", onlyExact(swapUndone)},
}

// shadow prepares the shadow of a table, with rows (id, s) from up to below to.
func (b *bench) shadow(t *testing.T, table *apply.Table, from, to int) *apply.Table {
	t.Helper()
	shadow := *table
	shadow.Name = b.target.Shadow(table.Name)
	if err := b.target.Drop(b.ctx, shadow.Name); err != nil {
		t.Fatalf("drop what is left of a shadow: %v", err)
	}
	b.prepare(t, &shadow, apply.Truncate, 0)
	if err := b.load(&shadow, from, to-from); err != nil {
		t.Fatalf("load: %v", err)
	}
	return &shadow
}

func swapOver(t *testing.T, b *bench) {
	old := b.awkward(0)
	b.prepare(t, old, apply.Refuse, 0)
	b.apply(t, batchOf(t, old, Inserted(old, At(1, 1), 1, "old", nil, nil)))
	// Other columns, another key, another type: nothing has to be the same.
	table := b.table(0, "it's a \"t`a\\ble\".ünï {x}", 1, "?", "#select")
	if table.Name != old.Name {
		t.Fatal("the test itself is wrong")
	}
	for round := range 3 {
		shadow := b.shadow(t, table, 0, 0)
		b.apply(t, batchOf(t, shadow, Inserted(shadow, At(5, 1), "new", round)))
		if err := b.target.Swap(b.ctx, table, shadow.Name); err != nil {
			t.Fatalf("swap: %v", err)
		}
		if round == 1 {
			b.reopen(t)
		}
		b.prepare(t, table, apply.Keep, 0)
		b.apply(t, batchOf(t, table, Inserted(table, At(6, 1), "streamed", nil), Inserted(table, At(6, 2), "", 7)))
		b.expect(t, table, []string{"new", string(rune('0' + round))}, []string{"streamed", Null}, []string{"", "7"})
		if rows, err := b.warehouse.Read(b.ctx, shadow); err == nil {
			t.Errorf("the shadow is still there: %v", rows)
		}
	}
	b.prepare(t, table, apply.Truncate, 0)
	b.expect(t, table)
	if err := b.target.Drop(b.ctx, table.Name); err != nil {
		t.Errorf("drop what was swapped in: %v", err)
	}
}

func swapReaders(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	const rows = 500
	if err := b.load(table, 0, rows); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.ctx)
	type seen struct {
		reads int
		err   error
	}
	readers := make(chan seen)
	begun := make(chan struct{}, 2)
	for range cap(begun) {
		go func() {
			var s seen
			for ctx.Err() == nil && s.err == nil {
				all, err := b.warehouse.Read(b.ctx, table)
				switch {
				case err != nil && b.subject.Again != nil && b.subject.Again(err):
				case err != nil:
					s.err = err
				case len(all) != rows:
					s.err = errors.New("a reader has seen a part of the table")
				}
				if s.reads++; s.reads == 1 {
					begun <- struct{}{}
				}
			}
			readers <- s
		}()
	}
	for range cap(begun) {
		<-begun
	}
	for round := 1; round <= 8; round++ {
		shadow := b.shadow(t, table, round*rows, (round+1)*rows)
		if err := b.target.Swap(b.ctx, table, shadow.Name); err != nil {
			t.Errorf("swap: %v", err)
		}
	}
	stop()
	for range cap(begun) {
		if s := <-readers; s.err != nil {
			t.Errorf("read %d: %v", s.reads, s.err)
		}
	}
}

func swapWithout(t *testing.T, b *bench) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	b.apply(t, batchOf(t, table, Inserted(table, At(1, 1), 1, "old")))
	var rebuild *apply.RebuildError
	var of *apply.TableError
	if err := b.target.Swap(b.ctx, table, b.target.Shadow(table.Name)); !errors.As(err, &rebuild) || !errors.As(err, &of) {
		t.Errorf("swap without a shadow: %v", err)
	}
	b.expect(t, table, []string{"1", "old"})

	shadow := b.shadow(t, table, 10, 11)
	shared := *table
	shared.Shared = true
	if err := b.target.Swap(b.ctx, &shared, shadow.Name); !errors.As(err, &of) {
		t.Errorf("swap a table with rows of others: %v", err)
	}
	b.expect(t, table, []string{"1", "old"})

	if err := b.target.Drop(b.ctx, table.Name); err != nil {
		t.Fatal(err)
	}
	if err := b.target.Swap(b.ctx, table, shadow.Name); err != nil {
		t.Errorf("swap where the old table is gone: %v", err)
	}
	b.prepare(t, table, apply.Keep, 0)
	if rows := b.read(t, table); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
}

func swapLongest(t *testing.T, b *bench) {
	// 63 bytes are the most that PostgreSQL takes.
	one, two := strings.Repeat("long", 15)+"ü1", strings.Repeat("long", 15)+"ü2"
	seen := map[string]bool{}
	for i, name := range []string{one, two} {
		table := b.table(i, name, 1, "#id", "s")
		b.prepare(t, table, apply.Refuse, 0)
		shadow := b.shadow(t, table, i, 2*i+1)
		seen[shadow.Name] = true
		if !strings.Contains(shadow.Name, "__pgsluice_new") || shadow.Name != b.target.Shadow(table.Name) {
			t.Errorf("the shadow of %s is %s", table.Name, shadow.Name)
		}
	}
	if len(seen) != 2 {
		t.Fatalf("two shadows have one name: %v", seen)
	}
	for i, name := range []string{one, two} {
		table := b.table(i, name, 1, "#id", "s")
		if err := b.target.Swap(b.ctx, table, b.target.Shadow(table.Name)); err != nil {
			t.Fatalf("swap: %v", err)
		}
		if rows := b.read(t, table); len(rows) != i+1 {
			t.Errorf("%s holds %v", name, rows)
		}
	}
}

func swapUndone(t *testing.T, b *bench, tx apply.Transactional) {
	table := b.table(0, "t", 1, "#id", "s")
	b.prepare(t, table, apply.Refuse, 0)
	b.remember(t, shop(1))
	b.apply(t, batchOf(t, table, Inserted(table, At(1, 1), 1, "old")))
	wider := reshape(table, func(r *change.Relation) { with(r, 3, "more", Bigint, nil) })
	shadow := b.shadow(t, wider, 0, 0)
	begin(t, b, tx)
	b.apply(t, batchOf(t, table, Inserted(table, At(2, 1), 2, "late")))
	if err := b.target.Swap(b.ctx, wider, shadow.Name); err != nil {
		t.Fatalf("swap: %v", err)
	}
	b.prepare(t, wider, apply.Keep, 0)
	b.apply(t, batchOf(t, wider, Inserted(wider, At(2, 2), 3, "new", 3)))
	tx.Rollback(b.ctx)
	b.expect(t, table, []string{"1", "old"})
	b.reopen(t)
	b.recall(t, "shop")
	b.prepare(t, table, apply.Keep, 0)
	b.apply(t, batchOf(t, table, Inserted(table, At(3, 1), 2, "late")))
	b.expect(t, table, []string{"1", "old"}, []string{"2", "late"})
	if err := b.target.Swap(b.ctx, wider, shadow.Name); err != nil {
		t.Fatalf("swap: %v", err)
	}
	b.expect(t, wider)
}
