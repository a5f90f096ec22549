package typemap

import (
	"math"
	"testing"
)

func TestWholeNumbersEndWhereTheirTypesEnd(t *testing.T) {
	for _, c := range []struct {
		typ, text string
		want      int64
		ok        bool
	}{
		{"int2", "-32768", math.MinInt16, true},
		{"int2", "32768", 0, false},
		{"int4", "2147483647", math.MaxInt32, true},
		{"int4", "-2147483649", 0, false},
		{"int8", "9223372036854775807", math.MaxInt64, true},
		{"int8", "-9223372036854775808", math.MinInt64, true},
		{"int8", "9223372036854775808", 0, false},
		{"int8", "-9223372036854775809", 0, false},
		{"int8", "99999999999999999999", 0, false},
		{"int8", "", 0, false},
		{"int8", "-", 0, false},
		{"int8", "+1", 0, false},
		{"int8", "1 ", 0, false},
		{"text", "1", 0, false},
	} {
		v, err := Resolve(base(c.typ)).Int(textDatum(c.text))
		if v != c.want || (err == nil) != c.ok {
			t.Errorf("%s %q is %d, %v", c.typ, c.text, v, err)
		}
	}
	if v, err := Resolve(base("int2")).Int(binDatum(int16(-2))); v != -2 || err != nil {
		t.Error(v, err)
	}
	if _, err := Resolve(base("int4")).Int(binDatum(int16(1))); err == nil {
		t.Error("an integer of 2 bytes")
	}
}

func TestUnsignedNumbersEndWhereTheirTypesEnd(t *testing.T) {
	for _, c := range []struct {
		typ, text string
		want      uint64
		ok        bool
	}{
		{"oid", "4294967295", math.MaxUint32, true},
		{"oid", "4294967296", 0, false},
		{"oid", "-1", 0, false},
		{"xid8", "18446744073709551615", math.MaxUint64, true},
		{"xid8", "18446744073709551616", 0, false},
		{"pg_lsn", "16/B374D848", 0x16B374D848, true},
		{"pg_lsn", "FFFFFFFF/ffffffff", math.MaxUint64, true},
		{"pg_lsn", "16", 0, false},
		{"pg_lsn", "/16", 0, false},
		{"pg_lsn", "16/", 0, false},
		{"pg_lsn", "1/2/3", 0, false},
		{"pg_lsn", "123456789/0", 0, false},
		{"pg_lsn", "1/123456789", 0, false},
		{"int4", "1", 0, false},
	} {
		v, err := Resolve(base(c.typ)).Uint(textDatum(c.text))
		if (err == nil) != c.ok || c.ok && v != c.want {
			t.Errorf("%s %q is %d, %v", c.typ, c.text, v, err)
		}
	}
}

func TestFloatsKeepInfinityAndTheSignOfZero(t *testing.T) {
	m := Resolve(base("float8"))
	for text, want := range map[string]float64{"Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "NaN": quietNaN, "-0": math.Copysign(0, -1), "5e-324": 5e-324} {
		x, errX := m.Float(textDatum(text))
		b, errB := m.Float(binDatum(want))
		if errX != nil || errB != nil || math.Float64bits(x) != math.Float64bits(want) || math.Float64bits(b) != math.Float64bits(want) {
			t.Errorf("%s: %v %v from text, %v %v from binary", text, x, errX, b, errB)
		}
	}
	if f, err := m.Float(binDatum(uint64(0xFFF0000000000001))); math.Float64bits(f) != math.Float64bits(quietNaN) || err != nil {
		t.Errorf("a NaN with a payload of its own is %x, %v", math.Float64bits(f), err)
	}
	for _, text := range []string{"", "inf", "0x1p4", "1_0", "nan", "1e999", "1,5", "--1"} {
		if f, err := m.Float(textDatum(text)); err == nil {
			t.Errorf("%q is read as %v", text, f)
		}
	}
}

func TestARealIsReadAtItsOwnPrecision(t *testing.T) {
	m := Resolve(base("float4"))
	x, _ := m.Float(textDatum("0.1"))
	b, _ := m.Float(binDatum(float32(0.1)))
	if x != float64(float32(0.1)) || b != x {
		t.Errorf("0.1 is %v from text, %v from binary", x, b)
	}
	if _, err := m.Float(textDatum("1e39")); err == nil {
		t.Error("a real beyond its range")
	}
}

func TestHalfPrecisionNumbersAreWidenedExactly(t *testing.T) {
	for h, want := range map[uint16]float64{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 0x1p-14, 0x0001: 0x1p-24, 0x03ff: 0x1p-14 - 0x1p-24, 0x3555: 0.333251953125,
	} {
		if f := halfFloat(h); f != want {
			t.Errorf("%#04x is %v, expected %v", h, f, want)
		}
	}
	if !math.IsInf(halfFloat(0x7c00), 1) || !math.IsInf(halfFloat(0xfc00), -1) || !math.IsNaN(halfFloat(0x7e00)) || !math.Signbit(halfFloat(0x8000)) {
		t.Error("infinity, NaN or the sign of zero is lost")
	}
}

func TestABooleanIsOneOfTwo(t *testing.T) {
	m := Resolve(base("bool"))
	for _, want := range []bool{true, false} {
		x, errX := m.Bool(textDatum(map[bool]string{true: "t", false: "f"}[want]))
		b, errB := m.Bool(binDatum(want))
		if x != want || b != want || errX != nil || errB != nil {
			t.Errorf("%v: %v %v from text, %v %v from binary", want, x, errX, b, errB)
		}
	}
	for _, s := range []string{"", "1", "true", "T"} {
		if _, err := m.Bool(textDatum(s)); err == nil {
			t.Errorf("%q is a boolean", s)
		}
	}
	if _, err := m.Bool(binDatum(uint8(2))); err == nil {
		t.Error("2 is a boolean")
	}
}

func TestAUUIDHasTheOrderOfItsText(t *testing.T) {
	m := Resolve(base("uuid"))
	want := [16]byte{0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11}
	x, errX := m.UUID(textDatum("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"))
	b, errB := m.UUID(binDatum(want))
	if x != want || b != want || errX != nil || errB != nil {
		t.Errorf("%x %v from text, %x %v from binary", x, errX, b, errB)
	}
	for _, s := range []string{"", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1x", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111"} {
		if u, err := m.UUID(textDatum(s)); err == nil || u != [16]byte{} {
			t.Errorf("%q is %x, %v", s, u, err)
		}
	}
}
