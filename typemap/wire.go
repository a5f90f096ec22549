package typemap

import (
	"encoding/binary"
	"fmt"

	"github.com/pgsluice/pgsluice/change"
)

// reader walks over a binary form. Once a read runs over the end, bad stays
// set and everything reads as zero, so that a caller checks once.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) i32() int { return int(int32(r.u32())) }

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// value reads what every container wraps its values in: a length of 4 bytes,
// -1 for NULL, and that many bytes.
func (r *reader) value() (b []byte, null bool) {
	n := r.i32()
	if n == -1 {
		return nil, true
	}
	return r.take(n), false
}

// done says that all was read and nothing was missing.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

// malformed is the error for bytes that are no value of the type. It shows the
// beginning of them only: a value can be a gigabyte.
func (m *Meaning) malformed(d change.Datum) error {
	const shown = 40
	b := d.Bytes[:min(len(d.Bytes), shown)]
	switch d.Format {
	case change.Binary:
		return fmt.Errorf("%s: %d bytes, beginning %x, are no binary value of this type", m.name, len(d.Bytes), b)
	case change.Text:
		return fmt.Errorf("%s: %d bytes, beginning %q, are no text value of this type", m.name, len(d.Bytes), b)
	}
	return fmt.Errorf("%s: a datum of format %d has no bytes to decode", m.name, d.Format)
}

func binaryDatum(b []byte) change.Datum { return change.Datum{Format: change.Binary, Bytes: b} }
