package applytest

import (
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// Types that tests build relations from.
var (
	Bigint = &change.Type{OID: 20, Schema: "pg_catalog", Name: "int8", Kind: change.KindBase, Modifier: -1}
	Text   = &change.Type{OID: 25, Schema: "pg_catalog", Name: "text", Kind: change.KindBase, Modifier: -1}
)

// NewTable makes a table of bigint columns and text columns, whose first keys
// columns are its key: a name that begins with # is a bigint, one that ends in !
// is NOT NULL.
func NewTable(number int, name string, keys int, columns ...string) *apply.Table {
	r := &change.Relation{OID: uint32(16384 + number), Schema: "public", Name: name, Identity: change.IdentityDefault}
	for i, c := range columns {
		col := change.Column{Name: c, Type: Text, Attnum: int16(i + 1)}
		if col.Name[0] == '#' {
			col.Name, col.Type = col.Name[1:], Bigint
		}
		if n := len(col.Name); col.Name[n-1] == '!' {
			col.Name, col.NotNull = col.Name[:n-1], true
		}
		if i < keys {
			col.NotNull = true
			r.Key = append(r.Key, i)
		}
		r.Columns = append(r.Columns, col)
	}
	return &apply.Table{Relation: r, Name: name, Number: number}
}

// Unchanged, among values, stands for a value that the log left out; nil is NULL.
type Unchanged struct{}

// Values makes text datums of whatever fmt prints.
func Values(of ...any) []change.Datum {
	out := make([]change.Datum, len(of))
	for i, v := range of {
		switch v := v.(type) {
		case nil:
		case Unchanged:
			out[i].Format = change.Unchanged
		case change.Datum:
			out[i] = v
		default:
			out[i] = change.Datum{Format: change.Text, Bytes: fmt.Append(nil, v)}
		}
	}
	return out
}

// At is a position.
func At(commit, seq uint64) change.Position {
	return change.Position{Commit: change.LSN(commit), Seq: seq}
}

// Inserted is a row of an INSERT.
func Inserted(t *apply.Table, p change.Position, of ...any) *change.Row {
	return &change.Row{Op: change.Insert, Position: p, Relation: t.Relation, New: Values(of...)}
}

// Updated is a row of an UPDATE that left the key as it was.
func Updated(t *apply.Table, p change.Position, of ...any) *change.Row {
	return &change.Row{Op: change.Update, Position: p, Relation: t.Relation, New: Values(of...)}
}

// Rekeyed is a row of an UPDATE that changed the key from the values of old.
func Rekeyed(t *apply.Table, p change.Position, old []any, of ...any) *change.Row {
	return &change.Row{Op: change.Update, Position: p, Relation: t.Relation, Old: keyOf(t, old), New: Values(of...)}
}

// Deleted is a row of a DELETE.
func Deleted(t *apply.Table, p change.Position, key ...any) *change.Row {
	return &change.Row{Op: change.Delete, Position: p, Relation: t.Relation, Old: keyOf(t, key)}
}

// keyOf is an old row of which only the key is known.
func keyOf(t *apply.Table, key []any) []change.Datum {
	old := make([]change.Datum, len(t.Relation.Columns))
	for place, d := range Values(key...) {
		old[t.Relation.Key[place]] = d
	}
	return old
}

// add puts a table's rows into a batch.
func add(tb testing.TB, b *apply.Batch, t *apply.Table, rows ...*change.Row) *apply.Batch {
	tb.Helper()
	for _, r := range rows {
		if err := b.Add(t, r); err != nil {
			tb.Fatalf("add to the batch: %v", err)
		}
	}
	return b
}

func batchOf(tb testing.TB, t *apply.Table, rows ...*change.Row) *apply.Batch {
	tb.Helper()
	return add(tb, &apply.Batch{Pipeline: "shop"}, t, rows...)
}
