package verify

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/pgsluice/pgsluice/apply"
)

// sums are, for each bucket of keys, how many rows the source has more than the
// target, and by how much the sums of their hashes differ. Sums do not depend on the
// order of rows, and a row that is there twice counts twice. A bucket of equal rows
// is zero; another is so by chance once in 2^128.
type sums struct {
	mu      sync.Mutex
	buckets []bucket
	mask    uint64
}

type bucket struct {
	a, b uint64
	n    int64
}

func (b bucket) zero() bool { return b == bucket{} }

const (
	// perBucket is how many rows a bucket is to have, by the planner's estimate, so
	// that one row that differs leads to few that have to be looked at.
	perBucket = 4
	// At 24 bytes each the most buckets take 48 MiB.
	fewestBuckets, mostBuckets = 1 << 12, 1 << 21
)

func newSums(rows int64) *sums {
	n := uint64(min(max(rows/perBucket, fewestBuckets), mostBuckets))
	n = 1 << bits.Len64(n-1)
	return &sums{buckets: make([]bucket, n), mask: n - 1}
}

// dirty are the buckets that are not zero.
func (s *sums) dirty() *places {
	found := &places{bits: make([]uint64, (len(s.buckets)+63)/64)}
	for i, b := range s.buckets {
		if !b.zero() {
			found.bits[i/64] |= 1 << (i % 64)
			found.n++
		}
	}
	return found
}

// places is a set of buckets.
type places struct {
	bits []uint64
	n    int
}

func (p *places) has(i uint64) bool { return p.bits[i/64]&(1<<(i%64)) != 0 }

// keep leaves the first few of them, and says whether there were more.
func (p *places) keep(most int) (more bool) {
	if p.n <= most {
		return false
	}
	p.n = 0
	for i, word := range p.bits {
		for ; word != 0 && p.n+bits.OnesCount64(word) > most; word &= word - 1 {
			p.bits[i] &^= word & -word
		}
		p.n += bits.OnesCount64(word)
	}
	return true
}

// hashes are those of a run: their seeds are its own, so no rows can be made to
// collide.
type hashes struct{ place, a, b maphash.Seed }

func newHashes() *hashes {
	return &hashes{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}
}

// digest is a row's.
type digest struct{ a, b uint64 }

func (h *hashes) digest(image []byte) digest {
	return digest{maphash.Bytes(h.a, image), maphash.Bytes(h.b, image)}
}

// placeOf is what tells a key's bucket.
func placeOf(h *hashes, key []byte) uint64 { return maphash.Bytes(h.place, key) }

// name is the digest as bytes.
func (d digest) name() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, d.a), d.b)
}

// digestSize is how many bytes a digest is.
const digestSize = 16

// digests are those of each value of a row.
func (h *hashes) digests(image []byte) string {
	var all []byte
	for len(image) > 0 {
		var field []byte
		field, _, image = apply.NextValue(image)
		all = append(all, h.digest(field).name()...)
	}
	return string(all)
}

// adder brings the rows of one goroutine to the sums, many at a time.
type adder struct {
	of      *sums
	target  bool
	pending []summand
}

type summand struct {
	place uint64
	digest
}

const addedAtOnce = 1024

func (a *adder) add(place uint64, d digest) {
	a.pending = append(a.pending, summand{place & a.of.mask, d})
	if len(a.pending) == addedAtOnce {
		a.flush()
	}
}

func (a *adder) flush() {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	for _, s := range a.pending {
		b := &a.of.buckets[s.place]
		if a.target {
			b.a, b.b, b.n = b.a-s.a, b.b-s.b, b.n-1
		} else {
			b.a, b.b, b.n = b.a+s.a, b.b+s.b, b.n+1
		}
	}
	a.pending = a.pending[:0]
}
