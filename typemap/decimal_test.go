package typemap

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func bigOf(v [4]uint64) *big.Int {
	n := new(big.Int)
	for i := 3; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(v[i]))
	}
	if v[3]>>63 == 1 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return n
}

// decimals decodes a value by every way there is and fails unless all agree.
func decimals(t *testing.T, m *Meaning, s string) (*big.Int, Edge) {
	t.Helper()
	bin, text := numericWire(s), textDatum(s)
	w, e, err := m.Decimal256(bin)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	if x, ex, err := m.Decimal256(text); x != w || ex != e || err != nil {
		t.Errorf("%s: %v %v from binary, %v %v %v from text", s, bigOf(w), e, bigOf(x), ex, err)
	}
	if m.Precision <= maxPrecision64 {
		for _, d := range []change.Datum{bin, text} {
			if v, ev, err := m.Decimal64(d); ev != e || err != nil || big.NewInt(v).Cmp(bigOf(w)) != 0 {
				t.Errorf("%s: %v %v in 256 bits, %d %v %v in 64", s, bigOf(w), e, v, ev, err)
			}
		}
	}
	return bigOf(w), e
}

func TestDecimalsAreWholeNumbersOfTheirScale(t *testing.T) {
	for _, c := range []struct {
		precision, scale int
		text, want       string
		edge             Edge
	}{
		{10, 2, "0", "0", Fits},
		{10, 2, "0.00", "0", Fits},
		{10, 2, "1", "100", Fits},
		{10, 2, "-1.5", "-150", Fits},
		{10, 2, "12345678.90", "1234567890", Fits},
		{10, 2, "10000", "1000000", Fits},
		{10, 2, "99999999.99", "9999999999", Fits},
		{10, 2, "100000000", "9999999999", TooLarge},
		{10, 2, "-100000000", "-9999999999", TooSmall},
		{10, 2, "NaN", "0", NaN},
		{10, 2, "Infinity", "9999999999", PositiveInfinity},
		{10, 2, "-Infinity", "-9999999999", NegativeInfinity},
		{10, 2, "0.004", "0", Inexact},
		{10, 2, "0.005", "1", Inexact},
		{10, 2, "-0.005", "-1", Inexact},
		{10, 2, "0.0049999", "0", Inexact},
		{10, 2, "0.00001", "0", Inexact},
		{10, 2, "1.2300", "123", Fits},
		{10, 2, "99999999.999", "9999999999", Inexact},
		{10, 4, "1.00005", "10001", Inexact},
		{10, 4, "1.00004999999", "10000", Inexact},
		{10, 0, "0.5", "1", Inexact},
		{10, 0, "0.00005", "0", Inexact},
		{18, 0, "999999999999999999", "999999999999999999", Fits},
		{18, 18, "0.999999999999999999", "999999999999999999", Fits},
		{18, 18, "-0.000000000000000001", "-1", Fits},
		{18, 18, "1", "999999999999999999", TooLarge},
		{18, 2, "9999999999999999.99", "999999999999999999", Fits},
		{18, 1, "99999999999999999.9", "999999999999999999", Fits},
		{1, 0, "9", "9", Fits},
		{1, 0, "10", "9", TooLarge},
		{3, 3, "0.0001", "0", Inexact},
		{38, 10, strings.Repeat("9", 28) + "." + strings.Repeat("9", 10), strings.Repeat("9", 38), Fits},
		{76, 0, strings.Repeat("9", 76), strings.Repeat("9", 76), Fits},
		{76, 38, "-1", "-1" + strings.Repeat("0", 38), Fits},
		{76, 76, "0." + strings.Repeat("9", 76), strings.Repeat("9", 76), Fits},
		{76, 0, "1" + strings.Repeat("0", 76), strings.Repeat("9", 76), TooLarge},
		{76, 0, "1" + strings.Repeat("0", 131071), strings.Repeat("9", 76), TooLarge},
	} {
		m := Resolve(numericType(c.precision, c.scale))
		if v, e := decimals(t, m, c.text); v.String() != c.want || e != c.edge {
			t.Errorf("%.40s as Decimal(%d,%d) is %v, %v, expected %s, %v", c.text, c.precision, c.scale, v, e, c.want, c.edge)
		}
	}
}

func TestRandomDecimalsAgreeWithExactArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		precision := 1 + r.IntN(76)
		scale := r.IntN(precision + 1)
		s := randomDecimal(r, precision-scale+r.IntN(3), scale+r.IntN(3))
		m := Resolve(numericType(precision, scale))
		got, e := decimals(t, m, s)
		exact, _ := new(big.Rat).SetString(s)
		exact.Mul(exact, power(10, scale))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
		want := new(big.Rat).SetInt(got)
		gap := new(big.Rat).Sub(exact, want)
		switch e {
		case Fits:
			if gap.Sign() != 0 || got.CmpAbs(limit) >= 0 {
				t.Errorf("%s as Decimal(%d,%d) is %v", s, precision, scale, got)
			}
		case Inexact:
			if exact.IsInt() || got.CmpAbs(limit) >= 0 || gap.Abs(gap).Cmp(big.NewRat(1, 1)) >= 0 {
				t.Errorf("%s as Decimal(%d,%d) is %v", s, precision, scale, got)
			}
		case TooLarge, TooSmall:
			if new(big.Rat).Abs(exact).Cmp(new(big.Rat).SetInt(limit)) < 0 {
				t.Errorf("%s as Decimal(%d,%d) is %v", s, precision, scale, e)
			}
		default:
			t.Errorf("%s is %v", s, e)
		}
	}
}

func randomDecimal(r *rand.Rand, whole, frac int) string {
	var b strings.Builder
	if r.IntN(2) == 0 {
		b.WriteByte('-')
	}
	digits := func(n int) {
		for range n {
			fmt.Fprint(&b, max(0, r.IntN(14)-4))
		}
	}
	b.WriteByte('0')
	digits(r.IntN(whole + 1))
	if frac = r.IntN(frac + 1); frac > 0 {
		b.WriteByte('.')
		digits(frac)
	}
	return b.String()
}

func TestMoneyIsHundredths(t *testing.T) {
	m := Resolve(base("money"))
	for text, want := range map[string]int64{
		"$0.00": 0, "-$0.05": -5, "$1,234.56": 123456, "$999.00": 99900, "-$1,000,000.00": -100000000,
		"$92,233,720,368,547,758.07": 1<<63 - 1, "-$92,233,720,368,547,758.08": -1 << 63,
	} {
		x, _, errX := m.Decimal256(textDatum(text))
		b, _, errB := m.Decimal256(binDatum(want))
		if errX != nil || errB != nil || bigOf(x).Int64() != want || x != b {
			t.Errorf("%s: %v %v from text, %v %v from binary", text, bigOf(x), errX, bigOf(b), errB)
		}
		if s, err := m.AppendText(nil, binDatum(want)); string(s) != text || err != nil {
			t.Errorf("%d prints as %s, %v", want, s, err)
		}
	}
	for _, s := range []string{"", "$", "$1", "$1,00.00", "$,100.00", "1.00", "$1.0", "€1.00", "$92,233,720,368,547,758.08", "$999,999,999,999,999,999.00", "$1.000"} {
		if v, _, err := m.Decimal256(textDatum(s)); err == nil {
			t.Errorf("%q is read as %v", s, bigOf(v))
		}
	}
}

func TestMalformedNumericsAreErrors(t *testing.T) {
	m := Resolve(numericType(10, 2))
	for _, d := range []change.Datum{
		binDatum(),
		binDatum(uint16(1), int16(0), uint16(0), uint16(0)),
		binDatum(uint16(0xffff), int16(0), uint16(0), uint16(0), int16(1)),
		binDatum(uint16(1), int16(0), uint16(0), uint16(0), int16(10000)),
		binDatum(uint16(1), int16(9), uint16(0), uint16(0), int16(-1)),
		binDatum(uint16(1), int16(0), uint16(0x1234), uint16(0), int16(1)),
		textDatum(""), textDatum("-"), textDatum("1."), textDatum(".5"), textDatum("1e5"), textDatum("1.2.3"), textDatum("+1"), textDatum(" 1"),
	} {
		if v, e, err := m.Decimal64(d); err == nil {
			t.Errorf("%x is %d, %v in 64 bits", d.Bytes, v, e)
		}
		if v, e, err := m.Decimal256(d); err == nil {
			t.Errorf("%x is %v, %v in 256 bits", d.Bytes, bigOf(v), e)
		}
	}
	if _, _, err := Resolve(numericType(19, 0)).Decimal64(numericWire("1")); err == nil {
		t.Error("19 digits were promised 64 bits")
	}
	if _, _, err := Resolve(base("numeric")).Decimal256(numericWire("1")); err == nil {
		t.Error("a numeric without bounds was decoded as a Decimal")
	}
}
