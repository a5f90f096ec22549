package sync

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/pgsluice/pgsluice/change"
)

// simWorkload is what users do to the source.
type simWorkload struct {
	*rand.Rand
	s *simSource
	h *simHistory
	// ddl is how many of a hundred transactions change a table.
	ddl int
}

func (w *simWorkload) one(n int) bool { return w.IntN(n) == 0 }

// column makes a column with the table's next attribute number.
func (s *simSource) column(oid uint32, name string, typ uint32) change.Column {
	s.attnums[oid]++
	return change.Column{Name: name, Attnum: s.attnums[oid], Entry: s.xid, Type: simType(typ)}
}

// create makes a table: keyed by one column or by two, the other way round than
// they stand, with whole old rows or without; or without a key.
func (w *simWorkload) create(tx *simOpen, name string) {
	w.h.trace("create %s", name)
	s := w.s
	s.oid++
	oid := s.oid
	r := &change.Relation{OID: oid, Schema: "public", Name: name, Identity: change.IdentityDefault}
	s.files[oid] = 1
	switch kind := w.IntN(6); kind {
	case 0: // no key
		r.Columns = []change.Column{s.column(oid, "n", 25), s.column(oid, "v", 25), s.column(oid, "big", 25)}
	case 1, 2:
		r.Columns = []change.Column{s.column(oid, "a", 23), s.column(oid, "v", 25), s.column(oid, "b", 23), s.column(oid, "big", 25)}
		r.Key = []int{2, 0}
	default:
		r.Columns = []change.Column{s.column(oid, "id", 23), s.column(oid, "v", 25), s.column(oid, "big", 25), s.column(oid, "w", 25)}
		r.Key = []int{0}
	}
	for _, i := range r.Key {
		r.Columns[i].NotNull = true
	}
	if r.Keyed() && w.one(3) {
		r.Identity = change.IdentityFull
	}
	tx.alter(oid, r)
	for range w.IntN(12) {
		w.insert(tx, oid)
	}
}

func (w *simWorkload) text(prefix string) *string {
	w.s.text++
	v := prefix + strconv.Itoa(w.s.text)
	return &v
}

// value is a new one of a column that is not of the key.
func (w *simWorkload) value(c *change.Column) *string {
	switch {
	case w.one(7) && !c.NotNull:
		return nil
	case c.Name == "big" && !w.one(4), w.one(12):
		return w.text("a value that is kept out of the row ")
	}
	return w.text("v")
}

func (w *simWorkload) keyValue() *string {
	v := strconv.Itoa(w.IntN(w.h.keys))
	return &v
}

func (w *simWorkload) values(r *change.Relation) map[int16]*string {
	values := map[int16]*string{}
	for i := range r.Columns {
		c := &r.Columns[i]
		switch {
		case slices.Contains(r.Key, i):
			values[c.Attnum] = w.keyValue()
		case !r.Keyed() && i == 0:
			values[c.Attnum] = w.text("n")
		default:
			values[c.Attnum] = w.value(c)
		}
	}
	return values
}

func (w *simWorkload) insert(tx *simOpen, oid uint32) bool {
	return tx.change(oid, nil, w.values(tx.relation(oid)))
}

// whole are a row's values, those of columns that are younger than it included.
func whole(r *change.Relation, row *simRow) map[int16]*string {
	values := map[int16]*string{}
	for i := range r.Columns {
		values[r.Columns[i].Attnum] = row.value(&r.Columns[i])
	}
	return values
}

func (w *simWorkload) pick(tx *simOpen, oid uint32) *simRow {
	rows := tx.view(oid)
	if len(rows) == 0 {
		return nil
	}
	return rows[w.IntN(len(rows))]
}

func (w *simWorkload) update(tx *simOpen, oid uint32) {
	rel := tx.relation(oid)
	row := w.pick(tx, oid)
	if row == nil || !rel.Keyed() {
		return
	}
	values := whole(rel, row)
	for i := range rel.Columns {
		c := &rel.Columns[i]
		switch {
		case slices.Contains(rel.Key, i):
			if w.one(6) {
				values[c.Attnum] = w.keyValue()
			}
		case w.one(3):
			values[c.Attnum] = w.value(c)
		}
	}
	tx.change(oid, row, values)
}

// rotate has rows swap keys, by way of a key that none has.
func (w *simWorkload) rotate(tx *simOpen, oid uint32) {
	rel := tx.relation(oid)
	rows := tx.view(oid)
	if len(rows) < 2 || !rel.Keyed() {
		return
	}
	w.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	one, two := rows[0], rows[1]
	attnum := rel.Columns[rel.Key[0]].Attnum
	for _, i := range rel.Key[1:] { // the rest of the key is to be alike
		if *one.value(&rel.Columns[i]) != *two.value(&rel.Columns[i]) {
			return
		}
	}
	move := func(row *simRow, to *string) *simRow {
		values := whole(rel, row)
		values[attnum] = to
		if !tx.change(oid, row, values) {
			return nil
		}
		return tx.rows[oid][w.s.row]
	}
	first, second, spare := one.values[attnum], two.values[attnum], strconv.Itoa(1000+w.IntN(3))
	if one = move(one, &spare); one == nil {
		return
	}
	if move(two, first) != nil {
		move(one, second)
	}
}

// act does one thing to a table.
func (w *simWorkload) act(tx *simOpen, oid uint32) {
	switch n := w.IntN(100); {
	case n < 35:
		w.insert(tx, oid)
	case n < 70:
		w.update(tx, oid)
	case n < 82:
		if row := w.pick(tx, oid); row != nil && tx.relation(oid).Keyed() {
			tx.change(oid, row, nil)
		}
	case n < 90:
		w.rotate(tx, oid)
	case n < 93 && tx.lockable(oid):
		tx.truncate(oid)
	case n < 96: // gone and back
		if row := w.pick(tx, oid); row != nil && tx.relation(oid).Keyed() && tx.change(oid, row, nil) {
			tx.change(oid, nil, whole(tx.relation(oid), row))
		}
	default:
		w.insert(tx, oid)
	}
}

// some does a few things in a transaction, of which some are rolled back to a
// savepoint.
func (w *simWorkload) some(tx *simOpen) {
	tables := oids(w.s.now())
	if w.IntN(300) < w.ddl {
		w.comeAndGo(tx, tables)
	}
	size := 1 + w.IntN(4)
	if w.one(12) {
		size = 10 + w.IntN(40) // larger than a batch, often
	}
	for range size {
		oid := tables[w.IntN(len(tables))]
		if !tx.usable(oid) || tx.relation(oid) == nil {
			continue
		}
		if w.IntN(100) < w.ddl && tx.lockable(oid) {
			w.alter(tx, oid)
		}
		if w.one(15) {
			rollback := tx.savepoint()
			for range 1 + w.IntN(4) {
				w.act(tx, oid)
			}
			rollback()
		}
		w.act(tx, oid)
	}
}

// step is one thing that happens at the source: a transaction, or a piece of one
// that is open for longer.
func (w *simWorkload) step() {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := w.IntN(10); {
	case n < 2 && len(s.open) < 3:
		w.some(s.begin())
	case n < 5 && len(s.open) > 0:
		tx := s.open[w.IntN(len(s.open))]
		switch w.IntN(5) {
		case 0:
			w.some(tx)
		case 1:
			tx.abort()
		default:
			tx.commit()
		}
	case n < 6:
		s.write(1 + w.IntN(9)) // of no concern to anybody
		s.tell()
	case w.IntN(100) < w.ddl:
		w.migrate()
	default:
		tx := s.begin()
		w.some(tx)
		if w.one(10) {
			tx.abort()
			return
		}
		tx.commit()
	}
}

// settle ends what is open and touches every table, so that the stream announces
// each as it is.
func (w *simWorkload) settle() {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) > 0 {
		s.open[0].commit()
	}
	tx := s.begin()
	for _, oid := range slices.Sorted(maps.Keys(s.now())) {
		for range 100 {
			if w.insert(tx, oid) {
				break
			}
		}
		if row := w.pick(tx, oid); row != nil && tx.relation(oid).Keyed() {
			tx.change(oid, row, whole(tx.relation(oid), row))
		}
	}
	tx.commit()
}
