package typemap

import (
	"math"
	"strconv"
	"time"
)

// How PostgreSQL prints dates, times and intervals under DateStyle ISO and
// IntervalStyle iso_8601 (src/backend/utils/adt/datetime.c).

// appendDate prints days since 1970-01-01 up to, but without, the BC mark.
func appendDate(dst []byte, days int64) (out []byte, bc bool) {
	year, month, day := time.Unix(days*86400, 0).UTC().Date()
	if bc = year <= 0; bc {
		year = 1 - year
	}
	for pad := 1000; pad > year; pad /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(year), 10)
	dst = append(dst, '-')
	dst = appendTwo(dst, int64(month))
	dst = append(dst, '-')
	return appendTwo(dst, int64(day)), bc
}

func appendDateText(dst []byte, days int64, e Edge) []byte {
	switch e {
	case PositiveInfinity:
		return append(dst, "infinity"...)
	case NegativeInfinity:
		return append(dst, "-infinity"...)
	}
	dst, bc := appendDate(dst, days)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendTimestamp prints PostgreSQL's own count, microseconds since 2000.
func appendTimestamp(dst []byte, v int64, zone string) ([]byte, bool) {
	switch {
	case v == math.MaxInt64:
		return append(dst, "infinity"...), true
	case v == math.MinInt64:
		return append(dst, "-infinity"...), true
	case v < timestampMin || v > timestampEnd:
		return dst, false
	}
	days, clock := v/microsPerDay, v%microsPerDay
	if clock < 0 {
		days, clock = days-1, clock+microsPerDay
	}
	dst, bc := appendDate(dst, days+epochDays)
	dst = append(dst, ' ')
	dst = appendClock(dst, clock)
	dst = append(dst, zone...)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst, true
}

// appendClock prints HH:MM:SS and the fraction without trailing zeros.
func appendClock(dst []byte, micros int64) []byte {
	dst = appendTwo(dst, micros/3600e6)
	dst = append(dst, ':')
	dst = appendTwo(dst, micros/60e6%60)
	dst = append(dst, ':')
	dst = appendTwo(dst, micros/1e6%60)
	return appendFraction(dst, micros%1e6)
}

func appendFraction(dst []byte, micros int64) []byte {
	if micros == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(100000); micros > 0; unit /= 10 {
		dst = append(dst, '0'+byte(micros/unit))
		micros %= unit
	}
	return dst
}

// appendTimeTZ prints a clock with its offset, which PostgreSQL counts in
// seconds west of UTC.
func appendTimeTZ(dst []byte, micros int64, west int) ([]byte, bool) {
	if micros < 0 || micros > microsPerDay || west <= -100*3600 || west >= 100*3600 {
		return dst, false
	}
	dst = appendClock(dst, micros)
	if west > 0 {
		dst = append(dst, '-')
	} else {
		dst, west = append(dst, '+'), -west
	}
	dst = appendTwo(dst, int64(west/3600))
	if west%3600 != 0 {
		dst = append(dst, ':')
		dst = appendTwo(dst, int64(west/60%60))
	}
	if west%60 != 0 {
		dst = append(dst, ':')
		dst = appendTwo(dst, int64(west%60))
	}
	return dst, true
}

// appendInterval prints the three counts of an interval, which PostgreSQL
// keeps apart: 1 month is not 30 days, 1 day not 24 hours. Infinity is all
// three at their end (PostgreSQL 17 and later).
func appendInterval(dst []byte, micros int64, days, months int32) []byte {
	switch {
	case micros == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return append(dst, "infinity"...)
	case micros == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return append(dst, "-infinity"...)
	case micros == 0 && days == 0 && months == 0:
		return append(dst, "PT0S"...)
	}
	dst = append(dst, 'P')
	dst = appendUnit(dst, int64(months/12), 'Y')
	dst = appendUnit(dst, int64(months%12), 'M')
	dst = appendUnit(dst, int64(days), 'D')
	if micros == 0 {
		return dst
	}
	dst = append(dst, 'T')
	dst = appendUnit(dst, micros/3600e6, 'H')
	dst = appendUnit(dst, micros/60e6%60, 'M')
	if rest := micros % 60e6; rest != 0 {
		if rest < 0 {
			dst, rest = append(dst, '-'), -rest
		}
		dst = strconv.AppendInt(dst, rest/1e6, 10)
		dst = append(appendFraction(dst, rest%1e6), 'S')
	}
	return dst
}

func appendUnit(dst []byte, v int64, unit byte) []byte {
	if v == 0 {
		return dst
	}
	return append(strconv.AppendInt(dst, v, 10), unit)
}

func appendTwo(dst []byte, v int64) []byte {
	return append(dst, '0'+byte(v/10), '0'+byte(v%10))
}
