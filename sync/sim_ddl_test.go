package sync

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/change"
)

// alter changes a table's columns, as one statement or a few do it.
func (w *simWorkload) alter(tx *simOpen, oid uint32) {
	r := *tx.relation(oid)
	r.Columns = slices.Clone(r.Columns)
	var others []int // columns that are not of the key
	for i := range r.Columns {
		if !slices.Contains(r.Key, i) && (r.Keyed() || i > 0) {
			others = append(others, i)
		}
	}
	i := -1
	if len(others) > 0 {
		i = others[w.IntN(len(others))]
	}
	switch n := w.IntN(20); {
	case n < 8 || i < 0:
		w.addColumn(tx, &r)
	case n < 11:
		w.dropColumn(&r, i)
	case n < 17:
		if r.Keyed() && w.one(4) {
			i = r.Key[0]
		}
		w.rename(&r, i, w.columnName(&r))
	case n < 18 && len(others) > 1: // names change places
		j := others[w.IntN(len(others))]
		one, two := r.Columns[i].Name, r.Columns[j].Name
		w.rename(&r, i, two)
		w.rename(&r, j, one)
	default:
		w.addRewriting(tx, &r)
		return
	}
	w.altered(tx, &r)
}

func (w *simWorkload) altered(tx *simOpen, r *change.Relation) {
	var names []string
	for _, c := range r.Columns {
		names = append(names, fmt.Sprintf("%s#%d", c.Name, c.Attnum))
	}
	w.h.trace("xid %d alters %s: %s", tx.xid, r, strings.Join(names, " "))
	tx.alter(r.OID, r)
}

// migrate changes one table a few times, each in a transaction of its own, with rows:
// faster than anybody follows.
func (w *simWorkload) migrate() {
	tables := oids(w.s.now())
	oid := tables[w.IntN(len(tables))]
	for range 2 + w.IntN(4) {
		tx := w.s.begin()
		if tx.lockable(oid) && w.s.now()[oid] != nil {
			w.alter(tx, oid)
			for range w.IntN(3) {
				w.act(tx, oid)
			}
		}
		tx.commit()
	}
}

// columnName is one that the table has no column of; another may have had it.
func (w *simWorkload) columnName(r *change.Relation) string {
	pool := []string{"v", "w", "x", "y"}
	w.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	for _, name := range pool {
		if position(r, name) < 0 {
			return name
		}
	}
	return "c" + *w.text("")
}

func (w *simWorkload) rename(r *change.Relation, i int, name string) {
	r.Columns[i].Name, r.Columns[i].Entry = name, w.s.xid
}

// addColumn does as ALTER TABLE does: rows that are there hold the default, where
// it is the same for all.
func (w *simWorkload) addColumn(tx *simOpen, r *change.Relation) {
	c := w.s.column(r.OID, w.columnName(r), 25)
	if w.one(2) {
		c.Missing = w.text("was missing ")
		c.NotNull = w.one(3)
	}
	r.Columns = append(r.Columns, c)
}

func (w *simWorkload) dropColumn(r *change.Relation, i int) {
	r.Columns = slices.Delete(r.Columns, i, i+1)
	r.Key = slices.Clone(r.Key)
	for place, k := range r.Key {
		if k > i {
			r.Key[place] = k - 1
		}
	}
}

// addRewriting adds a column whose default is another for each row: the table is
// rewritten, and the log says nothing of its rows.
func (w *simWorkload) addRewriting(tx *simOpen, r *change.Relation) {
	c := w.s.column(r.OID, w.columnName(r), 25)
	c.Defaulted = true
	rows := tx.view(r.OID)
	r.Columns = append(r.Columns, c)
	w.altered(tx, r)
	for _, row := range rows {
		values := whole(r, row)
		values[c.Attnum] = w.text("rewritten ")
		w.s.row++
		tx.put(r.OID, row, nil)
		n := &simRow{id: w.s.row, values: values}
		tx.put(r.OID, n, n)
	}
	tx.rewritten[r.OID] = true
}

// comeAndGo makes, drops and renames tables.
func (w *simWorkload) comeAndGo(tx *simOpen, tables []uint32) {
	oid := tables[w.IntN(len(tables))]
	if w.one(2) && len(tables) < 6 {
		w.create(tx, "made"+*w.text(""))
		return
	}
	if !tx.lockable(oid) || tx.relation(oid) == nil {
		return
	}
	r := *tx.relation(oid)
	switch w.IntN(3) {
	case 0:
		r.Name = "named" + *w.text("")
		w.altered(tx, &r)
	case 1: // and made again, another one
		tx.alter(oid, nil)
		w.h.trace("xid %d drops %s", tx.xid, &r)
		w.create(tx, r.Name)
	default:
		if len(tables) > 2 {
			tx.alter(oid, nil)
			w.h.trace("xid %d drops %s", tx.xid, &r)
		}
	}
}
