package apply

import (
	"bytes"
	"hash/maphash"
	"unsafe"

	"github.com/pgsluice/pgsluice/change"
)

// TableBatch is one table's part of a [Batch].
type TableBatch struct {
	Table *Table
	// Truncate is where the table was emptied: everything the target holds
	// from before goes, then the rows below come. The zero Position: it was not.
	Truncate change.Position
	// Changes are what the source did: Len is what is left of them.
	Changes Changes

	batch   *Batch
	entries []entry
	slots   []int32 // open addressing over entries, by key; index + 1, 0 is free
	seed    maphash.Seed
	seeded  bool
	key     []byte         // scratch: the key of the row at hand
	old     []byte         // scratch: the key it had before
	values  []change.Datum // scratch: the new row with what can be resolved
	earlier []change.Datum // scratch: a row of the batch
}

// Changes counts what the source did to a table, rows and, of Truncated,
// statements.
type Changes struct{ Inserted, Updated, Deleted, Truncated int64 }

// entry is the last state of one key, or one row of a table without a key.
type entry struct {
	position change.Position
	hash     uint64
	tuple    int // where in the arena the values start
	key      int // where the key starts
	keyLen   int
	base     int // where the lineage starts of a row with unchanged values
	flags    uint8
}

const (
	deleted uint8 = 1 << iota
	unresolved
	fresh
)

const entrySize = int(unsafe.Sizeof(entry{})) + 8 // and two slots

// Row is what is left of a key in a batch.
type Row struct {
	Position change.Position
	// Deleted: the row is gone; of Values only those of the key mean anything.
	Deleted bool
	// Fresh: before the batch no row of the table had this key, or the table has
	// none. It is not said under identity FULL: a key can be deferrable then, and
	// two rows have it until the transaction ends.
	Fresh bool
	// Values are one per column and views into the batch. Some are Unchanged
	// where Base is not nil.
	Values []change.Datum
	// Base is the key, in key order, of the row in the target that holds the
	// Unchanged values as they were before this batch. It is nil where there
	// are none, and differs from the row's own key when the key changed.
	Base []change.Datum
	// Steps are the keys that the row of Base has had in this batch since, the
	// oldest first, its own last; none when its key did not change. A target
	// that makes rows visible before the watermark needs them: when the stretch
	// is replayed it may have come as far as any of them, and the values stand
	// under that key then.
	Steps []Step

	base     []change.Datum
	stepKeys []change.Datum
}

// Step is a change of a row's key.
type Step struct {
	Position change.Position
	// Key is what it changed to, in key order.
	Key []change.Datum
}

// Len is the number of rows.
func (t *TableBatch) Len() int { return len(t.entries) }

// Appended says that row i joins what is there and replaces nothing: it is Fresh,
// not Deleted, and has all its values.
func (t *TableBatch) Appended(i int) bool {
	return t.entries[i].flags&(fresh|deleted|unresolved) == fresh
}

// CameAndWent says that row i is Fresh and Deleted: what is there never had its key.
func (t *TableBatch) CameAndWent(i int) bool {
	return t.entries[i].flags&(fresh|deleted) == fresh|deleted
}

// Row reads row i into r, whose slices are used again.
func (t *TableBatch) Row(i int, r *Row) {
	e := &t.entries[i]
	r.Position, r.Deleted, r.Fresh = e.position, e.flags&deleted != 0, e.flags&fresh != 0
	r.Values, _ = decodeTuple(r.Values[:0], t.batch.arena[e.tuple:], len(t.Table.Relation.Columns))
	r.Base, r.Steps = nil, r.Steps[:0]
	if e.flags&unresolved != 0 {
		r.readLineage(t.batch.arena[e.base:], len(t.Table.Relation.Key))
	}
}

func (t *TableBatch) clear() {
	t.entries = t.entries[:0]
	clear(t.slots)
}

func (t *TableBatch) add(b *Batch, r *change.Row) error {
	key := t.Table.Relation.Key
	if len(key) == 0 {
		if r.Op != change.Insert {
			return errNoKey
		}
		t.entries = append(t.entries, entry{position: r.Position, tuple: b.encode(r.New), flags: fresh})
		t.Changes.Inserted++
		return nil
	}
	switch r.Op {
	case change.Insert:
		t.Changes.Inserted++
		t.key = appendKey(t.key[:0], r.New, nil, key)
		t.put(b, t.key, r.New, entry{position: r.Position, flags: fresh})
	case change.Delete:
		if r.Old == nil {
			return errNoOldKey
		}
		t.Changes.Deleted++
		t.key = appendKey(t.key[:0], r.Old, nil, key)
		t.remove(b, t.key, r)
	case change.Update:
		t.Changes.Updated++
		t.key = appendKey(t.key[:0], r.New, r.Old, key)
		t.update(b, r)
	}
	return nil
}

func (t *TableBatch) update(b *Batch, r *change.Row) {
	old := t.key
	if r.Old != nil {
		t.old = appendKey(t.old[:0], r.Old, nil, t.Table.Relation.Key)
		old = t.old
	}
	e := entry{position: r.Position}
	values := r.New
	if hasUnchanged(r.New) {
		values = t.resolve(b, r, old, &e)
	}
	// The old key goes first: when keys swap inside a transaction the same key
	// is left by one row and taken by another.
	if !bytes.Equal(old, t.key) {
		t.remove(b, old, r)
		e.flags |= fresh
	}
	t.put(b, t.key, values, e)
}

// resolve fills in unchanged values from the old row or from the batch, and
// notes in e under which key the target has those that are left.
func (t *TableBatch) resolve(b *Batch, r *change.Row, old []byte, e *entry) []change.Datum {
	t.values = append(t.values[:0], r.New...)
	left := false
	prior := t.find(b, old, maphash.Bytes(t.hashSeed(), old))
	var earlier []change.Datum
	if prior != nil && prior.flags&deleted == 0 {
		t.earlier, _ = decodeTuple(t.earlier[:0], b.arena[prior.tuple:], len(r.New))
		earlier = t.earlier
	}
	for i := range t.values {
		if t.values[i].Format != change.Unchanged {
			continue
		}
		switch {
		case r.Old != nil && (r.OldFull || t.inKey(i)) && r.Old[i].Format != change.Unchanged:
			t.values[i] = r.Old[i]
		case earlier != nil && earlier[i].Format != change.Unchanged:
			t.values[i] = earlier[i]
		default:
			left = true
		}
	}
	if left {
		e.flags |= unresolved
		if earlier != nil && prior.flags&unresolved != 0 {
			e.base = prior.base
		} else {
			e.base = b.startLineage(old)
		}
		if !bytes.Equal(old, t.key) {
			e.base = b.extendLineage(e.base, len(t.Table.Relation.Key), r.Position, t.key)
		}
	}
	return t.values
}

func (t *TableBatch) inKey(column int) bool {
	for _, i := range t.Table.Relation.Key {
		if i == column {
			return true
		}
	}
	return false
}

// remove makes a key's last state a deletion by r.
func (t *TableBatch) remove(b *Batch, key []byte, r *change.Row) {
	h := maphash.Bytes(t.hashSeed(), key)
	if e := t.find(b, key, h); e != nil && t.outlives(b, e, r) {
		return
	}
	tuple := len(b.arena)
	rel := t.Table.Relation
	for i := range rel.Columns {
		if t.inKey(i) {
			b.arena = appendDatum(b.arena, r.Old[i])
		} else {
			b.arena = append(b.arena, byte(change.Null))
		}
	}
	t.set(b, key, h, entry{position: r.Position, tuple: tuple, flags: deleted})
}

// outlives says that the row in the batch is not the one that r takes away. A
// deferrable key can be held by two rows in the middle of a transaction
// (UPDATE t SET id = -id); only under identity FULL, where alone such a key can
// be replicated, does the log say which of the two is meant.
func (t *TableBatch) outlives(b *Batch, e *entry, r *change.Row) bool {
	if !r.OldFull || e.flags&deleted != 0 || e.position.Commit != r.Position.Commit {
		return false
	}
	t.earlier, _ = decodeTuple(t.earlier[:0], b.arena[e.tuple:], len(r.Old))
	for i, v := range t.earlier {
		o := r.Old[i]
		if v.Format == change.Unchanged || o.Format == change.Unchanged {
			continue
		}
		if v.Format != o.Format || !bytes.Equal(v.Bytes, o.Bytes) {
			return true
		}
	}
	return false
}

func (t *TableBatch) put(b *Batch, key []byte, values []change.Datum, e entry) {
	h := maphash.Bytes(t.hashSeed(), key)
	e.tuple = b.encode(values)
	t.set(b, key, h, e)
}

func hasUnchanged(values []change.Datum) bool {
	for i := range values {
		if values[i].Format == change.Unchanged {
			return true
		}
	}
	return false
}
