package apply

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"github.com/pgsluice/pgsluice/change"
)

// A tuple in the arena is its values one after the other: a byte of format and,
// for text and binary, a length of four bytes and the bytes. A key is a tuple of
// the key's columns in key order, so that equal keys are equal bytes.

func (b *Batch) encode(values []change.Datum) int {
	at := len(b.arena)
	for i := range values {
		b.arena = appendDatum(b.arena, values[i])
	}
	return at
}

func appendDatum(to []byte, d change.Datum) []byte {
	to = append(to, byte(d.Format))
	if d.Format == change.Text || d.Format == change.Binary {
		to = binary.LittleEndian.AppendUint32(to, uint32(len(d.Bytes)))
		to = append(to, d.Bytes...)
	}
	return to
}

func decodeTuple(into []change.Datum, from []byte, n int) ([]change.Datum, []byte) {
	for range n {
		d := change.Datum{Format: change.Format(from[0])}
		from = from[1:]
		if d.Format == change.Text || d.Format == change.Binary {
			size := int(binary.LittleEndian.Uint32(from))
			d.Bytes = from[4 : 4+size : 4+size]
			from = from[4+size:]
		}
		into = append(into, d)
	}
	return into, from
}

// appendKey writes the key of a row. A key column that is unchanged is taken
// from the old row, which PostgreSQL logs in full for such a key.
func appendKey(to []byte, values, old []change.Datum, key []int) []byte {
	for _, i := range key {
		d := values[i]
		if d.Format == change.Unchanged && old != nil {
			d = old[i]
		}
		to = appendDatum(to, d)
	}
	return to
}

// The table of keys is open addressing with linear probing, at most half full.

func (t *TableBatch) hashSeed() maphash.Seed {
	if !t.seeded {
		t.seed, t.seeded = maphash.MakeSeed(), true
	}
	return t.seed
}

func (t *TableBatch) find(b *Batch, key []byte, h uint64) *entry {
	if len(t.slots) == 0 {
		return nil
	}
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; t.slots[i] != 0; i = (i + 1) & mask {
		e := &t.entries[t.slots[i]-1]
		if e.hash == h && bytes.Equal(key, b.arena[e.key:e.key+e.keyLen]) {
			return e
		}
	}
	return nil
}

// set makes e the last state of the key. Whether the key was there before the
// batch, its first row in the batch has told.
func (t *TableBatch) set(b *Batch, key []byte, h uint64, e entry) {
	e.hash, e.keyLen = h, len(key)
	if found := t.find(b, key, h); found != nil {
		e.key = found.key
		e.flags = e.flags&^fresh | found.flags&fresh
		*found = e
		return
	}
	if t.Truncate != (change.Position{}) {
		e.flags |= fresh
	} else if t.Table.Relation.Identity == change.IdentityFull {
		e.flags &^= fresh
	}
	e.key = len(b.arena)
	b.arena = append(b.arena, key...)
	if 2*(len(t.entries)+1) > len(t.slots) {
		t.grow()
	}
	t.entries = append(t.entries, e)
	t.place(h, int32(len(t.entries)))
}

func (t *TableBatch) place(h uint64, index int32) {
	mask := uint64(len(t.slots) - 1)
	i := h & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = index
}

func (t *TableBatch) grow() {
	t.slots = make([]int32, max(64, 2*len(t.slots)))
	for i := range t.entries {
		t.place(t.entries[i].hash, int32(i+1))
	}
}
