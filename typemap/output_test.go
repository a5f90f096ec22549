package typemap

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestTextIsWhatPostgreSQLPrints(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	for _, c := range []struct {
		typ  *change.Type
		bin  change.Datum
		want string
	}{
		{base("int2"), binDatum(int16(-5)), "-5"},
		{base("oid"), binDatum(uint32(4294967295)), "4294967295"},
		{base("xid8"), binDatum(uint64(7)), "7"},
		{base("pg_lsn"), binDatum(uint64(0x16B374D848)), "16/B374D848"},
		{base("tid"), binDatum(uint32(7), uint16(3)), "(7,3)"},
		{base("bool"), binDatum(true), "t"},
		{base("text"), binDatum("a\x00b"), "a\x00b"},
		{base("jsonb"), binDatum("\x01{}"), "{}"},
		{base("jsonpath"), binDatum("\x01$"), "$"},
		{base("char"), binDatum("a"), "a"},
		{base("char"), binDatum("\x00"), ""},
		{base("char"), binDatum("\xe9"), `\351`},
		{base("bytea"), binDatum("\x00\xff"), "\x00\xff"},
		{base("uuid"), binDatum("0123456789abcdef"), "30313233-3435-3637-3839-616263646566"},
		{base("numeric"), numericWire("-12345678.900"), "-12345678.900"},
		{base("numeric"), numericWire("0.000012"), "0.000012"},
		{base("numeric"), numericWire("NaN"), "NaN"},
		{base("numeric"), numericWire("-Infinity"), "-Infinity"},
		{base("numeric"), numericWire("1" + strings.Repeat("0", 131071)), "1" + strings.Repeat("0", 131071)},
		{base("numeric"), numericWire("0." + strings.Repeat("0", 16382) + "7"), "0." + strings.Repeat("0", 16382) + "7"},
		{numericType(10, 2), numericWire("1.50"), "1.50"},
		{base("timetz"), binDatum(int64(1e6), int32(-5*3600-1800)), "00:00:01+05:30"},
		{base("timetz"), binDatum(int64(0), int32(1)), "00:00:00-00:00:01"},
		{base("timetz"), binDatum(int64(86400e6), int32(0)), "24:00:00+00"},
		{base("interval"), binDatum(int64(0), int32(0), int32(0)), "PT0S"},
		{base("interval"), binDatum(int64(-14706700000), int32(3), int32(-14)), "P-1Y-2M3DT-4H-5M-6.7S"},
		{base("interval"), binDatum(int64(-1), int32(0), int32(0)), "PT-0.000001S"},
		{base("interval"), binDatum(int64(math.MinInt64), int32(1), int32(0)), "P1DT-2562047788H-54.775808S"},
		{base("interval"), binDatum(int64(math.MaxInt64), int32(math.MaxInt32), int32(math.MaxInt32)), "infinity"},
		{base("interval"), binDatum(int64(math.MinInt64), int32(math.MinInt32), int32(math.MinInt32)), "-infinity"},
		{base("inet"), binDatum("\x02\x08\x00\x04\x0a\x01\x02\x03"), "10.1.2.3/8"},
		{base("inet"), binDatum("\x02\x20\x00\x04\x0a\x01\x02\x03"), "10.1.2.3"},
		{base("cidr"), binDatum("\x02\x20\x01\x04\x0a\x01\x02\x03"), "10.1.2.3/32"},
		{base("inet"), binDatum("\x03\x80\x00\x10", make([]byte, 16)), "::"},
		{base("inet"), binDatum("\x03\x60\x00\x10", make([]byte, 10), "\xff\xff\x01\x02\x03\x04"), "::ffff:1.2.3.4/96"},
		{base("macaddr"), binDatum("\x08\x00\x2b\x01\x02\xff"), "08:00:2b:01:02:ff"},
		{base("macaddr8"), binDatum("\x08\x00\x2b\x01\x02\xff\x00\x01"), "08:00:2b:01:02:ff:00:01"},
		{base("point"), binDatum(nan, inf), "(NaN,-Infinity)"},
		{base("line"), binDatum(1.0, -0.5, 1e15), "{1,-0.5,1e+15}"},
		{base("lseg"), binDatum(1.0, 2.0, 3.0, 4.0), "[(1,2),(3,4)]"},
		{base("box"), binDatum(3.0, 4.0, 1.0, 2.0), "(3,4),(1,2)"},
		{base("path"), binDatum(uint8(0), int32(1), 1.0, 2.0), "[(1,2)]"},
		{base("path"), binDatum(uint8(1), int32(2), 1.0, 2.0, 3.0, 4.0), "((1,2),(3,4))"},
		{base("polygon"), binDatum(int32(1), 1.0, 2.0), "((1,2))"},
		{base("circle"), binDatum(1.0, 2.0, 0.1), "<(1,2),0.1>"},
		{base("bit"), binDatum(int32(1), "\x80"), "1"},
		{base("varbit"), binDatum(int32(10), "\x55\x40"), "0101010101"},
		{base("varbit"), binDatum(int32(0)), ""},
		{base("tsvector"), binDatum(int32(2), "it's\\\x00", uint16(0), "b\x00", uint16(2), uint16(0xc001), uint16(2)), `'it''s\\' 'b':1A,2`},
		{base("pg_snapshot"), binDatum(int32(2), int64(10), int64(20), int64(12), int64(14)), "10:20:12,14"},
		{ofExtension("hstore", "hstore"), binDatum(int32(2), sized("a"), int32(-1), sized(`b"`), sized(`\`)), `"a"=>NULL, "b\""=>"\\"`},
		{ofExtension("ltree", "ltree"), binDatum("\x01a.b"), "a.b"},
		{rangeOf(change.KindRange, base("int4")), binDatum(uint8(rangeEmpty)), "empty"},
		{rangeOf(change.KindRange, base("int4")), binDatum(uint8(rangeLowInclusive|rangeHighInfinite), sized(int32(5))), "[5,)"},
		{rangeOf(change.KindRange, base("text")), binDatum(uint8(rangeHighInclusive), sized(""), sized(`a"\ `)), `("","a""\\ "]`},
		{rangeOf(change.KindRange, base("timestamp")), binDatum(uint8(rangeLowInfinite), sized(int64(0))), `(,"2000-01-01 00:00:00")`},
		{rangeOf(change.KindMultirange, base("int4")), binDatum(int32(0)), "{}"},
		{rangeOf(change.KindMultirange, base("int4")), binDatum(int32(2), sized(uint8(2), sized(int32(1)), sized(int32(2))), sized(uint8(rangeLowInfinite|rangeHighInfinite))), "{[1,2),(,)}"},
		{composite(base("int4"), base("text"), base("bool")), binDatum(int32(3), uint32(23), int32(-1), uint32(25), sized("a b"), uint32(16), sized(false)), `(,"a b",f)`},
		{composite(composite(base("text"))), binDatum(int32(1), uint32(20000), sized(int32(1), uint32(25), sized(`q"`))), `("(""q"""""")")`},
		{composite(base("bytea")), binDatum(int32(1), uint32(17), sized("\xff")), `("\\xff")`},
		{composite(arrayOf(base("text"), 1)), binDatum(int32(1), uint32(1009), sized(head(2, 1), sized("a"), sized(""))), `("{a,""""}")`},
	} {
		m := Resolve(c.typ)
		got, err := m.AppendText([]byte("before "), c.bin)
		if err != nil || string(got) != "before "+c.want {
			t.Errorf("%s %x prints as %.200s, %v", m.name, c.bin.Bytes[:min(40, len(c.bin.Bytes))], got, err)
		}
		if m.Class == Bytes {
			continue
		}
		if again, err := m.AppendText(nil, textDatum(c.want)); err != nil || string(again) != c.want {
			t.Errorf("%s %.200s from text is %.200s, %v", m.name, c.want, again, err)
		}
	}
}

func TestByteaIsReadFromBothOfItsTexts(t *testing.T) {
	m := Resolve(base("bytea"))
	for text, want := range map[string]string{`\x`: "", `\x00fF`: "\x00\xff", "": "", "abc": "abc", `a\\b`: `a\b`, `\000\377\101`: "\x00\xffA"} {
		if got, err := m.AppendText(nil, textDatum(text)); string(got) != want || err != nil {
			t.Errorf("%s is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`\x0`, `\x0g`, `\`, `\1`, `\12`, `\400`, `\08a`, `a\`} {
		if got, err := m.AppendText([]byte("before"), textDatum(text)); err == nil || string(got) != "before" {
			t.Errorf("%s is %q, %v", text, got, err)
		}
	}
}

func TestAOneByteCharIsPrintedAlikeByEveryVersion(t *testing.T) {
	m := Resolve(base("char"))
	for text, want := range map[string]string{"\xe9": `\351`, `\351`: `\351`, "a": "a", "": "", `\`: `\`} {
		if got, err := m.AppendText(nil, textDatum(text)); string(got) != want || err != nil {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}

func TestMalformedBinaryFormsAreErrors(t *testing.T) {
	point := composite(&change.Type{OID: 23, Name: "int4"})
	for name, c := range map[string]struct {
		typ *change.Type
		bin change.Datum
	}{
		"a type that is text only":               {base("mystery"), binDatum("a")},
		"jsonb of another version":               {base("jsonb"), binDatum("\x02{}")},
		"an interval that is short":              {base("interval"), binDatum(int64(0))},
		"a timetz beyond the day":                {base("timetz"), binDatum(int64(86400e6+1), int32(0))},
		"a timetz beyond all zones":              {base("timetz"), binDatum(int64(0), int32(math.MinInt32))},
		"an inet of no family":                   {base("inet"), binDatum("\x04\x08\x00\x04\x0a\x01\x02\x03")},
		"an inet with a mask too long":           {base("inet"), binDatum("\x02\x21\x00\x04\x0a\x01\x02\x03")},
		"an inet with an address too short":      {base("inet"), binDatum("\x02\x20\x00\x04\x0a\x01\x02")},
		"a macaddr of 8 bytes":                   {base("macaddr"), binDatum(int64(0))},
		"a point of one number":                  {base("point"), binDatum(1.0)},
		"a path that is neither open nor closed": {base("path"), binDatum(uint8(2), int32(0))},
		"a path without end":                     {base("path"), binDatum(uint8(1), int32(math.MaxInt32))},
		"a polygon of fewer than none":           {base("polygon"), binDatum(int32(-1))},
		"bits without end":                       {base("varbit"), binDatum(int32(math.MaxInt32))},
		"fewer bits than none":                   {base("varbit"), binDatum(int32(-8))},
		"lexemes without end":                    {base("tsvector"), binDatum(int32(math.MaxInt32))},
		"fewer lexemes than none":                {base("tsvector"), binDatum(int32(-1))},
		"positions without end":                  {base("tsvector"), binDatum(int32(1), "a\x00", uint16(0xffff))},
		"transactions without end":               {base("pg_snapshot"), binDatum(int32(math.MaxInt32), int64(1), int64(1))},
		"pairs without end":                      {ofExtension("hstore", "hstore"), binDatum(int32(math.MaxInt32))},
		"a key that is NULL":                     {ofExtension("hstore", "hstore"), binDatum(int32(1), int32(-1), int32(-1))},
		"a range with flags that are not sent":   {rangeOf(change.KindRange, base("int4")), binDatum(uint8(0x80), sized(int32(1)), sized(int32(2)))},
		"a range with a bound that is NULL":      {rangeOf(change.KindRange, base("int4")), binDatum(uint8(0), int32(-1), sized(int32(2)))},
		"a range with a bound that is malformed": {rangeOf(change.KindRange, base("int4")), binDatum(uint8(0), sized(int64(1)), sized(int32(2)))},
		"an empty range with a bound":            {rangeOf(change.KindRange, base("int4")), binDatum(uint8(1), sized(int32(1)))},
		"ranges without end":                     {rangeOf(change.KindMultirange, base("int4")), binDatum(int32(math.MaxInt32))},
		"a composite of too many fields":         {point, binDatum(int32(2), uint32(23), sized(int32(1)), uint32(23), sized(int32(1)))},
		"a composite with another type":          {point, binDatum(int32(1), uint32(700), sized(float32(1)))},
		"a composite with bytes behind it":       {point, binDatum(int32(1), uint32(23), sized(int32(1)), uint8(0))},
	} {
		m := Resolve(c.typ)
		if got, err := m.AppendText([]byte("before"), c.bin); err == nil || string(got) != "before" {
			t.Errorf("%s prints as %.100s, %v", name, got, err)
		}
	}
}

func TestFloatsPrintTheFewestDigitsPostgreSQLAccepts(t *testing.T) {
	for text, f := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1),
		"1": 1, "-1.5": -1.5, "0.1": 0.1, "123.456": 123.456, "0.0001": 1e-4, "0.00012": 1.2e-4, "1e-05": 1e-5,
		"100000000000000": 1e14, "999999999999999": 999999999999999, "1e+15": 1e15, "1.234567890123456e+15": 1234567890123456,
		"9.999999999999999e+22": 1e23, "5.684341886080802e-14": math.Ldexp(1, -44), "5e-324": 5e-324, "1.7976931348623157e+308": math.MaxFloat64,
	} {
		if got := appendFloat(nil, f, 64); string(got) != text {
			t.Errorf("%s prints as %s", text, got)
		}
	}
	for text, f := range map[string]float32{"0.00024414062": 1.0 / 4096, "-0.00024414062": -1.0 / 4096, "0.1": 0.1, "100000": 1e5, "999999": 999999, "1e+06": 1e6, "1e-45": 1e-45, "3.4028235e+38": math.MaxFloat32, "8.589935e+09": 8589934592, "3.3554432e+07": 33554432} {
		if got := appendFloat(nil, float64(f), 32); string(got) != text {
			t.Errorf("%s prints as %s", text, got)
		}
	}
}

func TestWhatIsPrintedReadsBackAsTheSameFloat(t *testing.T) {
	// Around powers of two and of ten the gaps are uneven and midpoints short.
	for e := -330; e <= 310; e++ {
		for _, near := range []float64{math.Ldexp(1, 3*e), math.Pow(10, float64(e)), 2 * math.Pow(10, float64(e))} {
			for range 3 {
				if got, err := strconv.ParseFloat(string(appendFloat(nil, near, 64)), 64); got != near && !math.IsInf(near, 0) {
					t.Errorf("%v reads back as %v, %v", near, got, err)
				}
				if f := float32(near); !math.IsInf(float64(f), 0) {
					if got, err := strconv.ParseFloat(string(appendFloat(nil, float64(f), 32)), 32); float32(got) != f {
						t.Errorf("real %v reads back as %v, %v", f, got, err)
					}
				}
				near = math.Nextafter(near, math.Inf(1))
			}
		}
	}
}

func TestQuotesArePutInPlace(t *testing.T) {
	for _, c := range []struct {
		in                       string
		array, composite, range_ string
	}{
		{"", `""`, `""`, `""`},
		{"a", "a", "a", "a"},
		{"a b", `"a b"`, `"a b"`, `"a b"`},
		{"\v", "\"\v\"", "\"\v\"", "\"\v\""},
		{`"`, `"\""`, `""""`, `""""`},
		{`\`, `"\\"`, `"\\"`, `"\\"`},
		{`"\"`, `"\"\\\""`, `"""\\"""`, `"""\\"""`},
		{"nUlL", `"nUlL"`, "nUlL", "nUlL"},
		{"{", `"{"`, "{", "{"},
		{"(", "(", `"("`, `"("`},
		{"]", "]", "]", `"]"`},
		{",", `","`, `","`, `","`},
		{"é", "é", "é", "é"},
	} {
		for style, want := range []string{c.array, c.composite, c.range_} {
			got := quoteTail([]byte("before"+c.in), len("before"), quoting(style), ',')
			if !bytes.Equal(got, []byte("before"+want)) {
				t.Errorf("%q in style %d is %q, expected %q", c.in, style, got, want)
			}
		}
	}
}
