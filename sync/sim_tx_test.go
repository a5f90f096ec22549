package sync

import (
	"maps"
	"slices"
	"time"

	"github.com/pgsluice/pgsluice/change"
)

// simOpen is a transaction that has not ended. Others do not see what it does;
// they leave alone the keys that it has touched, and the tables that it has
// locked. The source's mu is held wherever it is used.
type simOpen struct {
	s      *simSource
	xid    uint32
	events []*simEvent
	// rows are what it has written, nil for what it has deleted.
	rows map[uint32]map[int64]*simRow
	// relations are tables as it has made them, nil for what it has dropped.
	relations map[uint32]*change.Relation
	keys      map[uint32]map[string]bool
	locked    map[uint32]bool // against everybody
	rewritten map[uint32]bool
}

func (s *simSource) begin() *simOpen {
	s.xid++
	tx := &simOpen{
		s: s, xid: s.xid, rows: map[uint32]map[int64]*simRow{}, relations: map[uint32]*change.Relation{},
		keys: map[uint32]map[string]bool{}, locked: map[uint32]bool{}, rewritten: map[uint32]bool{},
	}
	s.open = append(s.open, tx)
	return tx
}

// relation is the table as the transaction sees it, nil when there is none.
func (tx *simOpen) relation(oid uint32) *change.Relation {
	if r, ok := tx.relations[oid]; ok {
		return r
	}
	if t := tx.s.now()[oid]; t != nil {
		return t.relation
	}
	return nil
}

// view are the rows that the transaction sees, in the order of their places.
func (tx *simOpen) view(oid uint32) []*simRow {
	rows := map[int64]*simRow{}
	if t := tx.s.now()[oid]; t != nil {
		maps.Copy(rows, t.rows)
	}
	maps.Copy(rows, tx.rows[oid])
	var list []*simRow
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if rows[id] != nil {
			list = append(list, rows[id])
		}
	}
	return list
}

// usable says whether nobody else has locked the table.
func (tx *simOpen) usable(oid uint32) bool {
	return !slices.ContainsFunc(tx.s.open, func(o *simOpen) bool { return o != tx && o.locked[oid] })
}

// lockable says whether nobody else has touched the table.
func (tx *simOpen) lockable(oid uint32) bool {
	return !slices.ContainsFunc(tx.s.open, func(o *simOpen) bool { return o != tx && (o.locked[oid] || o.keys[oid] != nil) })
}

// free says whether nobody else has touched the key.
func (tx *simOpen) free(oid uint32, key string) bool {
	return !slices.ContainsFunc(tx.s.open, func(o *simOpen) bool { return o != tx && o.keys[oid][key] })
}

func (tx *simOpen) touch(oid uint32, key string) {
	if tx.keys[oid] == nil {
		tx.keys[oid] = map[string]bool{}
	}
	tx.keys[oid][key] = true
}

// holder is the row with a key, nil when there is none.
func (tx *simOpen) holder(oid uint32, key string) *simRow {
	rel := tx.relation(oid)
	for _, r := range tx.view(oid) {
		if r.key(rel) == key {
			return r
		}
	}
	return nil
}

// change writes a row: old is nil for an insert, values for a delete. It says
// whether that could be done.
func (tx *simOpen) change(oid uint32, old *simRow, values map[int16]*string) bool {
	rel := tx.relation(oid)
	e := &simEvent{relations: []*change.Relation{rel}, old: old, op: change.Update, published: tx.s.publishing(rel)}
	if values != nil {
		tx.s.row++
		e.new = &simRow{id: tx.s.row, values: values}
	}
	switch {
	case old == nil:
		e.op = change.Insert
	case values == nil:
		e.op = change.Delete
	}
	for _, r := range []*simRow{old, e.new} {
		if r != nil && !tx.free(oid, r.key(rel)) {
			return false
		}
	}
	if e.new != nil && (old == nil || old.key(rel) != e.new.key(rel)) && rel.Keyed() && tx.holder(oid, e.new.key(rel)) != nil {
		return false
	}
	tx.put(oid, old, nil)
	tx.put(oid, e.new, e.new)
	tx.events = append(tx.events, e)
	tx.s.write(1 + len(tx.events)%3)
	return true
}

// put makes a row's place hold what is given.
func (tx *simOpen) put(oid uint32, place, holds *simRow) {
	if place == nil {
		return
	}
	tx.touch(oid, place.key(tx.relation(oid)))
	if tx.rows[oid] == nil {
		tx.rows[oid] = map[int64]*simRow{}
	}
	tx.rows[oid][place.id] = holds
}

// truncate empties tables, which the transaction then has locked.
func (tx *simOpen) truncate(oids ...uint32) {
	e := &simEvent{}
	for _, oid := range oids {
		for _, r := range tx.view(oid) {
			tx.put(oid, r, nil)
		}
		tx.locked[oid], tx.rewritten[oid] = true, true
		e.relations = append(e.relations, tx.relation(oid))
	}
	e.published = tx.s.publishing(e.relations...)
	tx.events = append(tx.events, e)
	tx.s.write(2)
}

// alter gives a table another relation.
func (tx *simOpen) alter(oid uint32, r *change.Relation) {
	tx.locked[oid], tx.relations[oid] = true, r
	tx.s.write(3)
}

// publishing says which publications have which of the tables now.
func (s *simSource) publishing(relations ...*change.Relation) map[string][]bool {
	has := map[string][]bool{}
	for name, tables := range s.published {
		for _, r := range relations {
			has[name] = append(has[name], tables[r.OID])
		}
	}
	return has
}

// savepoint remembers the transaction as it is, for rollback to it.
func (tx *simOpen) savepoint() (rollback func()) {
	events, relations, rows := len(tx.events), maps.Clone(tx.relations), map[uint32]map[int64]*simRow{}
	rewritten := maps.Clone(tx.rewritten)
	for oid, of := range tx.rows {
		rows[oid] = maps.Clone(of)
	}
	return func() {
		tx.events, tx.relations, tx.rows, tx.rewritten = tx.events[:events:events], relations, rows, rewritten
	}
}

func (tx *simOpen) abort() {
	tx.s.write(1)
	tx.s.open = slices.DeleteFunc(tx.s.open, func(o *simOpen) bool { return o == tx })
}

// commit writes the commit record and makes a moment.
func (tx *simOpen) commit() {
	s := tx.s
	s.open = slices.DeleteFunc(s.open, func(o *simOpen) bool { return o == tx })
	t := &simTx{xid: tx.xid, commit: s.end, time: time.Now(), events: tx.events}
	s.write(1 + int(tx.xid%4))
	t.end = s.end
	tables := maps.Clone(s.now())
	touched := maps.Clone(tx.locked)
	for oid := range tx.rows {
		touched[oid] = true
	}
	for oid := range touched {
		rel := tx.relation(oid)
		if rel == nil {
			delete(tables, oid)
			s.catalogChanges++
			continue
		}
		n := &simTable{relation: rel, rows: map[int64]*simRow{}}
		for _, r := range tx.view(oid) {
			n.rows[r.id] = r
		}
		tables[oid] = n
		if tx.locked[oid] {
			s.catalogChanges++
		}
		if tx.rewritten[oid] {
			s.emptied[oid] = t.commit
			s.files[oid]++
		}
	}
	for _, e := range tx.events {
		if e.new != nil && !e.relations[0].Keyed() {
			s.born[*e.new.value(&e.relations[0].Columns[0])] = t.commit
		}
	}
	s.log = append(s.log, t)
	s.moments = append(s.moments, simMoment{commit: t.commit, tables: tables})
	s.tell()
}
