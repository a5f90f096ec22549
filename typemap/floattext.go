package typemap

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// appendFloat prints a float as float4out (size 32) and float8out (size 64) do
// with extra_float_digits above 0: the fewest digits that read back as the same
// number, with an exponent below 1e-4 and from 1e6 or 1e15 on.
//
// strconv finds the same digits but for two cases. A decimal that lies exactly
// between two floats reads back as the even one of them, so strconv accepts it
// for that one, while PostgreSQL relies on no rounding rule and does not: 1e23
// is 9.999999999999999e+22 there. And a float that lies exactly between two
// decimals is the even one of them in PostgreSQL, not so in strconv where the
// float is a power of two; the only one is the real 2^-12, 0.000244140625.
func appendFloat(dst []byte, f float64, size int) []byte {
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case math.IsInf(f, 0):
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "Infinity"...)
	}
	if math.Signbit(f) {
		dst, f = append(dst, '-'), -f
	}
	if f == 0 {
		return append(dst, '0')
	}
	var buf [32]byte
	b := strconv.AppendFloat(buf[:0], f, 'e', -1, size)
	n, exp := splitExponent(b)
	mantissa, exponent := binaryParts(f, size)
	if mantissa%2 == 0 && isMidpoint(b[:n], exp, mantissa, exponent) {
		b = innerShortest(buf[:0], f, size, mantissa, exponent)
		n, exp = splitExponent(b)
	}
	if size == 32 && f == 1.0/4096 {
		b[n-1] = '2' // of 2.4414063
	}
	limit := 15
	if size == 32 {
		limit = 6
	}
	if exp < -4 || exp >= limit {
		return append(dst, b...) // the exponent has at least two digits in both
	}
	return appendPlain(dst, b[:n], exp)
}

// splitExponent finds the end of d.ddd and the exponent in d.ddde±xx.
func splitExponent(b []byte) (n, exp int) {
	n = len(b) - 1
	for b[n] != 'e' {
		n--
	}
	for _, c := range b[n+2:] {
		exp = exp*10 + int(c-'0')
	}
	if b[n+1] == '-' {
		exp = -exp
	}
	return n, exp
}

// appendPlain prints d.ddd × 10^exp without an exponent.
func appendPlain(dst, digits []byte, exp int) []byte {
	if exp < 0 {
		dst = append(dst, '0', '.')
		for ; exp < -1; exp++ {
			dst = append(dst, '0')
		}
		exp = -1
	}
	left := exp + 1 // digits before the point
	for _, c := range digits {
		if c == '.' {
			continue
		}
		if left == 0 && exp >= 0 {
			dst = append(dst, '.')
		}
		dst = append(dst, c)
		left--
	}
	for ; left > 0; left-- {
		dst = append(dst, '0')
	}
	return dst
}

// binaryParts is the float as mantissa × 2^exponent, at the precision of its
// own size.
func binaryParts(f float64, size int) (mantissa uint64, exponent int) {
	if size == 32 {
		b := math.Float32bits(float32(f))
		mantissa, exponent = uint64(b&(1<<23-1)), int(b>>23&0xff)
		if exponent == 0 {
			return mantissa, -149
		}
		return mantissa | 1<<23, exponent - 150
	}
	b := math.Float64bits(f)
	mantissa, exponent = b&(1<<52-1), int(b>>52&0x7ff)
	if exponent == 0 {
		return mantissa, -1074
	}
	return mantissa | 1<<52, exponent - 1075
}

// neighbours are the midpoints to the floats below and above, as odd numbers
// times a power of two. The gap below a power of two is half as wide.
func neighbours(mantissa uint64, exponent int) (low uint64, lowExp int, high uint64, highExp int) {
	low, lowExp = 2*mantissa-1, exponent-1
	if (mantissa == 1<<52 && exponent > -1074) || (mantissa == 1<<23 && exponent > -149) {
		low, lowExp = 4*mantissa-1, exponent-2
	}
	return low, lowExp, 2*mantissa + 1, exponent - 1
}

// isMidpoint says whether the decimal d.ddd × 10^exp lies exactly between the
// float and a neighbour. Both sides are compared as an odd number times a power
// of two, so that no large number is needed.
func isMidpoint(digits []byte, exp int, mantissa uint64, exponent int) bool {
	var d uint64
	for _, c := range digits {
		if c != '.' {
			d = d*10 + uint64(c-'0')
		}
	}
	if len(digits) > 1 {
		exp -= len(digits) - 2
	}
	if exp < -27 || exp > 27 {
		return false // 5^28 is more than 64 bits
	}
	twos := bits.TrailingZeros64(d)
	d >>= twos
	low, lowExp, high, highExp := neighbours(mantissa, exponent)
	return equalParts(d, exp, twos, low, lowExp) || equalParts(d, exp, twos, high, highExp)
}

// equalParts compares d × 2^twos × 10^exp to m × 2^e, d and m odd.
func equalParts(d uint64, exp, twos int, m uint64, e int) bool {
	if twos+exp != e {
		return false
	}
	if exp < 0 {
		d, m, exp = m, d, -exp
	}
	hi, lo := bits.Mul64(d, pow5(exp))
	return hi == 0 && lo == m
}

func pow5(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 5
	}
	return p
}

// innerShortest finds the shortest decimal, and of those the nearest, that
// lies strictly between the midpoints to the neighbours. It is rarely needed
// and may be slow.
func innerShortest(dst []byte, f float64, size int, mantissa uint64, exponent int) []byte {
	low, lowExp, high, highExp := neighbours(mantissa, exponent)
	above, below := ratio(low, lowExp), ratio(high, highExp)
	value := ratio(mantissa, exponent)
	for prec := 0; prec < 17; prec++ {
		digits := strconv.AppendFloat(nil, f, 'e', prec, size)
		rounded, ok := new(big.Rat).SetString(string(digits))
		if !ok {
			break
		}
		_, exp := splitExponent(digits)
		step := power(10, exp-prec)
		var best, bestGap *big.Rat
		for _, way := range []int64{0, -1, 1} {
			c := new(big.Rat).Mul(step, big.NewRat(way, 1))
			c.Add(c, rounded)
			gap := new(big.Rat).Sub(c, value)
			gap.Abs(gap)
			if c.Cmp(above) > 0 && c.Cmp(below) < 0 && (best == nil || gap.Cmp(bestGap) < 0) {
				best, bestGap = c, gap
			}
		}
		if best != nil {
			whole := new(big.Rat).Quo(best, step).Num().String()
			exp += len(whole) - 1 - prec
			return appendScientific(dst, strings.TrimRight(whole, "0"), exp)
		}
	}
	return strconv.AppendFloat(dst, f, 'e', -1, size)
}

func appendScientific(dst []byte, digits string, exp int) []byte {
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(append(dst, '.'), digits[1:]...)
	}
	sign := byte('+')
	if exp < 0 {
		sign, exp = '-', -exp
	}
	dst = append(dst, 'e', sign)
	if exp < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(exp), 10)
}

func ratio(m uint64, e int) *big.Rat {
	r := new(big.Rat).SetInt(new(big.Int).SetUint64(m))
	return r.Mul(r, power(2, e))
}

func power(base int64, n int) *big.Rat {
	p := new(big.Int).Exp(big.NewInt(base), big.NewInt(int64(max(n, -n))), nil)
	r := new(big.Rat).SetInt(p)
	if n < 0 {
		r.Inv(r)
	}
	return r
}
