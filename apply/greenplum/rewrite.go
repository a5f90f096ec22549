package greenplum

import (
	"encoding/binary"
	"errors"

	"github.com/pgsluice/pgsluice/change"
)

// rewriting makes the target's binary value of the source's, appended to dst. nil
// stands for one that changes nothing. An error is a *refusal, or says that the
// bytes are no value of the type; dst comes back as it came then.
type rewriting func(dst, value []byte) ([]byte, error)

// rewriter makes rewritings for types as mapType has them. Values hold OIDs where
// they are made of others: an array its element's type, a composite its
// attributes'. Those of types that users and extensions make differ between
// servers.
type rewriter struct {
	server *server
	// oidOf is the OID of a type in the target; 0 where it is not known yet.
	oidOf func(*change.Type) uint32
}

// of gives the rewriting of a type. source is the source's, to the which values
// belong, with its domains.
func (r *rewriter) of(source *change.Type) rewriting {
	t := source.Underlying()
	switch t.Kind {
	case change.KindArray:
		return r.array(t)
	case change.KindComposite:
		return r.composite(t)
	case change.KindRange, change.KindMultirange:
		return r.ranges(t)
	case change.KindBase:
		return r.server.refusing(t)
	case change.KindEnum, change.KindDomain:
	}
	return nil
}

func (r *rewriter) array(t *change.Type) rewriting {
	if t.Elem == nil {
		return nil
	}
	elem, oid := r.of(t.Elem), r.oidOf(t.Elem)
	if elem == nil && (oid == 0 || oid == t.Elem.OID) {
		return nil
	}
	return func(dst, value []byte) ([]byte, error) { return rewriteArray(dst, value, oid, elem) }
}

// attribute is what is put into the place of a composite's attribute.
type attribute struct {
	oid  uint32
	part rewriting
}

func (r *rewriter) composite(t *change.Type) rewriting {
	same := true
	attributes := make([]attribute, len(t.Fields))
	for i, f := range t.Fields {
		a := attribute{oid: r.oidOf(f.Type), part: r.of(f.Type)}
		if a.oid == 0 {
			a.oid = f.Type.OID
		}
		same = same && a.part == nil && a.oid == f.Type.OID
		attributes[i] = a
	}
	if same {
		return nil
	}
	return func(dst, value []byte) ([]byte, error) { return rewriteComposite(dst, value, attributes) }
}

func (r *rewriter) ranges(t *change.Type) rewriting {
	if t.Elem == nil {
		return nil
	}
	bound := r.of(t.Elem)
	switch {
	case bound == nil:
		return nil
	case t.Kind == change.KindMultirange:
		return func(dst, value []byte) ([]byte, error) { return rewriteMultirange(dst, value, bound) }
	}
	return func(dst, value []byte) ([]byte, error) { return rewriteRange(dst, value, bound) }
}

// walk reads a binary form and writes the target's. Once something is wrong it
// stays so, and the caller asks once, by done.
type walk struct {
	in, out []byte
	from    int // where out began
	// refused is the first part that the target cannot hold, while those are
	// replaced by what it can.
	refused *refusal
	err     error
}

func newWalk(dst, value []byte) *walk { return &walk{in: value, out: dst, from: len(dst)} }

var errMalformed = errors.New("its bytes are no binary value of this type")

// take reads n bytes; nil when there are not so many.
func (w *walk) take(n int) []byte {
	if w.err != nil || n < 0 || n > len(w.in) {
		if w.err == nil {
			w.err = errMalformed
		}
		return nil
	}
	b := w.in[:n:n]
	w.in = w.in[n:]
	return b
}

// copy takes n bytes over.
func (w *walk) copy(n int) []byte {
	b := w.take(n)
	w.out = append(w.out, b...)
	return b
}

// int32 takes a number of 4 bytes over.
func (w *walk) int32() int {
	if b := w.copy(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

// oid puts another OID into the place of one; 0 leaves it.
func (w *walk) oid(oid uint32) {
	if b := w.take(4); b != nil {
		if oid == 0 {
			oid = binary.BigEndian.Uint32(b)
		}
		w.out = binary.BigEndian.AppendUint32(w.out, oid)
	}
}

// part takes a value over that stands behind its length, -1 for NULL.
func (w *walk) part(rewrite rewriting) {
	n := w.int32()
	if w.err != nil || n == -1 {
		return
	}
	value := w.take(n)
	if w.err != nil {
		return
	}
	if rewrite == nil {
		w.out = append(w.out, value...)
		return
	}
	at := len(w.out)
	out, err := rewrite(w.out, value)
	if err != nil {
		out = w.instead(err)
	}
	w.out = out
	binary.BigEndian.PutUint32(w.out[at-4:], uint32(len(w.out)-at))
}

// instead writes the nearest value that the target holds, if there is one.
func (w *walk) instead(err error) []byte {
	var r *refusal
	switch {
	case !errors.As(err, &r):
		w.err = err
	case r.clamped == nil:
		w.err = r
	default:
		if w.refused == nil {
			w.refused = r
		}
		return append(w.out, r.clamped...)
	}
	return w.out
}

// done gives what was written, where all was read and the target can hold it.
func (w *walk) done() ([]byte, error) {
	if w.err == nil && len(w.in) > 0 {
		w.err = errMalformed
	}
	switch {
	case w.err != nil:
		return w.out[:w.from], w.err
	case w.refused != nil:
		clamped := append([]byte(nil), w.out[w.from:]...)
		return w.out[:w.from], &refusal{reason: w.refused.reason, clamped: clamped}
	}
	return w.out, nil
}

// rewriteArray walks over array_send's form: count of dimensions, a flag for
// NULLs, the element's type, then length and lower bound of each dimension; all of
// 4 bytes. Elements follow, each behind its length.
func rewriteArray(dst, value []byte, oid uint32, elem rewriting) ([]byte, error) {
	w := newWalk(dst, value)
	dimensions := w.int32()
	w.copy(4)
	w.oid(oid)
	if elem == nil { // it is about the type alone
		w.copy(len(w.in))
		return w.done()
	}
	w.copy(8 * dimensions)
	for len(w.in) > 0 && w.err == nil {
		w.part(elem)
	}
	return w.done()
}

// rewriteComposite walks over record_send's form: the count of attributes in 4
// bytes, for each its type in 4 and its value behind its length.
func rewriteComposite(dst, value []byte, attributes []attribute) ([]byte, error) {
	w := newWalk(dst, value)
	if w.int32() != len(attributes) && w.err == nil {
		w.err = errMalformed
	}
	for _, a := range attributes {
		w.oid(a.oid)
		w.part(a.part)
	}
	return w.done()
}

// The flags of a range's binary form that leave out its bounds (src/include/
// utils/rangetypes.h).
const (
	rangeEmpty        = 0x01
	rangeLowInfinite  = 0x08
	rangeHighInfinite = 0x10
)

// rewriteRange walks over range_send's form: flags in 1 byte, then the bounds
// there are, each behind its length.
func rewriteRange(dst, value []byte, bound rewriting) ([]byte, error) {
	w := newWalk(dst, value)
	flags := w.copy(1)
	if w.err == nil && flags[0]&rangeEmpty == 0 {
		for _, infinite := range [...]byte{rangeLowInfinite, rangeHighInfinite} {
			if flags[0]&infinite == 0 {
				w.part(bound)
			}
		}
	}
	return w.done()
}

// rewriteMultirange walks over the ranges, each behind its length, behind their
// count in 4 bytes.
func rewriteMultirange(dst, value []byte, bound rewriting) ([]byte, error) {
	w := newWalk(dst, value)
	n := w.int32()
	for i := 0; i < n && w.err == nil; i++ {
		w.part(func(dst, value []byte) ([]byte, error) { return rewriteRange(dst, value, bound) })
	}
	return w.done()
}
