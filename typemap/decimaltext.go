package typemap

import (
	"encoding/binary"
	"strconv"
)

// decimalText is a numeric's text form, taken apart.
type decimalText struct {
	special     Edge // NaN or an infinity: no digits then
	negative    bool
	whole, frac []byte // decimal digits; whole without leading zeros
}

func splitDecimal(b []byte) (n decimalText, ok bool) {
	switch string(b) {
	case "NaN":
		return decimalText{special: NaN}, true
	case "Infinity":
		return decimalText{special: PositiveInfinity}, true
	case "-Infinity":
		return decimalText{special: NegativeInfinity}, true
	}
	if len(b) > 0 && b[0] == '-' {
		n.negative, b = true, b[1:]
	}
	i := 0
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	n.whole = b[:i]
	if ok = i > 0; i < len(b) {
		ok = ok && b[i] == '.'
		n.frac = b[i+1:]
		for _, c := range n.frac {
			ok = ok && c-'0' <= 9
		}
		ok = ok && len(n.frac) > 0
	}
	for len(n.whole) > 0 && n.whole[0] == '0' {
		n.whole = n.whole[1:]
	}
	return n, ok
}

// edge says whether the digits before the point exceed what m has room for.
func (n *decimalText) edge(m *Meaning) Edge {
	switch {
	case n.special != Fits:
		return n.special
	case len(n.whole) > m.Precision-m.Scale:
		if n.negative {
			return TooSmall
		}
		return TooLarge
	}
	return Fits
}

// cut keeps at most scale digits behind the point, and says whether the rest
// was worth something and rounds up.
func (n *decimalText) cut(scale int) (kept []byte, e Edge, up bool) {
	if len(n.frac) <= scale {
		return n.frac, Fits, false
	}
	for _, c := range n.frac[scale:] {
		if c != '0' {
			return n.frac[:scale], Inexact, n.frac[scale] >= '5'
		}
	}
	return n.frac[:scale], Fits, false
}

// appendNumeric prints a numeric's binary form as numeric_out does, with as
// many digits behind the point as the value asks for. The length is bounded by
// the form itself: 131072 digits before the point and 16383 behind it.
func appendNumeric(dst, b []byte) ([]byte, bool) {
	if len(b) < numericHeader || len(b) != numericHeader+2*int(binary.BigEndian.Uint16(b)) {
		return dst, false
	}
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	dscale := int(binary.BigEndian.Uint16(b[6:]))
	digits := b[numericHeader:]
	switch sign {
	case numericNaN:
		return append(dst, "NaN"...), true
	case numericPInf:
		return append(dst, "Infinity"...), true
	case numericNInf:
		return append(dst, "-Infinity"...), true
	case numericNegative:
		dst = append(dst, '-')
	case numericPositive:
	default:
		return dst, false
	}
	if dscale > numericMaxDscale || !validDigits(digits) {
		return dst, false
	}
	for len(digits) >= 2 && digits[0] == 0 && digits[1] == 0 {
		digits, weight = digits[2:], weight-1
	}
	if len(digits) == 0 {
		weight = -1
	}
	// next is the digit of 10000^place; those that are not sent are zero.
	next := func(place int) uint64 {
		if i := 2 * (weight - place); i >= 0 && i < len(digits) {
			return uint64(binary.BigEndian.Uint16(digits[i:]))
		}
		return 0
	}
	if weight < 0 {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendUint(dst, next(weight), 10)
		for place := weight - 1; place >= 0; place-- {
			dst = appendDigits(dst, next(place), 4)
		}
	}
	if dscale == 0 {
		return dst, true
	}
	dst = append(dst, '.')
	for place := -1; dscale > 0; place, dscale = place-1, dscale-4 {
		dst = appendDigits(dst, next(place), min(dscale, 4))
	}
	return dst, true
}

// appendDigits prints the first n of a base-10000 digit's four decimal digits.
func appendDigits(dst []byte, digit uint64, n int) []byte {
	four := [4]byte{
		'0' + byte(digit/1000), '0' + byte(digit/100%10), '0' + byte(digit/10%10), '0' + byte(digit%10),
	}
	return append(dst, four[:n]...)
}

// parseMoney reads what cash_out prints under lc_monetary C: $1,234.56, with a
// minus before the sign of the currency.
func parseMoney(b []byte) (cents int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) < 5 || len(b) > 27 || b[0] != '$' || b[len(b)-3] != '.' {
		return 0, false
	}
	var v uint64
	for i, c := range b[1:] {
		switch {
		case c-'0' <= 9:
			if v > 1<<63/10 {
				return 0, false
			}
			v = v*10 + uint64(c-'0')
		case i+1 == len(b)-3:
		case c != ',' || i == 0 || (len(b)-4-i)%4 != 0:
			return 0, false
		}
		if v > 1<<63 {
			return 0, false
		}
	}
	if negative {
		return -int64(v), true
	}
	return int64(v), v < 1<<63
}

func appendMoney(dst []byte, cents int64) []byte {
	v := uint64(cents)
	if cents < 0 {
		dst, v = append(dst, '-'), -v
	}
	dst = append(dst, '$')
	var digits [20]byte
	whole := strconv.AppendUint(digits[:0], v/100, 10)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c)
	}
	dst = append(dst, '.')
	return appendTwo(dst, int64(v%100))
}
