package status

import (
	"strings"
	"testing"
	"time"
)

func TestChartsAreOfWhatHappenedBetweenSamples(t *testing.T) {
	at := time.Now()
	samples := []sample{
		{at: at, applied: 1000, batches: 10, batchRows: 500, batchSecs: 1},
		{at: at.Add(2 * time.Second), applied: 1500, batches: 12, batchRows: 900, batchSecs: 1.5, lagSeconds: 3, lagBytes: 2048},
		{at: at.Add(4 * time.Second), applied: 10, batches: 1, batchRows: 1, batchSecs: 1, retained: 1 << 20}, // begun anew
	}
	c := charts(samples[:2], 2*time.Second, 0)
	for i, want := range []string{"250", "3.0 s", "2.0 KiB", "0 B", "200", "250 ms"} {
		if c[i].Now != want {
			t.Errorf("%s: %s, want %s", c[i].Title, c[i].Now, want)
		}
	}
	c = charts(samples, 2*time.Second, 0)
	if c[0].Now != "0" || c[0].Most != "250" || c[3].Now != "1.0 MiB" {
		t.Errorf("after a new beginning: %+v", c)
	}
}

func TestAChartIsBrokenWhereNobodyLooked(t *testing.T) {
	at := time.Now()
	points := []point{{at: at, value: 1}, {at: at.Add(time.Second), value: 2}, {at: at.Add(time.Hour), value: 3, gap: true}, {at: at.Add(time.Hour + time.Second), value: 0}}
	c := draw("x", points, decimal, 0)
	if n := strings.Count(c.Line, "M"); n != 2 {
		t.Errorf("the line has %d parts: %s", n, c.Line)
	}
	if strings.Count(c.Area, "Z") != 2 || strings.Contains(c.Line+c.Area, "NaN") || strings.Contains(c.Line+c.Area, "Inf") {
		t.Errorf("the area is %s", c.Area)
	}
}

func TestALimitIsDrawnWhereItCanBeReached(t *testing.T) {
	at := time.Now()
	points := []point{{at: at, value: 40}, {at: at.Add(time.Second), value: 50}}
	if c := draw("x", points, size, 100); c.Limit == 0 || c.Limit > height(50, 100) {
		t.Errorf("%+v", c)
	}
	if c := draw("x", points, size, 1e6); c.Limit != 0 {
		t.Errorf("a limit that is far away flattens the line: %+v", c)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(-1234567): "-1,234,567", count(999): "999", count(1000): "1,000",
		size(0): "0 B", size(1023): "1023 B", size(1536): "1.5 KiB", size(5 << 30): "5.0 GiB", size(200 << 20): "200 MiB",
		seconds(0): "0 s", seconds(0.0004): "1 ms", seconds(59.94): "59.9 s", seconds(3600): "1 h 0 min",
		roughly(26 * time.Hour): "1 d 2 h", roughly(65 * time.Second): "1 min 5 s", roughly(0): "0 s",
		moment(time.Time{}): "never",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestARateIsOverSeconds(t *testing.T) {
	at := time.Now()
	var samples []sample
	for i := range 41 { // a batch of 1000 rows every two seconds, looked at four times a second
		samples = append(samples, sample{at: at.Add(time.Duration(i) * time.Second / 4), applied: float64(i / 8 * 1000)})
	}
	for i, p := range between(samples, time.Second/4, func(s sample) float64 { return s.applied }, inTime) {
		if i > 20 && (p.value < 300 || p.value > 700) {
			t.Errorf("point %d: %.0f rows per second, and 500 is the rate", i, p.value)
		}
	}
}

func TestACopyHasAChartOfItsOwnWhileThereIsOne(t *testing.T) {
	at := time.Now()
	samples := []sample{{at: at}, {at: at.Add(time.Second), loaded: 100_000, applied: 10}}
	all := charts(samples, time.Second, 0)
	if last := all[len(all)-1]; last.Now != "100,000" || all[0].Now != "10" || rate(samples, time.Second) != "100,010" {
		t.Errorf("%s %s, %s %s, in all %s", last.Title, last.Now, all[0].Title, all[0].Now, rate(samples, time.Second))
	}
	if later := charts(samples[1:], time.Second, 0); len(later) != len(all)-1 {
		t.Errorf("%d charts, and %d when nothing is copied any more", len(all), len(later))
	}
}
