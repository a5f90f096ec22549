package status

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// chart is a line over time, drawn in a box of chartWidth by chartHeight that the
// page stretches: words stand beside it in HTML, where they are not stretched.
type chart struct {
	Title string
	// Now is the last value, Most the largest, in words; Span is how long the line
	// is.
	Now, Most, Span string
	// Line and Area are paths of SVG; empty where there is nothing to draw yet.
	Line, Area string
	// Limit is the height of a line that is not to be reached; 0 for none.
	Limit float64
}

const chartWidth, chartHeight = 600.0, 100.0

// point is a value at a moment; a line is broken before one that is the first
// after a gap.
type point struct {
	at    time.Time
	value float64
	gap   bool
}

// charts are those of a pipeline, from its samples, of which there is one every so
// often.
func charts(samples []sample, every time.Duration, limit int64) []chart {
	perSecond := func(total func(sample) float64) []point {
		return between(samples, every, total, inTime)
	}
	perBatch := func(total func(sample) float64) []point {
		return between(samples, every, total, func(s sample) float64 { return s.batches })
	}
	value := func(of func(sample) float64) []point {
		points := make([]point, len(samples))
		for i, s := range samples {
			points[i] = point{at: s.at, value: of(s), gap: i > 0 && s.at.Sub(samples[i-1].at) > 3*every}
		}
		return points
	}
	all := []chart{
		draw("rows applied per second", perSecond(func(s sample) float64 { return s.applied }), decimal, 0),
		draw("lag in time", value(func(s sample) float64 { return s.lagSeconds }), seconds, 0),
		draw("lag in log", value(func(s sample) float64 { return s.lagBytes }), size, 0),
		draw("retained WAL", value(func(s sample) float64 { return s.retained }), size, float64(limit)),
		draw("rows of a batch", perBatch(func(s sample) float64 { return s.batchRows }), decimal, 0),
		draw("time of a batch", perBatch(func(s sample) float64 { return s.batchSecs }), seconds, 0),
	}
	// A copy is so much faster than a stream that the one would flatten the other.
	copied := perSecond(func(s sample) float64 { return s.loaded })
	if slices.ContainsFunc(copied, func(p point) bool { return p.value > 0 }) {
		all = append(all, draw("rows copied per second", copied, decimal, 0))
	}
	return all
}

// rate is how many rows come in a second, copied and applied.
func rate(samples []sample, every time.Duration) string {
	points := between(samples, every, func(s sample) float64 { return s.loaded + s.applied }, inTime)
	if len(points) == 0 {
		return "0"
	}
	return decimal(points[len(points)-1].value)
}

func inTime(s sample) float64 { return float64(s.at.UnixNano()) / 1e9 }

// rateOver is the least time that a rate is made over: batches come by fits and
// starts.
const rateOver = 5 * time.Second

// between divides what a total has grown by, over the last while, by what another
// has. A total that is smaller than before has begun anew.
func between(samples []sample, every time.Duration, total, by func(sample) float64) []point {
	var points []point
	before := 0
	for i := 1; i < len(samples); i++ {
		now := samples[i]
		p := point{at: now.at, gap: now.at.Sub(samples[i-1].at) > 3*every}
		if p.gap || total(now) < total(samples[i-1]) {
			before = i - 1
		}
		for before < i-1 && now.at.Sub(samples[before+1].at) >= rateOver {
			before++
		}
		if more, of := total(now)-total(samples[before]), by(now)-by(samples[before]); more > 0 && of > 0 {
			p.value = more / of
		}
		points = append(points, p)
	}
	return points
}

func draw(title string, points []point, words func(float64) string, limit float64) chart {
	c := chart{Title: title, Now: words(0)}
	if len(points) == 0 {
		return c
	}
	first, last := points[0], points[len(points)-1]
	most := 0.0
	for _, p := range points {
		most = max(most, p.value)
	}
	span := last.at.Sub(first.at)
	c.Now, c.Most, c.Span = words(last.value), words(most), roughly(span)
	if len(points) < 2 || span <= 0 {
		return c
	}
	top := most
	if limit > 0 && limit < 4*most { // one that is far away would flatten the line
		top = max(top, limit)
		c.Limit = height(limit, top)
	}
	var line, area strings.Builder
	begin := 0.0
	for i, p := range points {
		x, y := float64(p.at.Sub(first.at))/float64(span)*chartWidth, height(p.value, top)
		switch {
		case i == 0 || p.gap:
			if i > 0 {
				fmt.Fprintf(&area, "L%.1f %.0fZ", begin, chartHeight)
			}
			begin = x
			fmt.Fprintf(&line, "M%.1f %.1f", x, y)
			fmt.Fprintf(&area, "M%.1f %.0fL%.1f %.1f", x, chartHeight, x, y)
		default:
			fmt.Fprintf(&line, "L%.1f %.1f", x, y)
			fmt.Fprintf(&area, "L%.1f %.1f", x, y)
		}
		if i == len(points)-1 || points[i+1].gap {
			fmt.Fprintf(&area, "L%.1f %.0f", x, chartHeight)
		}
	}
	fmt.Fprintf(&area, "L%.1f %.0fZ", begin, chartHeight)
	c.Line, c.Area = line.String(), area.String()
	return c
}

// height is where a value stands in the box, with some air above the largest.
func height(value, top float64) float64 {
	if top <= 0 {
		return chartHeight - 1
	}
	return chartHeight - 1 - value/top*(chartHeight-5)
}
