package typemap

import (
	"math"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

// sample is a value whose decoding is measured.
type sample struct {
	name   string
	m      *Meaning
	d      change.Datum
	decode func(*Meaning, change.Datum) error
}

func samples() []sample {
	dst := make([]byte, 0, 1<<12)
	var a ArrayReader
	integer := func(m *Meaning, d change.Datum) error { _, err := m.Int(d); return err }
	unsigned := func(m *Meaning, d change.Datum) error { _, err := m.Uint(d); return err }
	float := func(m *Meaning, d change.Datum) error { _, err := m.Float(d); return err }
	uuid := func(m *Meaning, d change.Datum) error { _, err := m.UUID(d); return err }
	date := func(m *Meaning, d change.Datum) error { _, _, err := m.Date(d); return err }
	timestamp := func(m *Meaning, d change.Datum) error { _, _, err := m.Timestamp(d); return err }
	clock := func(m *Meaning, d change.Datum) error { _, err := m.Time(d); return err }
	decimal64 := func(m *Meaning, d change.Datum) error { _, _, err := m.Decimal64(d); return err }
	decimal256 := func(m *Meaning, d change.Datum) error { _, _, err := m.Decimal256(d); return err }
	text := func(m *Meaning, d change.Datum) error { _, err := m.AppendText(dst[:0], d); return err }
	array := func(m *Meaning, d change.Datum) error {
		_, err := m.Array(d, &a)
		for more := true; more && err == nil; {
			_, more, err = a.Next()
		}
		return err
	}
	of := func(name string) *Meaning { return Resolve(base(name)) }
	pair := Resolve(composite(base("int4"), base("text")))
	texts := Resolve(arrayOf(base("text"), 1))
	return []sample{
		{"bigint/binary", of("int8"), binDatum(int64(1 << 40)), integer},
		{"bigint/text", of("int8"), textDatum("1099511627776"), integer},
		{"pg_lsn/text", of("pg_lsn"), textDatum("16/B374D848"), unsigned},
		{"double/binary", of("float8"), binDatum(123.456), float},
		{"double/text", of("float8"), textDatum("123.456"), float},
		{"uuid/text", of("uuid"), textDatum("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), uuid},
		{"date/binary", of("date"), binDatum(int32(8825)), date},
		{"date/text", of("date"), textDatum("2024-02-29"), date},
		{"timestamptz/binary", of("timestamptz"), binDatum(int64(762525296780000)), timestamp},
		{"timestamptz/text", of("timestamptz"), textDatum("2024-02-29 12:34:56.78+00"), timestamp},
		{"time/text", of("time"), textDatum("12:34:56.78"), clock},
		{"numeric(12,2)/binary", Resolve(numericType(12, 2)), numericWire("12345678.90"), decimal64},
		{"numeric(12,2)/text", Resolve(numericType(12, 2)), textDatum("12345678.90"), decimal64},
		{"numeric(38,10)/binary", Resolve(numericType(38, 10)), numericWire("1234567890123456.0123456789"), decimal256},
		{"numeric(38,10)/text", Resolve(numericType(38, 10)), textDatum("1234567890123456.0123456789"), decimal256},
		{"numeric(76,38)/binary", Resolve(numericType(76, 38)), numericWire(strings.Repeat("9", 38) + "." + strings.Repeat("9", 38)), decimal256},
		{"numeric as text/binary", of("numeric"), numericWire("12345678.90"), text},
		{"text/binary", of("text"), binDatum(strings.Repeat("x", 32)), text},
		{"jsonb/binary", of("jsonb"), binDatum("\x01", strings.Repeat("x", 32)), text},
		{"bytea/text", of("bytea"), textDatum(`\x` + strings.Repeat("0f", 32)), text},
		{"interval/binary", of("interval"), binDatum(int64(-14706700000), int32(3), int32(-14)), text},
		{"inet/binary", of("inet"), binDatum("\x02\x08\x00\x04\x0a\x01\x02\x03"), text},
		{"point/binary", of("point"), binDatum(1.5, math.Pi), text},
		{"tstzrange/binary", Resolve(rangeOf(change.KindRange, base("timestamptz"))), binDatum(uint8(rangeLowInclusive), sized(int64(0)), sized(int64(1e15))), text},
		{"composite/binary", pair, binDatum(int32(2), uint32(23), sized(int32(1)), uint32(25), sized("a, b")), text},
		{"text[] of 3/binary", texts, binDatum(head(3, 1), sized("a"), sized("b c"), int32(-1)), array},
		{"text[] of 3/text", texts, textDatum(`{a,"b \"c\"",NULL}`), array},
		{"text[] as text/binary", texts, binDatum(head(3, 1), sized("a"), sized("b c"), int32(-1)), text},
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	for _, s := range samples() {
		if n := testing.AllocsPerRun(100, func() {
			if err := s.decode(s.m, s.d); err != nil {
				t.Error(s.name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range samples() {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.decode(s.m, s.d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
