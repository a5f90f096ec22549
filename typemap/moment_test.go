package typemap

import (
	"math"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/change"
)

func TestDatesAreDaysSince1970(t *testing.T) {
	m := Resolve(base("date"))
	for _, c := range []struct {
		text string
		pg   int32 // days since 2000, as PostgreSQL sends them
		want int64
		edge Edge
	}{
		{"1970-01-01", -10957, 0, Fits},
		{"2000-01-01", 0, 10957, Fits},
		{"1969-12-31", -10958, -1, Fits},
		{"2024-02-29", 8825, 19782, Fits},
		{"0001-01-01", -730119, -719162, Fits},
		{"0001-12-31 BC", -730120, -719163, Fits},
		{"4714-11-24 BC", -2451545, -2440588, Fits},
		{"5874897-12-31", 2145031948, 2145042905, Fits},
		{"infinity", math.MaxInt32, math.MaxInt64, PositiveInfinity},
		{"-infinity", math.MinInt32, math.MinInt64, NegativeInfinity},
	} {
		x, ex, errX := m.Date(textDatum(c.text))
		b, eb, errB := m.Date(binDatum(c.pg))
		if x != c.want || b != c.want || ex != c.edge || eb != c.edge || errX != nil || errB != nil {
			t.Errorf("%s: %d %v %v from text, %d %v %v from binary", c.text, x, ex, errX, b, eb, errB)
		}
		if s, err := m.AppendText(nil, binDatum(c.pg)); string(s) != c.text || err != nil {
			t.Errorf("%s prints as %s, %v", c.text, s, err)
		}
	}
	for _, s := range []string{"", "2023-02-29", "2023-13-01", "2023-00-01", "2023-01-32", "0000-01-01", "223-01-01", "2023-1-1", "4714-11-23 BC", "5874898-01-01", "99999999-01-01", "2023-01-01 ", " BC", "Infinity"} {
		if v, _, err := m.Date(textDatum(s)); err == nil {
			t.Errorf("%q is day %d", s, v)
		}
	}
	for _, d := range []change.Datum{binDatum(int64(0)), binDatum(int32(dateFirst - 1)), binDatum(int32(dateEnd)), binDatum()} {
		if v, _, err := m.Date(d); err == nil {
			t.Errorf("%x is day %d", d.Bytes, v)
		}
	}
}

func TestEveryDayFollowsTheDayBefore(t *testing.T) {
	m := Resolve(base("date"))
	for days := int64(dateFirst + epochDays); days < 100000; days += 1 + days&3 {
		text := appendDateText(nil, days, Fits)
		if got, e, err := m.Date(change.Datum{Format: change.Text, Bytes: text}); got != days || e != Fits || err != nil {
			t.Fatalf("day %d prints as %s and is read as %d, %v, %v", days, text, got, e, err)
		}
	}
}

func TestTimestampsAreMicrosecondsSince1970(t *testing.T) {
	for _, c := range []struct {
		text string
		pg   int64
		want int64
		edge Edge
	}{
		{"1970-01-01 00:00:00", -epochMicros, 0, Fits},
		{"2000-01-01 00:00:00", 0, epochMicros, Fits},
		{"1969-12-31 23:59:59.999999", -epochMicros - 1, -1, Fits},
		{"2024-02-29 12:34:56.78", 762525296780000, 1709210096780000, Fits},
		{"4714-11-24 00:00:00 BC", timestampMin, timestampMin + epochMicros, Fits},
		{"294247-01-10 04:00:54.775807", timestampLast, math.MaxInt64, Fits},
		{"294247-01-10 04:00:54.775808", timestampLast + 1, math.MaxInt64, TooLarge},
		{"294276-12-31 23:59:59.999999", timestampEnd - 1, math.MaxInt64, TooLarge},
		{"294277-01-01 00:00:00", timestampEnd, math.MaxInt64, TooLarge},
		{"infinity", math.MaxInt64, math.MaxInt64, PositiveInfinity},
		{"-infinity", math.MinInt64, math.MinInt64, NegativeInfinity},
	} {
		for name, zone := range map[string]string{"timestamp": "", "timestamptz": "+00"} {
			m := Resolve(base(name))
			text := c.text
			if c.edge != PositiveInfinity && c.edge != NegativeInfinity {
				day, bc := cutBC([]byte(text))
				if text = string(day) + zone; bc {
					text += " BC"
				}
			}
			x, ex, errX := m.Timestamp(textDatum(text))
			b, eb, errB := m.Timestamp(binDatum(c.pg))
			if x != c.want || b != c.want || ex != c.edge || eb != c.edge || errX != nil || errB != nil {
				t.Errorf("%s: %d %v %v from text, %d %v %v from binary", text, x, ex, errX, b, eb, errB)
			}
			if s, err := m.AppendText(nil, binDatum(c.pg)); string(s) != text || err != nil {
				t.Errorf("%s prints as %s, %v", text, s, err)
			}
		}
	}
}

func TestAnInstantIsReadWithWhateverOffset(t *testing.T) {
	m := Resolve(base("timestamptz"))
	want := time.Date(2020, 1, 1, 0, 30, 0, 0, time.UTC).UnixMicro()
	for _, s := range []string{"2020-01-01 00:30:00+00", "2020-01-01 06:00:00+05:30", "2019-12-31 23:30:00-01", "2020-01-01 00:30:15+00:00:15"} {
		if v, e, err := m.Timestamp(textDatum(s)); v != want || e != Fits || err != nil {
			t.Errorf("%s is %d, %v, %v", s, v, e, err)
		}
	}
}

func TestMalformedTimestampsAreErrors(t *testing.T) {
	for name, list := range map[string][]string{
		"timestamp":   {"", "2020-01-01", "2020-01-01T00:00:00", "2020-01-01 00:00", "2020-01-01 00:60:00", "2020-01-01 25:00:00", "2020-01-01 00:00:00.", "2020-01-01 00:00:00.1234567", "2020-01-01 00:00:00+00", "9999999-01-01 00:00:00", "4714-11-23 23:59:59 BC"},
		"timestamptz": {"2020-01-01 00:00:00", "2020-01-01 00:00:00+0", "2020-01-01 00:00:00+00:", "2020-01-01 00:00:00+00:00:00:00", "2020-01-01 00:00:00Z"},
		"date":        {"2020-01-01 00:00:00"},
	} {
		for _, s := range list {
			if v, _, err := Resolve(base(name)).Timestamp(textDatum(s)); err == nil {
				t.Errorf("%s %q is %d", name, s, v)
			}
		}
	}
	for _, d := range []change.Datum{binDatum(), binDatum(int32(0)), binDatum(int64(timestampMin - 1)), binDatum(int64(math.MinInt64 + 1))} {
		if v, _, err := Resolve(base("timestamp")).Timestamp(d); err == nil {
			t.Errorf("%x is %d", d.Bytes, v)
		}
	}
}

func TestADayHasAMidnightAtBothEnds(t *testing.T) {
	m := Resolve(base("time"))
	for text, want := range map[string]int64{"00:00:00": 0, "24:00:00": 86400000000, "12:34:56.789": 45296789000, "23:59:59.999999": 86399999999, "00:00:00.000001": 1} {
		x, errX := m.Time(textDatum(text))
		b, errB := m.Time(binDatum(want))
		if x != want || b != want || errX != nil || errB != nil {
			t.Errorf("%s: %d %v from text, %d %v from binary", text, x, errX, b, errB)
		}
		if s, err := m.AppendText(nil, binDatum(want)); string(s) != text || err != nil {
			t.Errorf("%s prints as %s, %v", text, s, err)
		}
	}
	for _, s := range []string{"", "24:00:00.000001", "24:00:01", "1:00:00", "00:00:00+00", "00:00:0x"} {
		if v, err := m.Time(textDatum(s)); err == nil {
			t.Errorf("%q is %d", s, v)
		}
	}
	for _, v := range []int64{-1, 86400000001} {
		if _, err := m.Time(binDatum(v)); err == nil {
			t.Errorf("%d µs is a time of day", v)
		}
	}
}
