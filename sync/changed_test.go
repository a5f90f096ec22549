package sync

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
)

func TestWhatIsReadByNameHasToKeepIt(t *testing.T) {
	a, b := snapshot.Leaf{OID: 1, Schema: "s", Name: "a"}, snapshot.Leaf{OID: 2, Schema: "s", Name: "b"}
	moved := snapshot.Leaf{OID: 1, Schema: "other", Name: "a"}
	for _, c := range []struct {
		name string
		now  []snapshot.Leaf
		want bool
	}{
		{"as it was", []snapshot.Leaf{a, b}, true},
		{"one less", []snapshot.Leaf{b}, true},
		{"one more", []snapshot.Leaf{a, b, {OID: 3, Schema: "s", Name: "c"}}, true},
		{"renamed", []snapshot.Leaf{{OID: 1, Schema: "s", Name: "c"}, b}, false},
		{"in another schema", []snapshot.Leaf{moved, b}, false},
		{"names swapped", []snapshot.Leaf{{OID: 1, Schema: "s", Name: "b"}, {OID: 2, Schema: "s", Name: "a"}}, false},
		{"another in its place", []snapshot.Leaf{{OID: 3, Schema: "s", Name: "a"}, b}, false},
	} {
		if got := sameNames([]snapshot.Leaf{a, b}, c.now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A table is rewritten behind the point that it is copied at, before the copy looks
// at it for the last time: under the copy's snapshot it is empty.
func TestATableThatIsRewrittenBeforeItIsLookedAtIsCopiedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first")
		h.catchUp(1)
		w.made("second")
		var slot, rewritten atomic.Bool
		h.at = func(what string) {
			if what == "create a slot" {
				slot.Store(true)
			}
			if slot.Load() && what == "ask for the catalog's mark" && !rewritten.Swap(true) {
				w.named("second", func(tx *simOpen, r *change.Relation) { w.addRewriting(tx, r) })
				w.changed("second", false)
			}
		}
		h.catchUp(2)
		h.checkEnd()
		h.right(t)
		if !rewritten.Load() {
			t.Error("the table was not rewritten")
		}
	})
}
