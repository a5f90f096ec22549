package sync

import (
	"testing"
	"testing/synctest"

	"github.com/pgsluice/pgsluice/change"
)

// Between two starts a name goes from one column to another, in steps with rows
// between them: what the first of them had is not what the last of them has.
func TestANameThatIsUsedAgainBringsNoValuesToAnotherColumn(t *testing.T) {
	for _, c := range []struct {
		name              string
		before, meanwhile []func(*simWorkload)
	}{
		{"added, dropped and added again", nil, []func(*simWorkload){added("b"), row, gone("b"), added("b")}},
		{"dropped, added again and renamed", []func(*simWorkload){added("a"), row}, []func(*simWorkload){gone("a"), added("a"), row, renamed("a", "b")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := scripted("t")
				for _, do := range c.before {
					do(w)
				}
				h.catchUp(1)
				for _, do := range c.meanwhile {
					do(w)
				}
				h.catchUp(2)
				h.checkEnd()
				h.right(t)
			})
		})
	}
}

func added(name string) func(*simWorkload) {
	return func(w *simWorkload) {
		w.named("t", func(tx *simOpen, r *change.Relation) {
			r.Columns = append(r.Columns, w.s.column(r.OID, name, 25))
			w.altered(tx, r)
		})
	}
}

func gone(name string) func(*simWorkload) {
	return func(w *simWorkload) {
		w.named("t", func(tx *simOpen, r *change.Relation) {
			without(r, name)
			w.altered(tx, r)
		})
	}
}

func renamed(from, to string) func(*simWorkload) {
	return func(w *simWorkload) {
		w.named("t", func(tx *simOpen, r *change.Relation) {
			w.rename(r, position(r, from), to)
			w.altered(tx, r)
		})
	}
}

func row(w *simWorkload) { w.rows("t", 1) }
