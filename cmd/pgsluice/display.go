package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	stdsync "sync"
	"time"

	"golang.org/x/term"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

// display shows progress on a terminal: a block of lines at the bottom that is
// drawn anew, with the log above it. Anywhere else progress goes into the log.
type display struct {
	mu       stdsync.Mutex
	out      io.Writer
	terminal *os.File // nil where out is none
	drawn    int      // lines of the block that are on the screen
	blocks   map[string][]string
	order    []string
	logEvery time.Duration // how often progress is logged where there is no terminal
}

func newDisplay(out io.Writer) *display {
	d := &display{out: out, blocks: map[string][]string{}, logEvery: logEvery}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.terminal = f
	}
	return d
}

// Write puts log lines above the block.
func (d *display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase()
	n, err := d.out.Write(p)
	d.draw()
	return n, err
}

func (d *display) erase() {
	if d.drawn > 0 {
		// To the line's beginning first: the terminal has printed a ^C there.
		fmt.Fprintf(d.out, "\r\x1b[%dA\x1b[J", d.drawn)
		d.drawn = 0
	}
}

func (d *display) draw() {
	if d.terminal == nil {
		return
	}
	width, height, err := term.GetSize(int(d.terminal.Fd()))
	if err != nil || width < 20 {
		width, height = 80, 24
	}
	var b bytes.Buffer
	for _, name := range d.order {
		for _, line := range d.blocks[name] {
			if d.drawn >= height-2 {
				break
			}
			if r := []rune(line); len(r) >= width {
				line = string(r[:width-1])
			}
			fmt.Fprintln(&b, line)
			d.drawn++
		}
	}
	_, _ = d.out.Write(b.Bytes())
}

func (d *display) show(name string, lines []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.blocks[name]; !known {
		d.order = append(d.order, name)
	}
	d.erase()
	d.blocks[name] = lines
	d.draw()
}

// close leaves the last block on the screen. What is shown later is a new one.
func (d *display) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drawn, d.order = 0, nil
	clear(d.blocks)
}

// follow shows a pipeline's progress until the function it returns is called.
func (d *display) follow(name string, p *sync.Pipeline, log *slog.Logger) func() {
	every := d.logEvery
	if d.terminal != nil {
		every = 500 * time.Millisecond
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		r := rates{}
		for {
			select {
			case <-ticker.C:
			case <-stop:
				if d.terminal != nil {
					d.show(name, r.lines(name, p.Progress()))
				}
				return
			}
			progress := p.Progress()
			if d.terminal != nil {
				d.show(name, r.lines(name, progress))
			} else {
				r.log(log.With("pipeline", name), progress)
			}
		}
	}()
	return func() { close(stop); <-done }
}

// rates turns looks at a counter into a rate over the last seconds: in half a
// second there may be no batch at all. Each stage counts rows of its own.
type rates struct {
	stage         sync.Stage
	rows, applied int64
	looks         []look
	perSec        float64
}

type look struct {
	at    time.Time
	total int64
}

const rateOver = 1500 * time.Millisecond

func (r *rates) update(p sync.Progress) (rows, bytes, ofBytes int64) {
	for _, t := range p.Tables {
		rows += t.Rows
		bytes += t.Bytes
		ofBytes += t.OfBytes
	}
	before, now := r.applied, look{time.Now(), p.Applied}
	if p.Stage == sync.Loading {
		before, now.total = r.rows, rows
	}
	if p.Stage != r.stage {
		r.looks, r.perSec = []look{{p.Since, before}}, 0
	}
	for len(r.looks) > 1 && now.at.Sub(r.looks[1].at) >= rateOver {
		r.looks = r.looks[1:]
	}
	if d := now.at.Sub(r.looks[0].at).Seconds(); d > 0.1 {
		r.perSec = float64(now.total-r.looks[0].total) / d
	}
	r.stage, r.rows, r.applied, r.looks = p.Stage, rows, p.Applied, append(r.looks, now)
	return rows, bytes, ofBytes
}

func (r *rates) log(log *slog.Logger, p sync.Progress) {
	rows, bytes, _ := r.update(p)
	log.Debug("alive", "goroutines", runtime.NumGoroutine())
	switch p.Stage {
	case sync.Loading:
		log.Info("loading", "rows", rows, "bytes", bytes, "rows_per_second", int64(r.perSec))
	case sync.Syncing:
		log.Info("streaming", "applied", p.Applied, "rows_per_second", int64(r.perSec), "watermark", p.Watermark.String(), "lag", lag(p))
	case sync.Starting, sync.Waiting, sync.Done:
	}
}

func lag(p sync.Progress) string { return p.Lag.Round(time.Millisecond).String() }

func (r *rates) lines(name string, p sync.Progress) []string {
	rows, _, _ := r.update(p)
	head := fmt.Sprintf("%s: %s", name, p.Stage)
	switch p.Stage {
	case sync.Loading:
		head += fmt.Sprintf(", %s rows, %s rows/s", count(rows), count(int64(r.perSec)))
	case sync.Done:
		if rows > 0 {
			head += fmt.Sprintf(", %s rows copied", count(rows))
		}
		if p.Watermark > 0 {
			head += fmt.Sprintf(", %s changes applied, watermark %s", count(p.Applied), p.Watermark)
		}
	case sync.Syncing:
		head += fmt.Sprintf(", %s changes applied, %s rows/s, lag %s, watermark %s", count(p.Applied), count(int64(r.perSec)), lag(p), p.Watermark)
	case sync.Waiting:
		head += ": " + p.LastError
	case sync.Starting:
	}
	lines := []string{head}
	if p.Stage != sync.Loading {
		return lines
	}
	for _, t := range p.Tables {
		if t.Phase != apply.Copying && t.Phase != apply.Failed {
			continue
		}
		lines = append(lines, fmt.Sprintf("  %-32s %s %12s rows %10s%s", t.Name, bar(t), count(t.Rows), bytesText(t.Bytes), left(t, time.Since(p.Since))))
	}
	return lines
}

// done is the share of a table that is copied, by the rows the planner expects.
func done(t sync.TableProgress) float64 {
	if t.OfRows <= 0 {
		return 0
	}
	return min(float64(t.Rows)/float64(t.OfRows), 1)
}

func bar(t sync.TableProgress) string {
	const width = 20
	n := int(done(t) * width)
	return "[" + strings.Repeat("=", n) + strings.Repeat(" ", width-n) + "]"
}

func left(t sync.TableProgress, since time.Duration) string {
	share := done(t)
	if share < 0.02 || share >= 1 {
		return ""
	}
	return "  " + time.Duration(float64(since)*(1-share)/share).Round(time.Second).String() + " left"
}

func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func bytesText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, suffix := float64(n)/unit, 0
	for value >= unit && suffix < 4 {
		value /= unit
		suffix++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[suffix])
}
