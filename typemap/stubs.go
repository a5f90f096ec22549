package typemap

import (
	"errors"

	"github.com/pgsluice/pgsluice/change"
)

var errSoon = errors.New("not decoded yet")

// Int decodes a smallint, integer or bigint.
func (m *Meaning) Int(d change.Datum) (int64, error) { return 0, errSoon }

// Uint decodes an oid, xid, cid, xid8 or pg_lsn.
func (m *Meaning) Uint(d change.Datum) (uint64, error) { return 0, errSoon }

// Float decodes a real or double precision.
func (m *Meaning) Float(d change.Datum) (float64, error) { return 0, errSoon }

// Bool decodes a boolean.
func (m *Meaning) Bool(d change.Datum) (bool, error) { return false, errSoon }

// UUID decodes a uuid, bytes in the order in which the text shows them.
func (m *Meaning) UUID(d change.Datum) ([16]byte, error) { return [16]byte{}, errSoon }

// Date decodes a date as days since 1970-01-01.
func (m *Meaning) Date(d change.Datum) (days int64, e Edge, err error) { return 0, 0, errSoon }

// Timestamp decodes microseconds since 1970-01-01 00:00.
func (m *Meaning) Timestamp(d change.Datum) (micros int64, e Edge, err error) { return 0, 0, errSoon }

// Time decodes microseconds since midnight.
func (m *Meaning) Time(d change.Datum) (micros int64, err error) { return 0, errSoon }

// Decimal64 decodes a Decimal of at most 18 digits, unscaled.
func (m *Meaning) Decimal64(d change.Datum) (v int64, e Edge, err error) { return 0, 0, errSoon }

// Decimal256 decodes a Decimal, unscaled.
func (m *Meaning) Decimal256(d change.Datum) (v [4]uint64, e Edge, err error) { return v, 0, errSoon }

// AppendText appends the text of a value.
func (m *Meaning) AppendText(dst []byte, d change.Datum) ([]byte, error) { return dst, errSoon }

// ArrayReader walks over the elements of an array.
type ArrayReader struct{}

// Dims are the lengths of the array's dimensions.
func (a *ArrayReader) Dims() []int { return nil }

// Next returns the next element.
func (a *ArrayReader) Next() (change.Datum, bool, error) { return change.Datum{}, false, errSoon }

// Array sets a up to walk over the elements of d.
func (m *Meaning) Array(d change.Datum, a *ArrayReader) (Edge, error) { return 0, errSoon }
