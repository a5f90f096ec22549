package typemap

import "fmt"

// Edge says in what way a value lies outside what its class can hold.
type Edge uint8

// The edges. Beside any but Fits, a decoder returns the nearest value of its
// result type (see there), so that a clamp needs no second look.
const (
	Fits             Edge = iota
	NaN                   // a numeric that is not a number
	PositiveInfinity      // numeric, date, timestamp
	NegativeInfinity      // numeric, date, timestamp
	TooLarge              // above the largest value
	TooSmall              // below the smallest value
	Inexact               // digits behind the scale that are not zero
	WrongDimensions       // an array with other dimensions than declared
	NullValue             // a NULL where the user's type holds none
	NoCounterpart         // a value that the user's type does not have
)

// String names the edge in words fit for a message or a metric's label.
func (e Edge) String() string {
	switch e {
	case Fits:
		return "fits"
	case NaN:
		return "NaN"
	case PositiveInfinity:
		return "infinity"
	case NegativeInfinity:
		return "-infinity"
	case TooLarge:
		return "too large"
	case TooSmall:
		return "too small"
	case Inexact:
		return "inexact"
	case WrongDimensions:
		return "wrong dimensions"
	case NullValue:
		return "NULL"
	case NoCounterpart:
		return "no such value"
	}
	return fmt.Sprintf("Edge(%d)", uint8(e))
}
