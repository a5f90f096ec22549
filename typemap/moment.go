package typemap

import (
	"encoding/binary"
	"math"

	"github.com/pgsluice/pgsluice/change"
)

// PostgreSQL counts from 2000-01-01, this package as everybody else does from
// 1970-01-01. The bounds are PostgreSQL's own (src/include/datatype/timestamp.h):
// from 4714-11-24 BC to before 5874898-01-01 and 294277-01-01. The last is one
// that a timestamp(3) is rounded up to all the same.
const (
	epochDays     = 10957
	dateFirst     = -2451545
	dateEnd       = 2145031949
	microsPerDay  = 86400e6
	epochMicros   = epochDays * microsPerDay
	timestampMin  = -211813488000000000
	timestampEnd  = 9223371331200000000
	timestampLast = math.MaxInt64 - epochMicros // the last that int64 holds when counted from 1970
)

// Date decodes a date as days since 1970-01-01. Beside an infinity days is the
// largest or smallest int64.
func (m *Meaning) Date(d change.Datum) (days int64, e Edge, err error) {
	b := d.Bytes
	switch {
	case m.op != opDate:
	case d.Format == change.Binary:
		if len(b) != 4 {
			break
		}
		v := int64(int32(binary.BigEndian.Uint32(b)))
		if v >= dateFirst && v < dateEnd {
			return v + epochDays, Fits, nil
		}
		if v == math.MaxInt32 {
			return math.MaxInt64, PositiveInfinity, nil
		}
		if v == math.MinInt32 {
			return math.MinInt64, NegativeInfinity, nil
		}
	default:
		if days, e = infinity(b); e != Fits {
			return days, e, nil
		}
		b, bc := cutBC(b)
		days, rest, ok := parseDate(b, bc)
		if ok && len(rest) == 0 && days >= dateFirst+epochDays && days < dateEnd+epochDays {
			return days, Fits, nil
		}
	}
	return 0, Fits, m.malformed(d)
}

// Timestamp decodes microseconds since 1970-01-01 00:00: of the wall clock for
// a timestamp, in UTC for a timestamptz. Beside an edge micros is the largest
// or smallest int64; that is TooLarge for PostgreSQL's very last timestamps,
// from 294247-01-10 04:00:54.775808 on.
func (m *Meaning) Timestamp(d change.Datum) (micros int64, e Edge, err error) {
	if m.op != opTimestamp && m.op != opTimestampTZ {
		return 0, Fits, m.malformed(d)
	}
	if d.Format == change.Binary {
		if len(d.Bytes) != 8 {
			return 0, Fits, m.malformed(d)
		}
		v := int64(binary.BigEndian.Uint64(d.Bytes))
		if v >= timestampMin && v <= timestampLast {
			return v + epochMicros, Fits, nil
		}
		switch {
		case v == math.MaxInt64:
			return math.MaxInt64, PositiveInfinity, nil
		case v == math.MinInt64:
			return math.MinInt64, NegativeInfinity, nil
		case v > timestampLast && v <= timestampEnd:
			return math.MaxInt64, TooLarge, nil
		}
		return 0, Fits, m.malformed(d)
	}
	return m.timestampText(d)
}

func (m *Meaning) timestampText(d change.Datum) (micros int64, e Edge, err error) {
	if v, e := infinity(d.Bytes); e != Fits {
		return v, e, nil
	}
	b, bc := cutBC(d.Bytes)
	days, b, ok := parseDate(b, bc)
	if !ok || len(b) == 0 || b[0] != ' ' {
		return 0, Fits, m.malformed(d)
	}
	clock, b, ok := parseClock(b[1:])
	if ok && m.op == opTimestampTZ {
		var east int64
		east, b, ok = parseOffset(b)
		clock -= east * 1e6
	}
	// Days are checked before they are multiplied, so nothing overflows; the
	// clock of an offset can reach into the neighbouring day.
	if !ok || len(b) != 0 || days < dateFirst+epochDays-1 || days > timestampEnd/microsPerDay+epochDays {
		return 0, Fits, m.malformed(d)
	}
	v := (days-epochDays)*microsPerDay + clock
	switch {
	case v < timestampMin || v > timestampEnd:
		return 0, Fits, m.malformed(d)
	case v > timestampLast:
		return math.MaxInt64, TooLarge, nil
	}
	return v + epochMicros, Fits, nil
}

// Time decodes a time as microseconds since midnight, 0 to 86400000000: 24:00
// is a time of its own.
func (m *Meaning) Time(d change.Datum) (micros int64, err error) {
	var ok bool
	switch {
	case m.op != opTime:
	case d.Format == change.Binary:
		if len(d.Bytes) == 8 {
			micros = int64(binary.BigEndian.Uint64(d.Bytes))
			ok = true
		}
	default:
		var rest []byte
		micros, rest, ok = parseClock(d.Bytes)
		ok = ok && len(rest) == 0
	}
	if !ok || micros < 0 || micros > microsPerDay {
		return 0, m.malformed(d)
	}
	return micros, nil
}

func infinity(b []byte) (int64, Edge) {
	switch string(b) {
	case "infinity":
		return math.MaxInt64, PositiveInfinity
	case "-infinity":
		return math.MinInt64, NegativeInfinity
	}
	return 0, Fits
}

// cutBC takes the mark of years before Christ off the end.
func cutBC(b []byte) ([]byte, bool) {
	if n := len(b) - 3; n > 0 && string(b[n:]) == " BC" {
		return b[:n], true
	}
	return b, false
}

// parseDate reads YYYY-MM-DD with four to seven digits of year.
func parseDate(b []byte, bc bool) (days int64, rest []byte, ok bool) {
	year, n := 0, 0
	for n < len(b) && n < 8 && b[n]-'0' <= 9 {
		year = year*10 + int(b[n]-'0')
		n++
	}
	if n < 4 || n > 7 || len(b) < n+6 || b[n] != '-' || b[n+3] != '-' || year == 0 {
		return 0, nil, false
	}
	month, okMonth := twoDigits(b[n+1:])
	day, okDay := twoDigits(b[n+4:])
	if !okMonth || !okDay || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, nil, false
	}
	if bc {
		year = 1 - year // 1 BC is the year 0
	}
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	if day > daysIn[month] && !(leap && month == 2 && day == 29) {
		return 0, nil, false
	}
	if leap && month > 2 {
		day++
	}
	// Whole cycles of 400 years keep what is divided above zero.
	const cycles = 12
	y := year - 1 + cycles*400
	total := 365*y + y/4 - y/100 + y/400 + daysBefore[month] + day
	return int64(total - cycles*146097 - daysTo1970), b[n+6:], true
}

// daysTo1970 is the number of 1970-01-01, counted from 1 at 0001-01-01.
const daysTo1970 = 719163

// The days of a month, and of the year before it, of years that are not leap
// years; months count from 1.
var (
	daysIn     = [...]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	daysBefore = [...]int{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}
)

// parseClock reads HH:MM:SS with up to six digits of a second's fraction.
func parseClock(b []byte) (micros int64, rest []byte, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, nil, false
	}
	hours, ok1 := twoDigits(b)
	minutes, ok2 := twoDigits(b[3:])
	seconds, ok3 := twoDigits(b[6:])
	if !ok1 || !ok2 || !ok3 || hours > 24 || minutes > 59 || seconds > 59 {
		return 0, nil, false
	}
	micros = int64(hours*3600+minutes*60+seconds) * 1e6
	b = b[8:]
	if len(b) > 0 && b[0] == '.' {
		n, unit := 1, int64(100000)
		for n < len(b) && n <= 6 && b[n]-'0' <= 9 {
			micros += int64(b[n]-'0') * unit
			unit /= 10
			n++
		}
		if n == 1 {
			return 0, nil, false
		}
		b = b[n:]
	}
	return micros, b, true
}

// parseOffset reads +HH, +HH:MM or +HH:MM:SS as seconds east of UTC.
func parseOffset(b []byte) (east int64, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, nil, false
	}
	sign := int64(1)
	if b[0] == '-' {
		sign = -1
	}
	v, ok := twoDigits(b[1:])
	east, b = int64(v)*3600, b[3:]
	for unit := int64(60); ok && unit > 0 && len(b) >= 3 && b[0] == ':'; unit /= 60 {
		v, ok = twoDigits(b[1:])
		east, b = east+int64(v)*unit, b[3:]
	}
	return sign * east, b, ok
}

func twoDigits(b []byte) (int, bool) {
	if len(b) < 2 {
		return 0, false
	}
	x, y := b[0]-'0', b[1]-'0'
	return int(x)*10 + int(y), x <= 9 && y <= 9
}
