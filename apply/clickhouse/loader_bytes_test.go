package clickhouse

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func TestBlocksAreBoundedInBytes(t *testing.T) {
	target := open(t, nil)
	tab := table("t", 1, "id", int8Type, "a", textType, "b", textType, "list", arrayOf(textType, 1))
	if _, err := target.Prepare(t.Context(), tab, apply.Truncate, 0); err != nil {
		t.Fatal(err)
	}
	l, err := target.Load(t.Context(), tab)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Abort()
	large := strings.Repeat("x", 300_000)
	list := "{" + strings.Repeat(`"0123456789",`, 999) + "z}"
	most := 0
	for i := range 300 {
		row := values(i, large, large, list)
		if err := l.Append(row, at(1, 0)); err != nil {
			t.Fatal(err)
		}
		most = max(most, l.(*loader).block.size())
	}
	huge := change.Datum{Format: change.Text, Bytes: []byte(strings.Repeat("y", 80<<20))}
	if err := l.Append([]change.Datum{values(1000)[0], huge, {}, {}}, at(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(); err != nil {
		t.Fatal(err)
	}
	if most > loadBytes+2<<20 {
		t.Errorf("a block grew to %d bytes", most)
	}
	got := target.queryText(t, "SELECT toString(count()), toString(sum(length(a))) FROM "+target.tableName("t"))[0]
	if strings.Join(got, " ") != "301 173886080" {
		t.Error(got)
	}
	if kept := target.blocks.bytes; kept > poolBytes {
		t.Errorf("%d bytes are kept for later", kept)
	}
	for _, b := range target.blocks.free {
		if b.capacity() > poolBlockBytes {
			t.Errorf("a block of %d bytes is kept", b.capacity())
		}
	}
}
