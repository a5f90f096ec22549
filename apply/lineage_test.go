package apply

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestLineageFollowsARowThroughItsKeys(t *testing.T) {
	integer := &change.Type{OID: 23, Name: "int4", Kind: change.KindBase, Modifier: -1}
	text := &change.Type{OID: 25, Name: "text", Kind: change.KindBase, Modifier: -1}
	table := &Table{Relation: &change.Relation{
		Schema: "public", Name: "t", Key: []int{0},
		Columns: []change.Column{{Name: "id", Type: integer, NotNull: true}, {Name: "doc", Type: text}},
	}}
	key := func(id int) change.Datum {
		return change.Datum{Format: change.Text, Bytes: fmt.Append(nil, id)}
	}
	update := func(seq uint64, old, id int) *change.Row {
		r := &change.Row{Op: change.Update, Position: change.Position{Commit: 7, Seq: seq}, Relation: table.Relation}
		if old != id {
			r.Old = []change.Datum{key(old), {}}
		}
		r.New = []change.Datum{key(id), {Format: change.Unchanged}}
		return r
	}
	var b Batch
	for round := range 2 {
		for _, r := range []*change.Row{update(1, 1, 1), update(2, 1, 2), update(3, 2, 2), update(4, 2, 3), update(5, 9, 9)} {
			if err := b.Add(table, r); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		var r Row
		for i := range b.Tables()[0].Len() {
			b.Tables()[0].Row(i, &r)
			line := fmt.Sprintf("%s@%d", r.Values[0].Bytes, r.Position.Seq)
			if r.Deleted {
				line += " gone"
			}
			if r.Base != nil {
				line += fmt.Sprintf(" from %s", r.Base[0].Bytes)
			}
			for _, s := range r.Steps {
				line += fmt.Sprintf(" then %s@%d", s.Key[0].Bytes, s.Position.Seq)
			}
			got = append(got, line)
		}
		want := "1@2 gone; 2@4 gone; 3@4 from 1 then 2@2 then 3@4; 9@5 from 9"
		if line := strings.Join(got, "; "); line != want {
			t.Errorf("round %d: got  %s\nwant %s", round, line, want)
		}
		b.Reset()
	}
}
