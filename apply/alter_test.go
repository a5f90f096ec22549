package apply_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func TestShadowsOfLongNamesAreToldApart(t *testing.T) {
	width := func(s string) int { return len(s) }
	seen := map[string]string{}
	for _, name := range []string{
		"t", "T", strings.Repeat("x", 49), strings.Repeat("x", 50), strings.Repeat("x", 62) + "1", strings.Repeat("x", 62) + "2",
		strings.Repeat("ü", 31), strings.Repeat("ü", 30) + "u1", strings.Repeat("語", 21), "x" + strings.Repeat("語", 20),
	} {
		shadow := apply.ShadowName(name, 63, width)
		if len(shadow) > 63 || !utf8.ValidString(shadow) || !strings.HasSuffix(shadow, "__pgsluice_new") {
			t.Errorf("the shadow of %s is %s, of %d bytes", name, shadow, len(shadow))
		}
		if other, taken := seen[shadow]; taken {
			t.Errorf("%s and %s have one shadow, %s", name, other, shadow)
		}
		seen[shadow] = name
		if again := apply.ShadowName(name, 63, width); again != shadow {
			t.Errorf("the shadow of %s is %s, and then %s", name, shadow, again)
		}
	}
}

// columns is a target's table: who has which name, by attribute number, and who is
// marked as kept.
type columns struct {
	by   map[string]int16
	kept map[string]bool
}

// do brings about the first of what steps and additions are, up to a number, and
// says whether that was all.
func (c *columns) do(t *testing.T, s *apply.Steps, table *apply.Table, most int) bool {
	t.Helper()
	next := func() bool { most--; return most >= 0 }
	for _, name := range s.Drop {
		if !next() {
			return false
		}
		delete(c.by, name)
		delete(c.kept, name)
	}
	for _, name := range s.Keep {
		if !next() {
			return false
		}
		c.kept[name] = true
	}
	for _, r := range s.Rename {
		if !next() {
			return false
		}
		if c.by[r[1]] != 0 || c.by[r[0]] == 0 {
			t.Fatalf("%s is renamed to %s in %v", r[0], r[1], c.by)
		}
		c.by[r[1]] = c.by[r[0]]
		delete(c.by, r[0])
	}
	for i := range table.Relation.Columns {
		if col := &table.Relation.Columns[i]; c.by[col.Name] == 0 {
			if !next() {
				return false
			}
			c.by[col.Name] = col.Attnum
		}
	}
	return true
}

// randomChange is a table that stands for was, among columns of other times, and what
// the source's is then.
func randomChange(r *rand.Rand) (c *columns, was, now *change.Relation) {
	names := []string{"a", "b", "c", "d"}
	c, was, now = &columns{by: map[string]int16{}, kept: map[string]bool{}}, &change.Relation{}, &change.Relation{}
	add := func(to *change.Relation, name string, attnum int16) {
		if !slices.ContainsFunc(to.Columns, func(o change.Column) bool { return o.Name == name }) {
			to.Columns = append(to.Columns, change.Column{Name: name, Attnum: attnum, Type: &change.Type{}})
		}
	}
	for i, n := range r.Perm(len(names)) {
		switch r.IntN(4) {
		case 0:
		case 1: // of an earlier time
			c.by[names[n]], c.kept[names[n]] = int16(90+i), true
		default:
			c.by[names[n]] = int16(i + 1)
			add(was, names[n], int16(i+1))
		}
	}
	free := r.Perm(len(names))
	for _, col := range was.Columns {
		switch r.IntN(4) {
		case 0: // dropped
			continue
		case 1:
			col.Name = names[free[0]]
		}
		add(now, col.Name, col.Attnum)
		free = free[1:]
	}
	for i, n := range free {
		if r.IntN(3) == 0 {
			add(now, names[n], int16(20+i))
		}
	}
	return c, was, now
}

// Whatever names columns had and get, and wherever crashes come between: either
// each name stands for its column then, or the table is copied anew.
func TestStepsNeverTakeOneColumnForAnother(t *testing.T) {
	done, refused := 0, 0
	for seed := range uint64(50_000) {
		r := rand.New(rand.NewPCG(seed, 7))
		c, was, now := randomChange(r)
		table, drop := &apply.Table{Relation: now}, r.IntN(2) == 0
		story := fmt.Sprintf("seed %d, drop %v: %v is to become %v", seed, drop, *c, now.Columns)
		for crashes := 2; ; crashes-- {
			d, err := apply.Differ(table, apply.Shape(was))
			if err != nil {
				t.Fatalf("%s: %v", story, err)
			}
			s, err := d.Steps(table, func(name string) bool { return c.by[name] != 0 }, func(name string) bool { return c.kept[name] }, drop)
			var rebuild *apply.RebuildError
			if errors.As(err, &rebuild) {
				refused++
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", story, err)
			}
			most := 100
			if crashes > 0 {
				most = r.IntN(4)
			}
			if c.do(t, s, table, most) {
				done++
				c.check(t, story, was, now, drop)
				break
			}
		}
	}
	if done < refused {
		t.Errorf("%d of %d were done in place", done, done+refused)
	}
}

func (c *columns) check(t *testing.T, story string, was, now *change.Relation, drop bool) {
	t.Helper()
	for _, col := range now.Columns {
		if c.by[col.Name] != col.Attnum || c.kept[col.Name] {
			t.Fatalf("%s: it is %v", story, *c)
		}
	}
	for _, col := range was.Columns {
		gone := !slices.ContainsFunc(now.Columns, func(o change.Column) bool { return o.Attnum == col.Attnum })
		if gone && drop && c.by[col.Name] == col.Attnum || gone && !drop && !c.kept[col.Name] {
			t.Fatalf("%s: column %s is gone, and it is %v", story, col.Name, *c)
		}
	}
}
