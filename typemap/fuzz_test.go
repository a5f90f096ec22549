package typemap

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// fuzzTypes has a type for every decoder there is.
func fuzzTypes() []*Meaning {
	types := []*change.Type{
		numericType(10, 2), numericType(18, 18), numericType(38, 10), numericType(76, 38),
		arrayOf(base("int4"), 1), arrayOf(base("text"), 2), arrayOf(base("bytea"), 1), arrayOf(base("box"), 1),
		composite(base("int4"), base("text"), arrayOf(base("bool"), 1)), composite(composite(base("bytea"), base("date"))),
		rangeOf(change.KindRange, base("timestamptz")), rangeOf(change.KindRange, base("text")), rangeOf(change.KindMultirange, base("int4")),
		arrayOf(composite(base("text"), base("numeric")), 1),
		ofExtension("hstore", "hstore"),
		ofExtension("ltree", "ltree"),
		ofExtension("postgis", "geometry"),
		ofExtension("vector", "vector"),
		ofExtension("vector", "halfvec"),
		{OID: 20000, Kind: change.KindEnum},
		{OID: 20000, Name: "mystery"},
	}
	for i := range builtins {
		types = append(types, base(builtins[i].name))
	}
	meanings := make([]*Meaning, len(types))
	for i, typ := range types {
		meanings[i] = Resolve(typ)
	}
	// What users can have a numeric and an array be.
	for _, digits := range [][2]int{{9, 9}, {18, 4}, {38, 10}, {76, 0}} {
		m, _ := Resolve(base("numeric")).AsDecimal(digits[0], digits[1])
		meanings = append(meanings, m)
	}
	return append(meanings, Resolve(arrayOf(base("int4"), 1)).WithDimensions(6))
}

// decodeAll calls every decoder, the fitting ones and all others, and describes
// what the one of the class said.
func decodeAll(m *Meaning, d change.Datum, depth int) (said string, ok bool) {
	answer := func(c bool, err error, values ...any) {
		if c {
			said, ok = fmt.Sprintln(values...), err == nil
		}
	}
	i, err := m.Int(d)
	answer(m.Class <= Int64, err, i)
	u, err := m.Uint(d)
	answer(m.Class == Uint32 || m.Class == Uint64, err, u)
	f, err := m.Float(d)
	answer(m.Class == Float32 || m.Class == Float64, err, math.Float64bits(f))
	b, err := m.Bool(d)
	answer(m.Class == Bool, err, b)
	id, err := m.UUID(d)
	answer(m.Class == UUID, err, id)
	day, e, err := m.Date(d)
	answer(m.Class == Date, err, day, e)
	at, e, err := m.Timestamp(d)
	answer(m.Class == Timestamp || m.Class == TimestampTZ, err, at, e)
	clock, err := m.Time(d)
	answer(m.Class == Time, err, clock)
	small, e, err := m.Decimal64(d)
	answer(m.Class == Decimal && m.Precision <= maxPrecision64, err, small, e)
	large, e, err := m.Decimal256(d)
	answer(m.Class == Decimal && m.Precision > maxPrecision64, err, large, e)
	text, err := m.AppendText(nil, d)
	answer(m.Class == Text || m.Class == Bytes, err, string(text))
	var a ArrayReader
	e, err = m.Array(d, &a)
	answer(m.Class == Array, err, a.Dims(), e)
	for err == nil && m.Class == Array && depth < 3 {
		var elem change.Datum
		var more bool
		if elem, more, err = a.Next(); !more || err != nil {
			ok = ok && err == nil
			break
		}
		if elem.Format == change.Null {
			said += "null"
			continue
		}
		one, fine := decodeAll(m.Elem, elem, depth+1)
		said, ok = said+one, ok && fine
	}
	if m.Class == Map {
		said, ok = allPairs(m, d)
	}
	if len(m.Fields()) > 0 && depth < 3 {
		fields, fine := allFields(m, d, depth)
		said, ok = said+fields, ok && fine
	}
	return said, ok
}

func allPairs(m *Meaning, d change.Datum) (said string, ok bool) {
	var r PairReader
	for err := m.ReadPairs(d, &r); ; {
		var key, value change.Datum
		more := false
		if err == nil {
			key, value, more, err = r.Next()
		}
		if err != nil || !more {
			return said, err == nil
		}
		said += fmt.Sprintf("%q=>%q %d ", key.Bytes, value.Bytes, value.Format)
	}
}

func allFields(m *Meaning, d change.Datum, depth int) (said string, ok bool) {
	var r FieldReader
	if err := m.ReadFields(d, &r); err != nil {
		return "", false
	}
	ok = true
	for i := 0; ; i++ {
		f, more, err := r.Next()
		if err != nil || !more {
			return said, ok && err == nil
		}
		if f.Format == change.Null {
			said += "null "
			continue
		}
		one, fine := decodeAll(m.Fields()[i].Meaning, f, depth+1)
		said, ok = said+one+" ", ok && fine
	}
}

// exactly has no byte behind the value: reading on panics.
func exactly(format change.Format, b []byte) change.Datum {
	c := make([]byte, len(b))
	copy(c, b)
	return change.Datum{Format: format, Bytes: c[:len(c):len(c)]}
}

func FuzzDecodeText(f *testing.F) {
	meanings := fuzzTypes()
	for _, s := range []string{
		"", "-1", "1.50", "NaN", "infinity", "2020-02-29", "2020-02-29 12:00:00.5+00", "0044-03-15 BC", "24:00:00", "t", "$1,234.56", `\x00ff`, `a\\\377`,
		"{}", "{1,NULL}", `{{"a b","c\"d"},{e,"NULL"}}`, "[0:1]={1,2}", "{(3,4),(1,2);NULL}", "[1,2.5]", "16/B374D848", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "1e23",
		`(1,"a ""b""\\\\",)`, `("(""x"")")`, `"a"=>"b", "c\""=>NULL`, "0101000000000000000000F03F0000000000000040",
	} {
		for i := range meanings {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(_ *testing.T, which uint8, b []byte) {
		decodeAll(meanings[int(which)%len(meanings)], exactly(change.Text, b), 0)
	})
}

func FuzzDecodeBinary(f *testing.F) {
	meanings := fuzzTypes()
	point := wire(uint8(0), uint32(1), 1.0, 2.0)
	seeds := [][]byte{
		{},
		{1},
		{0, 0, 0, 1},
		{0, 0, 0, 0, 0, 0, 0, 1},
		point, wire(uint8(0), uint32(0xE0000003), uint32(4326), uint32(1), uint32(1), 1.0, 2.0, 3.0, 4.0), wire(uint8(1), []byte{7, 0, 0, 0, 1, 0, 0, 0}, point),
		make([]byte, 16), numericWire("-123.45").Bytes, numericWire("NaN").Bytes,
		wire(head(2, 1), sized(int32(1)), int32(-1)), wire(head(1, 1, 1, 0), sized("a")), wire(uint8(2), sized("a"), sized("b")), wire(uint16(1), uint16(0), float32(1)),
		wire(int32(3), uint32(23), sized(int32(1)), uint32(25), sized("x"), uint32(1000), int32(-1)), wire(int32(1), sized("k"), sized("v")),
		wire(int32(1), "a\x00", uint16(1), uint16(3)), []byte("\x02\x08\x00\x04\x0a\x01\x02\x03"), wire(int32(10), "\x55\x40"),
	}
	for _, s := range seeds {
		for i := range meanings {
			f.Add(uint8(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		m := meanings[int(which)%len(meanings)]
		d := exactly(change.Binary, b)
		said, ok := decodeAll(m, d, 0)
		text, err := m.AppendText(nil, d)
		// An element can be longer in print than on the wire, but within bounds:
		// a numeric's digits are limited by its form.
		if limit := 1<<18 + 64*len(b)*len(b); len(text) > limit {
			t.Errorf("%s: %d bytes print as %d", m.name, len(b), len(text))
		}
		if !ok || err != nil || m.Class == Bytes || !agreeing(m) {
			return
		}
		// What PostgreSQL would print has to mean the same.
		again, okText := decodeAll(m, exactly(change.Text, text), 0)
		if !okText || again != said {
			t.Errorf("%s: %x says %q, its text %q says %q", m.name, b, said, text, again)
		}
		if !bytes.Equal(d.Bytes, b) {
			t.Error("the datum was written to")
		}
	})
}

// agreeing leaves out what a forged binary form can say and no server does: a
// numeric with more digits than it asks to show.
func agreeing(m *Meaning) bool {
	return m.op != opNumeric && (m.Elem == nil || agreeing(m.Elem))
}

func FuzzDecimalsAgree(f *testing.F) {
	f.Add(uint8(10), uint8(2), int16(0), uint16(0), uint16(2), []byte{4, 210, 23, 112})
	f.Add(uint8(18), uint8(18), int16(-1), uint16(numericNegative), uint16(18), []byte{0, 1, 0, 2, 0, 3, 0, 4, 39, 15})
	f.Add(uint8(18), uint8(0), int16(4), uint16(0), uint16(0), []byte{0, 99, 39, 15, 39, 15, 39, 15, 39, 15})
	f.Fuzz(func(t *testing.T, precision, scale uint8, weight int16, sign, dscale uint16, digits []byte) {
		p := 1 + int(precision)%maxPrecision64
		m := Resolve(numericType(p, int(scale)%(p+1)))
		d := binDatum(uint16(len(digits)/2), weight, sign, dscale, digits[:len(digits)/2*2])
		v, e, err := m.Decimal64(d)
		w, ew, errW := m.Decimal256(d)
		if (err == nil) != (errW == nil) || e != ew || bigOf(w).Int64() != v || !bigOf(w).IsInt64() {
			t.Errorf("%x as Decimal(%d,%d): %d %v %v in 64 bits, %v %v %v in 256", d.Bytes, m.Precision, m.Scale, v, e, err, bigOf(w), ew, errW)
		}
		if v >= int64(pow10[p]) || v <= -int64(pow10[p]) {
			t.Errorf("%d has more than %d digits", v, p)
		}
	})
}

func FuzzFloatsReadBack(f *testing.F) {
	f.Add(math.Float64bits(1e23))
	f.Add(math.Float64bits(math.Ldexp(1, -44)))
	m, m4 := Resolve(base("float8")), Resolve(base("float4"))
	f.Fuzz(func(t *testing.T, b uint64) {
		want, err := m.Float(binDatum(b))
		text, _ := m.AppendText(nil, binDatum(b))
		if got, errT := m.Float(exactly(change.Text, text)); err != nil || errT != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%x prints as %s, reads as %x (%v, %v)", b, text, math.Float64bits(got), err, errT)
		}
		want, err = m4.Float(binDatum(uint32(b)))
		text, _ = m4.AppendText(nil, binDatum(uint32(b)))
		if got, errT := m4.Float(exactly(change.Text, text)); err != nil || errT != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("real %x prints as %s, reads as %x (%v, %v)", uint32(b), text, math.Float64bits(got), err, errT)
		}
	})
}
