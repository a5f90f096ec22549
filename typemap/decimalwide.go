package typemap

import (
	"encoding/binary"
	"math/bits"

	"github.com/pgsluice/pgsluice/change"
)

// wide gathers a whole number of up to 76 digits in 256 bits, least significant
// limb first. Digits collect in one machine word and go to the limbs 16 or more
// at a time: four multiplications for each digit would cost several times more
// than all the rest.
type wide struct {
	limbs [4]uint64
	word  uint64 // what was pushed since the last flush
	unit  uint64 // the product of its multipliers
}

// push is value × mul + add, for mul ≤ 10^4 and add < mul.
func (w *wide) push(mul, add uint64) {
	if w.unit > 1e15 {
		w.flush()
	}
	w.word = w.word*mul + add
	w.unit *= mul
}

func (w *wide) flush() {
	carry := w.word
	for i := range w.limbs {
		hi, lo := bits.Mul64(w.limbs[i], w.unit)
		lo, c := bits.Add64(lo, carry, 0)
		w.limbs[i], carry = lo, hi+c
	}
	w.word, w.unit = 0, 1
}

// finish is the number after n zeros are put behind it, with its sign.
func (w *wide) finish(zeros int, negative bool) [4]uint64 {
	for ; zeros >= 4; zeros -= 4 {
		w.push(10000, 0)
	}
	if zeros > 0 {
		w.push(pow10[zeros], 0)
	}
	w.flush()
	if negative {
		return negate(w.limbs)
	}
	return w.limbs
}

func negate(v [4]uint64) [4]uint64 {
	var borrow uint64
	for i := range v {
		v[i], borrow = bits.Sub64(0, v[i], borrow)
	}
	return v
}

// Decimal256 decodes a Decimal as the whole number value × 10^Scale, in two's
// complement with the least significant limb first; up to 38 digits stand in
// the first two limbs. Beside an edge v is the nearest there is, as for
// [Meaning.Decimal64].
func (m *Meaning) Decimal256(d change.Datum) (v [4]uint64, e Edge, err error) {
	switch {
	case m.op == opMoney:
		cents, e, err := m.moneyValue(d)
		high := uint64(cents >> 63)
		return [4]uint64{uint64(cents), high, high, high}, e, err
	case m.op != opNumeric || uint(m.Precision-1) >= MaxPrecision:
		return v, Fits, m.malformed(d)
	case d.Format != change.Binary:
		return m.decimal256Text(d)
	}
	b := d.Bytes
	if len(b) < numericHeader || len(b) != numericHeader+2*int(binary.BigEndian.Uint16(b)) {
		return v, Fits, m.malformed(d)
	}
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	b = b[numericHeader:]
	for len(b) >= 2 && b[0] == 0 && b[1] == 0 {
		b, weight = b[2:], weight-1
	}
	negative := sign == numericNegative
	if sign != numericPositive && !negative || len(b) == 0 {
		e, ok := specialNumeric(sign)
		if !ok {
			return v, Fits, m.malformed(d)
		}
		return m.clamp256(e), e, nil
	}
	if !validDigits(b) {
		return v, Fits, m.malformed(d)
	}
	if 4*weight+width4(int(binary.BigEndian.Uint16(b))) > m.Precision-m.Scale {
		e = TooLarge
		if negative {
			e = TooSmall
		}
		return m.clamp256(e), e, nil
	}
	w := wide{unit: 1}
	up := false
	pos := 4*weight + m.Scale // the digit's unit is 10^pos of the result's
	for ; len(b) >= 2; b = b[2:] {
		digit := uint64(binary.BigEndian.Uint16(b))
		switch {
		case pos >= 0:
			w.push(10000, digit)
		case pos >= -4: // the point cuts through, or stands before, this digit
			kept, rest := splitDigit(digit, -pos)
			w.push(pow10[4+pos], kept)
			if rest != 0 {
				e, up = Inexact, 2*rest >= pow10[-pos]
			}
		case digit != 0:
			e = Inexact
		}
		pos -= 4
	}
	return m.round(&w, max(pos+4, 0), negative, up), e, nil
}

func (m *Meaning) decimal256Text(d change.Datum) (v [4]uint64, e Edge, err error) {
	n, ok := splitDecimal(d.Bytes)
	if !ok {
		return v, Fits, m.malformed(d)
	}
	if e = n.edge(m); e != Fits {
		return m.clamp256(e), e, nil
	}
	w := wide{unit: 1}
	for _, c := range n.whole {
		w.push(10, uint64(c-'0'))
	}
	kept, e, up := n.cut(m.Scale)
	for _, c := range kept {
		w.push(10, uint64(c-'0'))
	}
	return m.round(&w, m.Scale-len(kept), n.negative, up), e, nil
}

// round adds one to the magnitude when up is set, unless that is the largest
// there is already.
func (m *Meaning) round(w *wide, zeros int, negative, up bool) [4]uint64 {
	v := w.finish(zeros, false)
	if up && v != m.largest256() {
		var carry uint64 = 1
		for i := range v {
			v[i], carry = bits.Add64(v[i], 0, carry)
		}
	}
	if negative {
		return negate(v)
	}
	return v
}

func (m *Meaning) clamp256(e Edge) [4]uint64 {
	switch e {
	case TooLarge, PositiveInfinity:
		return m.largest256()
	case TooSmall, NegativeInfinity:
		return negate(m.largest256())
	}
	return [4]uint64{}
}

// largest256 is as many nines as the Decimal has digits.
func (m *Meaning) largest256() [4]uint64 {
	w := wide{unit: 1}
	for range m.Precision {
		w.push(10, 9)
	}
	return w.finish(0, false)
}
