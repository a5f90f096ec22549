package apply

import (
	"encoding/binary"

	"github.com/pgsluice/pgsluice/change"
)

// The lineage of a row with unchanged values, in the arena: how many steps there
// are (4 bytes), the key it had before the batch, then for each step the
// position (16 bytes) and the new key.

func (b *Batch) startLineage(key []byte) int {
	at := len(b.arena)
	b.arena = append(b.arena, 0, 0, 0, 0)
	b.arena = append(b.arena, key...)
	return at
}

// extendLineage writes the lineage that begins at from again, with one more
// step: rows share what came before.
func (b *Batch) extendLineage(from, keyColumns int, p change.Position, key []byte) int {
	n := binary.LittleEndian.Uint32(b.arena[from:])
	rest := skipTuple(b.arena[from+4:], keyColumns)
	for range n {
		rest = skipTuple(rest[16:], keyColumns)
	}
	end := len(b.arena) - len(rest)
	at := len(b.arena)
	b.arena = append(b.arena, b.arena[from:end]...)
	binary.LittleEndian.PutUint32(b.arena[at:], n+1)
	b.arena = binary.LittleEndian.AppendUint64(b.arena, uint64(p.Commit))
	b.arena = binary.LittleEndian.AppendUint64(b.arena, p.Seq)
	b.arena = append(b.arena, key...)
	return at
}

func (r *Row) readLineage(from []byte, keyColumns int) {
	n := int(binary.LittleEndian.Uint32(from))
	r.base, from = decodeTuple(r.base[:0], from[4:], keyColumns)
	r.Base, r.stepKeys = r.base, r.stepKeys[:0]
	for range n {
		p := change.Position{
			Commit: change.LSN(binary.LittleEndian.Uint64(from)),
			Seq:    binary.LittleEndian.Uint64(from[8:]),
		}
		r.stepKeys, from = decodeTuple(r.stepKeys, from[16:], keyColumns)
		r.Steps = append(r.Steps, Step{Position: p})
	}
	// Only now do the keys stay where they are.
	for i := range r.Steps {
		r.Steps[i].Key = r.stepKeys[i*keyColumns : (i+1)*keyColumns]
	}
}

func skipTuple(from []byte, n int) []byte {
	for range n {
		size := 1
		if f := change.Format(from[0]); f == change.Text || f == change.Binary {
			size += 4 + int(binary.LittleEndian.Uint32(from[1:]))
		}
		from = from[size:]
	}
	return from
}
