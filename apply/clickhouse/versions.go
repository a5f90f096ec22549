package clickhouse

import (
	"fmt"
	"time"
)

// version is the server's, as far as features depend on it.
type version struct{ major, minor int }

// oldest is the first release that has everything this package relies on:
// is_deleted in its present form, synchronous lightweight deletes, Native
// blocks as they are written here.
var oldest = version{24, 8}

func (v version) atLeast(w version) bool {
	return v.major > w.major || v.major == w.major && v.minor >= w.minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// hasTime64: before 25.12 the type stands behind a setting that every reader of
// the table would have to know.
func (v version) hasTime64() bool { return v.atLeast(version{25, 12}) }

// hasJSON: before 25.3 the type is an experiment behind a setting.
func (v version) hasJSON() bool { return v.atLeast(version{25, 3}) }

// wideCalendar: from 26.7 DateTime64 and Date32 keep, compare and print the
// years 0 to 9999; before, 1900 to 2299, and what lies outside wraps in
// silence. (Date32 was tried by hand on 26.7: stored days print and compare
// right in the whole range, only text parsed as Date32 still ends at 2299.)
func (v version) wideCalendar() bool { return v.atLeast(version{26, 7}) }

// features says in words what depends on the version.
func (v version) features() []string {
	lo, hi := v.years()
	has := func(what string, ok bool, since string) string {
		if ok {
			return what
		}
		return "no " + what + " (from " + since + ")"
	}
	return []string{
		fmt.Sprintf("dates from %04d to %04d", lo.Year(), hi.Year()-1),
		has("Time64", v.hasTime64(), "25.12"), has("JSON", v.hasJSON(), "25.3"),
	}
}

// bounds are the smallest and the largest value of a type.
type bounds struct{ lo, hi int64 }

// days bounds Date32. The year 0 is 1 BC, which nothing calls by that name, so
// the calendar starts with the year 1.
func (v version) days() bounds {
	lo, hi := v.years()
	const day = 24 * 60 * 60
	return bounds{lo.Unix() / day, hi.Unix()/day - 1}
}

// micros bounds a DateTime64 of so many digits. The count of a unit below the
// microsecond ends in 1677 and 2262; years before 1900 are left to what holds
// them surely.
func (v version) micros(digits int) bounds {
	lo, hi := v.years()
	if digits > 6 {
		lo, hi = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return bounds{lo.UnixMicro(), hi.UnixMicro() - 1}
}

func (v version) years() (from, before time.Time) {
	if v.wideCalendar() {
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
}
