package apply

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func textType() *change.Type {
	return &change.Type{OID: 25, Name: "text", Kind: change.KindBase, Modifier: -1}
}

// pair is a table (id, body) keyed by id.
func pair() *Table {
	return &Table{Name: "t", Relation: &change.Relation{
		Schema: "public", Name: "t",
		Columns: []change.Column{{Name: "id", Type: textType(), NotNull: true}, {Name: "body", Type: textType()}}, Key: []int{0},
	}}
}

func datums(values ...string) []change.Datum {
	d := make([]change.Datum, len(values))
	for i, v := range values {
		switch v {
		case "~":
			d[i] = change.Datum{Format: change.Unchanged}
		case "NULL":
		default:
			d[i] = change.Datum{Format: change.Text, Bytes: []byte(v)}
		}
	}
	return d
}

func at(commit, seq int) change.Position {
	return change.Position{Commit: change.LSN(commit), Seq: uint64(seq)}
}

func ins(p change.Position, values ...string) *change.Row {
	return &change.Row{Op: change.Insert, Position: p, New: datums(values...)}
}

func del(p change.Position, old ...string) *change.Row {
	return &change.Row{Op: change.Delete, Position: p, Old: datums(old...)}
}

func upd(p change.Position, old []string, values ...string) *change.Row {
	r := &change.Row{Op: change.Update, Position: p, New: datums(values...)}
	if old != nil {
		r.Old = datums(old...)
	}
	return r
}

func full(r *change.Row) *change.Row { r.OldFull = true; return r }

// render prints what is left of a batch: "+id=body@seq", "-id@seq".
func render(b *Batch) string {
	var out []string
	for _, tb := range b.Tables() {
		if tb.Truncate != (change.Position{}) {
			out = append(out, fmt.Sprintf("truncate@%d", tb.Truncate.Seq))
		}
		var r Row
		for i := range tb.Len() {
			tb.Row(i, &r)
			key := string(r.Values[tb.Table.Relation.Key[0]].Bytes)
			switch {
			case r.Deleted:
				out = append(out, fmt.Sprintf("-%s@%d", key, r.Position.Seq))
			case r.Values[1].Format == change.Unchanged:
				out = append(out, fmt.Sprintf("+%s=~%s@%d", key, r.Base[0].Bytes, r.Position.Seq))
			default:
				out = append(out, fmt.Sprintf("+%s=%s@%d", key, r.Values[1].Bytes, r.Position.Seq))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestOnlyTheLastStateOfAKeyIsLeft(t *testing.T) {
	swapped := func(id, body string, p change.Position) *change.Row {
		return full(upd(p, []string{id, body}, "-"+id, body))
	}
	cases := []struct {
		name string
		rows []*change.Row
		want string
	}{
		{"inserts of different keys stay", []*change.Row{ins(at(1, 1), "a", "x"), ins(at(1, 2), "b", "y")}, "+a=x@1 +b=y@2"},
		{"an update replaces the insert", []*change.Row{ins(at(1, 1), "a", "x"), upd(at(1, 2), nil, "a", "y")}, "+a=y@2"},
		{"a delete replaces the insert", []*change.Row{ins(at(1, 1), "a", "x"), del(at(1, 2), "a", "NULL")}, "-a@2"},
		{"a key can come back", []*change.Row{ins(at(1, 1), "a", "x"), del(at(1, 2), "a", "NULL"), ins(at(1, 3), "a", "z")}, "+a=z@3"},
		{"a change of key deletes the old one", []*change.Row{upd(at(1, 1), []string{"a", "NULL"}, "b", "x")}, "-a@1 +b=x@1"},
		{"keys move along a chain", []*change.Row{
			upd(at(1, 1), []string{"b", "NULL"}, "c", "2"), upd(at(1, 2), []string{"a", "NULL"}, "b", "1"),
		}, "+b=1@2 +c=2@1 -a@2"},
		{"an unchanged value is taken from the batch", []*change.Row{ins(at(1, 1), "a", "long"), upd(at(1, 2), nil, "a", "~")}, "+a=long@2"},
		{"an unchanged value is taken from the full old row", []*change.Row{full(upd(at(1, 1), []string{"a", "long"}, "a", "~"))}, "+a=long@1"},
		{"an unchanged value that nobody has is left to the target", []*change.Row{upd(at(1, 1), nil, "a", "~")}, "+a=~a@1"},
		{"an unchanged value keeps its base over several updates", []*change.Row{upd(at(1, 1), nil, "a", "~"), upd(at(1, 2), nil, "a", "~")}, "+a=~a@2"},
		{"an unchanged value stays with its row when the key changes", []*change.Row{
			upd(at(1, 1), []string{"a", "NULL"}, "b", "~"), upd(at(1, 2), []string{"b", "NULL"}, "c", "~"),
		}, "-a@1 -b@2 +c=~a@2"},
		{"a new value ends the wait for the old one", []*change.Row{upd(at(1, 1), nil, "a", "~"), upd(at(1, 2), nil, "a", "new"), upd(at(1, 3), nil, "a", "~")}, "+a=new@3"},
		{"an empty value is not an unchanged one", []*change.Row{ins(at(1, 1), "a", "long"), upd(at(1, 2), nil, "a", "")}, "+a=@2"},
		{"keys that swap under a deferrable key both live", []*change.Row{swapped("1", "A", at(1, 1)), full(upd(at(1, 2), []string{"-1", "B"}, "1", "B"))}, "+1=B@2 +-1=A@1"},
		{"a later transaction deletes what an earlier one inserted, whatever it held", []*change.Row{ins(at(1, 1), "a", "x"), full(del(at(2, 1), "a", "y"))}, "-a@1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, table := &Batch{}, pair()
			for range 2 { // a batch that is used again gives the same
				for _, r := range c.rows {
					if err := b.Add(table, r); err != nil {
						t.Fatal(err)
					}
				}
				if got := render(b); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
				b.Reset()
				if !b.Empty() || b.Rows() != 0 || b.Bytes() != 0 {
					t.Fatal("a batch is not empty after Reset")
				}
			}
		})
	}
}

func TestATruncateTakesItsPlace(t *testing.T) {
	b, table := &Batch{}, pair()
	add := func(r *change.Row) {
		t.Helper()
		if err := b.Add(table, r); err != nil {
			t.Fatal(err)
		}
	}
	add(ins(at(1, 1), "a", "x"))
	b.Truncate(table, at(1, 2))
	add(ins(at(1, 3), "a", "y"))
	if got, want := render(b), "truncate@2 +a=y@3"; got != want || b.Rows() != 1 {
		t.Fatalf("got %s (%d rows), want %s", got, b.Rows(), want)
	}
}

func TestABatchCountsWhatTheSourceDid(t *testing.T) {
	b, table := &Batch{}, pair()
	for round := range 2 { // the second is of a batch that is used again
		for _, r := range []*change.Row{ins(at(1, 1), "a", "x"), upd(at(1, 2), nil, "a", "y"), upd(at(1, 3), []string{"a", ""}, "b", "y"), del(at(1, 4), "b", "")} {
			if err := b.Add(table, r); err != nil {
				t.Fatal(err)
			}
		}
		b.Truncate(table, at(1, 5))
		if err := b.Add(table, ins(at(1, 6), "c", "x")); err != nil {
			t.Fatal(err)
		}
		if got, want := b.Tables()[0].Changes, (Changes{Inserted: 2, Updated: 2, Deleted: 1, Truncated: 1}); got != want || b.Rows() != 1 {
			t.Errorf("round %d: %+v, want %+v, and %d rows are left", round, got, want, b.Rows())
		}
		b.Reset()
	}
	keyless := pair()
	keyless.Relation.Key = nil
	if err := b.Add(keyless, ins(at(2, 1), "a", "x")); err != nil || b.Tables()[0].Changes != (Changes{Inserted: 1}) {
		t.Errorf("%+v %v", b.Tables()[0].Changes, err)
	}
}

func TestATableWithoutAKeyTakesInsertsOnly(t *testing.T) {
	b, table := &Batch{}, pair()
	table.Relation.Key = nil
	for i := range 3 {
		if err := b.Add(table, ins(at(1, i+1), "a", "x")); err != nil {
			t.Fatal(err)
		}
	}
	if b.Rows() != 3 {
		t.Fatalf("%d rows are left of 3 equal ones", b.Rows())
	}
	err := b.Add(table, del(at(1, 4), "a", "x"))
	if err == nil || !strings.Contains(err.Error(), "no primary key") || !strings.Contains(err.Error(), "public.t") {
		t.Fatalf("a delete gave %v", err)
	}
}

func TestARelationThatChangedNeedsABatchOfItsOwn(t *testing.T) {
	b, before, after := &Batch{}, pair(), pair()
	if err := b.Add(before, ins(at(1, 1), "a", "x")); err != nil {
		t.Fatal(err)
	}
	if !b.Fits(before) || b.Fits(after) {
		t.Fatal("a batch mixes two relations of one table")
	}
	b.Remove(before)
	if !b.Fits(after) || !b.Empty() || b.Rows() != 0 {
		t.Fatal("a table that was removed is still there")
	}
}

// A batch must leave of any history what a plain map leaves.
func TestAnyHistoryCompactsToItsEnd(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		b, table := &Batch{}, pair()
		live := map[string]string{}
		touched := map[string]bool{}
		for seq := 1; seq < 200; seq++ {
			id, to := fmt.Sprint(random.IntN(20)), fmt.Sprint(random.IntN(20))
			p := at(seq/10+1, seq)
			var r *change.Row
			body, alive := live[id]
			_, taken := live[to]
			switch {
			case !alive:
				live[id] = fmt.Sprint("v", seq)
				r = ins(p, id, live[id])
				to = id
			case random.IntN(4) == 0:
				delete(live, id)
				r = del(p, id, "NULL")
				to = id
			case random.IntN(3) == 0 && !taken:
				delete(live, id)
				live[to] = body
				r = upd(p, []string{id, "NULL"}, to, "~")
			default:
				live[id] = fmt.Sprint("v", seq)
				r = upd(p, nil, id, live[id])
				to = id
			}
			touched[id], touched[to] = true, true
			if err := b.Add(table, r); err != nil {
				t.Fatal(err)
			}
		}
		var row Row
		tb := b.Tables()[0]
		if tb.Len() != len(touched) {
			t.Fatalf("%d keys are left of %d that were touched", tb.Len(), len(touched))
		}
		for i := range tb.Len() {
			tb.Row(i, &row)
			id, body := string(row.Values[0].Bytes), string(row.Values[1].Bytes)
			want, alive := live[id]
			if row.Deleted == alive || alive && body != want {
				t.Fatalf("key %s: deleted %v, body %q; want alive %v, body %q", id, row.Deleted, body, alive, want)
			}
		}
	}
}

func TestASteadyBatchAllocatesNothing(t *testing.T) {
	b, table := &Batch{}, pair()
	rows := make([]*change.Row, 1000)
	for i := range rows {
		rows[i] = upd(at(1, i), nil, fmt.Sprint(i%300), "body")
	}
	fill := func() {
		b.Reset()
		for _, r := range rows {
			_ = b.Add(table, r)
		}
	}
	fill()
	if n := testing.AllocsPerRun(20, fill); n > 0 {
		t.Fatalf("%v allocations for 1000 rows", n)
	}
}

func BenchmarkBatch(b *testing.B) {
	batch, table := &Batch{}, pair()
	r := upd(at(1, 1), nil, "12345678", "a body of some thirty characters")
	b.ReportAllocs()
	for i := range b.N {
		if batch.Rows() >= 100_000 {
			batch.Reset()
		}
		copy(r.New[0].Bytes, fmt.Append(r.New[0].Bytes[:0], 10_000_000+i%10_000_000))
		_ = batch.Add(table, r)
	}
}

func TestWhatABatchKnowsOfKeysFromBeforeIt(t *testing.T) {
	full := func(tb *Table) *Table {
		r := *tb.Relation
		r.Identity = change.IdentityFull
		return &Table{Name: tb.Name, Relation: &r}
	}
	cases := []struct {
		name  string
		table *Table
		rows  []*change.Row
		want  string // keys, those that are fresh with a *
	}{
		{"an insert makes a key", pair(), []*change.Row{ins(at(1, 1), "a", "x")}, "a*"},
		{"an update has met one", pair(), []*change.Row{upd(at(1, 1), nil, "a", "x")}, "a"},
		{"an update of an insert has not", pair(), []*change.Row{ins(at(1, 1), "a", "x"), upd(at(1, 2), nil, "a", "y")}, "a*"},
		{"a key that was there comes back", pair(), []*change.Row{del(at(1, 1), "a", "NULL"), ins(at(1, 2), "a", "x")}, "a"},
		{"a key that was not there goes again", pair(), []*change.Row{ins(at(1, 1), "a", "x"), del(at(1, 2), "a", "NULL")}, "a*"},
		{"a change of key", pair(), []*change.Row{upd(at(1, 1), []string{"a", "NULL"}, "b", "x")}, "a b*"},
		{"a change to a key that was left before", pair(), []*change.Row{
			upd(at(1, 1), []string{"a", "NULL"}, "b", "x"), upd(at(1, 2), []string{"c", "NULL"}, "a", "y"),
		}, "a b* c"},
		{"of two rows with one key the log does not tell", full(pair()), []*change.Row{ins(at(1, 1), "a", "x")}, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b Batch
			for _, r := range c.rows {
				if err := b.Add(c.table, r); err != nil {
					t.Fatal(err)
				}
			}
			if got := freshKeys(&b); got != c.want {
				t.Fatalf("%s, want %s", got, c.want)
			}
			b.Truncate(c.table, at(2, 1))
			if err := b.Add(c.table, ins(at(2, 2), "z", "x")); err != nil {
				t.Fatal(err)
			}
			if got := freshKeys(&b); got != "z*" {
				t.Fatalf("behind a truncate: %s", got)
			}
		})
	}
}

func freshKeys(b *Batch) string {
	var keys []string
	var r Row
	for _, tb := range b.Tables() {
		for i := range tb.Len() {
			tb.Row(i, &r)
			key := string(r.Values[0].Bytes)
			if r.Fresh {
				key += "*"
			}
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}
