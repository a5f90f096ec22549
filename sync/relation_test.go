package sync

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func TestTheFirstColumnThatWasDroppedIsNamed(t *testing.T) {
	shape := []apply.ColumnShape{{Name: "added", Attnum: 4}, {Name: "first", Attnum: 1}, {Name: "second", Attnum: 2}, {Name: "third", Attnum: 3}}
	known := map[string]*apply.ColumnShape{}
	for i := range shape {
		known[shape[i].Name] = &shape[i]
	}
	current := map[string]*change.Column{"added": {Name: "added", Attnum: 4}, "second": {Name: "second", Attnum: 5}}
	for range 100 { // a map's order is another each time
		err := leftOut(&table{name: "public.t"}, shape, known, current)
		if err == nil || !strings.Contains(err.Error(), "column first of table public.t") {
			t.Fatal(err)
		}
	}
	delete(known, "first")
	if err := leftOut(&table{name: "public.t"}, shape, known, current); err == nil || !strings.Contains(err.Error(), "column second ") {
		t.Errorf("another column has its name: %v", err)
	}
	delete(known, "second")
	delete(known, "third")
	if err := leftOut(&table{name: "public.t"}, shape, known, current); err != nil {
		t.Errorf("what was added later: %v", err)
	}
}
