package status

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count writes a number with commas.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var groups []string
	for len(s) > 3 {
		groups = append([]string{s[len(s)-3:]}, groups...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, groups...), ",")
}

// decimal writes a number of rows that need not be whole.
func decimal(v float64) string {
	if v > 0 && v < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return count(int64(math.Round(v)))
}

// size writes bytes.
func size(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for len(units) > 1 && v >= 1024 {
		v, units = v/1024, units[1:]
	}
	if units[0] == "B" || v >= 100 {
		return fmt.Sprintf("%.0f %s", v, units[0])
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}

func sizeOf(n int64) string { return size(float64(n)) }

// seconds writes a time in seconds.
func seconds(v float64) string {
	switch {
	case v <= 0:
		return "0 s"
	case v < 1:
		return fmt.Sprintf("%.0f ms", math.Ceil(v*1000))
	case v < 120:
		return fmt.Sprintf("%.1f s", v)
	}
	return roughly(time.Duration(v * float64(time.Second)))
}

// roughly writes a time in its largest units.
func roughly(d time.Duration) string {
	days, d := d/(24*time.Hour), d%(24*time.Hour)
	h, m, s := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, h)
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case m > 0 && s > 0 && m < 10:
		return fmt.Sprintf("%d min %d s", m, s)
	case m > 0:
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d s", s)
}

// moment writes a time of day in UTC, with the day.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// clipped bounds what a server has answered: some quote the whole row.
func clipped(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}
