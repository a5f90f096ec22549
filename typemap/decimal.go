package typemap

import (
	"encoding/binary"

	"github.com/pgsluice/pgsluice/change"
)

// The signs of a numeric's binary form (src/backend/utils/adt/numeric.c):
// count of base-10000 digits, weight of the first (the value is the sum of
// digit × 10000^weight, weight falling by one), sign, count of decimal digits
// to show behind the point, digits; all of 2 bytes.
const (
	numericPositive  = 0x0000
	numericNegative  = 0x4000
	numericNaN       = 0xC000
	numericPInf      = 0xD000
	numericNInf      = 0xF000
	numericHeader    = 8
	numericMaxDscale = 0x3FFF
)

// pow10 holds the powers that fit a uint64.
var pow10 = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

const maxPrecision64 = 18

// AsDecimal is the meaning of a numeric as a Decimal that the user chose, for
// columns whose declaration does not bound them. Values then meet the edges
// TooLarge, TooSmall and Inexact. ok is false where the type is no numeric or
// there is no such Decimal.
func (m *Meaning) AsDecimal(precision, scale int) (d *Meaning, ok bool) {
	if m.op != opNumeric || precision < 1 || precision > MaxPrecision || scale < 0 || scale > precision {
		return nil, false
	}
	c := *m
	c.Class, c.Precision, c.Scale = Decimal, precision, scale
	return &c, true
}

// Decimal64 decodes a Decimal of at most 18 digits as the whole number
// value × 10^Scale. Beside an edge v is the nearest there is: the largest or
// smallest value of the Decimal, the value rounded half away from zero for
// Inexact, 0 for NaN.
func (m *Meaning) Decimal64(d change.Datum) (v int64, e Edge, err error) {
	if m.op != opNumeric {
		return m.moneyValue(d)
	}
	if uint(m.Precision-1) >= maxPrecision64 {
		return 0, Fits, m.malformed(d)
	}
	if d.Format != change.Binary {
		return m.decimal64Text(d)
	}
	b := d.Bytes
	if len(b) < numericHeader || len(b) != numericHeader+2*int(binary.BigEndian.Uint16(b)) {
		return 0, Fits, m.malformed(d)
	}
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	b = b[numericHeader:]
	for len(b) >= 2 && b[0] == 0 && b[1] == 0 {
		b, weight = b[2:], weight-1
	}
	if sign != numericPositive && sign != numericNegative || len(b) == 0 {
		e, ok := specialNumeric(sign)
		if !ok {
			return 0, Fits, m.malformed(d)
		}
		return m.clamp64(e), e, nil
	}
	first := int(b[0])<<8 | int(b[1])
	if 4*weight+width4(first) > m.Precision-m.Scale {
		if !validDigits(b) {
			return 0, Fits, m.malformed(d)
		}
		e = TooLarge
		if sign == numericNegative {
			e = TooSmall
		}
		return m.clamp64(e), e, nil
	}
	// From here on no sum exceeds 10^Precision: the first digit is small enough.
	var sum uint64
	up := false
	pos := 4*weight + m.Scale // the digit's unit is 10^pos of the result's
	for ; len(b) >= 2; b = b[2:] {
		digit := uint64(b[0])<<8 | uint64(b[1])
		if digit > 9999 {
			return 0, Fits, m.malformed(d)
		}
		switch {
		case pos >= 0:
			sum = sum*10000 + digit
		case pos >= -4: // the point cuts through, or stands before, this digit
			kept, rest := splitDigit(digit, -pos)
			sum = sum*pow10[4+pos] + kept
			if rest != 0 {
				e, up = Inexact, 2*rest >= pow10[-pos]
			}
		case digit != 0:
			e = Inexact
		}
		pos -= 4
	}
	if pos += 4; pos > 0 {
		sum *= pow10[pos]
	}
	if up && sum < pow10[m.Precision]-1 {
		sum++
	}
	if sign == numericNegative {
		return -int64(sum), e, nil
	}
	return int64(sum), e, nil
}

func (m *Meaning) decimal64Text(d change.Datum) (v int64, e Edge, err error) {
	n, ok := splitDecimal(d.Bytes)
	if !ok {
		return 0, Fits, m.malformed(d)
	}
	if e = n.edge(m); e != Fits {
		return m.clamp64(e), e, nil
	}
	var sum uint64
	for _, c := range n.whole {
		sum = sum*10 + uint64(c-'0')
	}
	kept, e, up := n.cut(m.Scale)
	for _, c := range kept {
		sum = sum*10 + uint64(c-'0')
	}
	sum *= pow10[m.Scale-len(kept)]
	if up && sum < pow10[m.Precision]-1 {
		sum++
	}
	if n.negative {
		return -int64(sum), e, nil
	}
	return int64(sum), e, nil
}

func (m *Meaning) clamp64(e Edge) int64 {
	switch e {
	case TooLarge, PositiveInfinity:
		return int64(pow10[m.Precision]) - 1
	case TooSmall, NegativeInfinity:
		return 1 - int64(pow10[m.Precision])
	}
	return 0
}

// moneyValue reads hundredths: 8 bytes, or $1,234.56 under lc_monetary C.
func (m *Meaning) moneyValue(d change.Datum) (int64, Edge, error) {
	switch {
	case m.op != opMoney:
	case d.Format == change.Binary:
		if len(d.Bytes) == 8 {
			return int64(binary.BigEndian.Uint64(d.Bytes)), Fits, nil
		}
	default:
		if v, ok := parseMoney(d.Bytes); ok {
			return v, Fits, nil
		}
	}
	return 0, Fits, m.malformed(d)
}

// specialNumeric says what a numeric without digits is: zero fits.
func specialNumeric(sign uint16) (Edge, bool) {
	switch sign {
	case numericPositive, numericNegative:
		return Fits, true
	case numericNaN:
		return NaN, true
	case numericPInf:
		return PositiveInfinity, true
	case numericNInf:
		return NegativeInfinity, true
	}
	return Fits, false
}

// splitDigit takes the last n decimal digits, 1 to 4, off a base-10000 digit.
// Divisors the compiler knows make it several times faster.
func splitDigit(digit uint64, n int) (kept, rest uint64) {
	switch n {
	case 1:
		return digit / 10, digit % 10
	case 2:
		return digit / 100, digit % 100
	case 3:
		return digit / 1000, digit % 1000
	}
	return 0, digit
}

// width4 is the count of decimal digits in a base-10000 digit that is not zero.
func width4(digit int) int {
	switch {
	case digit >= 1000:
		return 4
	case digit >= 100:
		return 3
	case digit >= 10:
		return 2
	}
	return 1
}

func validDigits(b []byte) bool {
	for ; len(b) >= 2; b = b[2:] {
		if binary.BigEndian.Uint16(b) > 9999 {
			return false
		}
	}
	return true
}
