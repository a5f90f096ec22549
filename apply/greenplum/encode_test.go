package greenplum

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// TestTextsArriveAsTheyAre sends every character that COPY's text form gives a
// meaning, and values of both forms in one batch and one copy.
func TestTextsArriveAsTheyAre(t *testing.T) {
	var every strings.Builder
	for c := rune(1); c < 0x180; c++ {
		every.WriteRune(c)
	}
	values := []string{every.String(), `\.`, `\N`, "", `\`, "\\\n\\", "\n", "\t", "a\tb\nc\rd\\e\vf\fg\bh", strings.Repeat("ä\\", 100_000), "\\."}
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), items()
		table.Relation.Columns[1].Type = &change.Type{OID: 25, Schema: "pg_catalog", Name: "text", Kind: change.KindBase, Modifier: -1}
		target := open(t, dsn, nil)
		_, err := target.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		loader, err := target.Load(ctx, table)
		must(t, err)
		batch := &apply.Batch{Pipeline: "shop"}
		for i, v := range values {
			id := binary.BigEndian.AppendUint64(nil, uint64(4*i))
			sent := []change.Datum{{Format: change.Binary, Bytes: id}, {Format: change.Binary, Bytes: []byte(v)}}
			must(t, loader.Append(sent, change.Position{}))
			must(t, loader.Append(applytest.Values(4*i+1, v), change.Position{}))
			must(t, batch.Add(table, &change.Row{Op: change.Insert, Position: applytest.At(10, uint64(i)+1), Relation: table.Relation, New: applytest.Values(4*i+2, v)}))
			must(t, batch.Add(table, &change.Row{Op: change.Update, Position: applytest.At(10, uint64(i)+1000), Relation: table.Relation, New: applytest.Values(4*i+3, v)}))
		}
		must(t, loader.Finish())
		must(t, target.Apply(ctx, batch))
		got := map[string]string{}
		for _, row := range query(t, dsn, "SELECT id::text, s FROM items") {
			got[row[0]] = row[1]
		}
		for i, v := range values {
			for way := range 4 {
				if is := got[fmt.Sprint(4*i+way)]; is != v {
					t.Errorf("value %d by way %d: %.100q", i, way, is)
				}
			}
		}
	})
}

// TestARefusedValueIsNamed has the server refuse one row of many.
func TestARefusedValueIsNamed(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), items()
		table.Wishes.Types = map[string]string{"s": "varchar(3)"}
		target := open(t, dsn, nil)
		_, err := target.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		for _, op := range []change.Op{change.Insert, change.Update} {
			batch := &apply.Batch{Pipeline: "shop"}
			for id := range 50 {
				v := "ok"
				if id == 37 {
					v = "too long"
				}
				must(t, batch.Add(table, &change.Row{Op: op, Position: applytest.At(10, uint64(id)+1), Relation: table.Relation, New: applytest.Values(id, v)}))
			}
			err := target.Apply(ctx, batch)
			if err == nil || fault.Retryable(err) {
				t.Fatalf("taken, or to be tried again: %v", err)
			}
			for _, words := range []string{"column s", "key (37)", "too long", "character varying(3)"} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
		}
		if n := query(t, dsn, "SELECT count(*) FROM items")[0][0]; n != "0" {
			t.Errorf("%s rows of a batch that failed", n)
		}
	})
}

// TestValuesThatTextAloneCarries: the other values of their rows come as text too.
func TestValuesThatTextAloneCarries(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		ctx, table := t.Context(), items()
		table.Relation.Columns[1].Type = coreType(3615, "tsquery", -1)
		table.Relation.Columns = append(table.Relation.Columns, change.Column{Name: "c", Type: coreType(18, "char", -1)}, change.Column{Name: "qs", Type: arrayOf(coreType(3615, "tsquery", -1))})
		target := open(t, dsn, nil)
		for i := range table.Relation.Columns {
			if target.Binary(table, i) {
				t.Errorf("column %d is taken in binary", i)
			}
		}
		_, err := target.Prepare(ctx, table, apply.Refuse, 0)
		must(t, err)
		loader, err := target.Load(ctx, table)
		must(t, err)
		for id, q := range []string{"'word'", "", "'a' & !'b'"} {
			must(t, loader.Append(applytest.Values(id, q, "c", `{"", 'x'}`), change.Position{}))
		}
		must(t, loader.Finish())
		got := query(t, dsn, "SELECT string_agg(format('%s|%s|%s|%s', id, s, c, qs), ', ' ORDER BY id) FROM items")[0][0]
		if want := `0|'word'|c|{"",'x'}, 1||c|{"",'x'}, 2|'a' & !'b'|c|{"",'x'}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		// As servers before 16 print it, and as later ones do.
		for id, text := range map[int]string{7: "\xc3", 8: `\303`} {
			beyond := &apply.Batch{Pipeline: "shop"}
			must(t, beyond.Add(table, &change.Row{Op: change.Insert, Position: applytest.At(9, 1), Relation: table.Relation, New: applytest.Values(id, "'x'", text, nil)}))
			err = target.Apply(ctx, beyond)
			if target.server.octalChars() {
				must(t, err)
				if got := query(t, dsn, fmt.Sprintf("SELECT c FROM items WHERE id = %d", id))[0][0]; got != `\303` {
					t.Errorf("a byte arrived as %q", got)
				}
			} else if err == nil || !strings.Contains(err.Error(), "beyond ASCII") || fault.Retryable(err) {
				t.Errorf("a byte that cannot be given as text: %v", err)
			}
		}
	})
}
