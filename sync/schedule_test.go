package sync

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

func timetable(t *testing.T, spec, table string) Timetable {
	t.Helper()
	at, err := ParseTimetable(spec, table)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// copies gives where each table was copied last.
func (h *simHistory) copies() map[string]change.LSN {
	at := map[string]change.LSN{}
	for name, t := range h.recall().Tables {
		at[name] = t.CopiedAt
	}
	return at
}

// Tables are copied anew when it is time, while they stream, each time once; a time
// that was missed comes once, and a run that was cut short is gone on with.
func TestTablesAreCopiedAnewWhenItIsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := scripted("first", "second")
		h.config.Schedule = []Timetable{timetable(t, "@hourly", ""), timetable(t, "30 * * * *", "public.second")}
		run := func(what string) apply.ScheduleRun { return h.recall().Pipeline.Schedules[what] }
		ran := func(what string, since time.Time) func() bool {
			return func() bool { r := run(what); return r.Begun.After(since) && !r.UnderWay() }
		}
		p := h.pipeline(w.s)
		ended := h.runs(t, p)
		h.streams("public.second")
		before, began := h.copies(), time.Now()
		w.rows("first", 2)
		h.applied()
		h.within(31*time.Minute, "the second table is copied", ran("resync public.second", began))
		if at := h.copies(); at["public.second"] == before["public.second"] || at["public.first"] != before["public.first"] {
			t.Errorf("copied at %v, before at %v", at, before)
		}
		before = h.copies()
		h.within(31*time.Minute, "all tables are copied", ran("resync", began))
		if at := h.copies(); at["public.second"] == before["public.second"] || at["public.first"] == before["public.first"] {
			t.Errorf("copied at %v, before at %v", at, before)
		}
		if r := run("resync"); r.Failed || r.Outcome != "2 tables copied" || r.Begun.Sub(began) > time.Hour+time.Minute {
			t.Errorf("%+v", r)
		}
		shown := p.Progress().Schedule
		if len(shown) != 2 || shown[0].What != "resync" || time.Until(shown[0].Next) > time.Hour || shown[0].Last.Outcome == "" {
			t.Errorf("%+v", shown)
		}
		before, began = h.copies(), run("resync").Begun
		ended(p.Stop)

		<-time.After(5*time.Hour + 10*time.Minute) // nobody runs it, for five times that it is due
		var isCut atomic.Bool
		h.at = func(what string) {
			if what == "copy a chunk" && !isCut.Swap(true) {
				p.Stop()
			}
		}
		p = h.pipeline(w.s)
		h.runs(t, p)(func() { h.eventually("it is cut short", isCut.Load) })
		h.at = nil
		cut := run("resync")
		if !cut.UnderWay() {
			t.Errorf("%+v", cut)
		}
		p = h.pipeline(w.s)
		ended = h.runs(t, p)
		h.within(time.Minute, "what was missed is made good", ran("resync", began))
		if r := run("resync"); r.Begun != cut.Begun || r.Failed {
			t.Errorf("%+v, and it began as %+v", r, cut)
		}
		last := h.copies()
		for name, at := range last {
			if at == before[name] {
				t.Errorf("%s was not copied", name)
			}
		}
		h.within(30*time.Minute, "its time", func() bool { return time.Now().Minute() == 25 })
		for name, at := range h.copies() {
			if at != last[name] {
				t.Errorf("%s was copied twice", name)
			}
		}
		ended(p.Stop)
		h.checkEnd()
		h.right(t)
	})
}

func TestTimetables(t *testing.T) {
	for _, spec := range []string{"", "61 * * * *", "* * * *", "0 0 30 2 *", "CRON_TZ=Nowhere/At_All @daily", "tomorrow"} {
		if at, err := ParseTimetable(spec, ""); !fault.IsUsage(err) || fault.Hint(err) == "" {
			t.Errorf("%q: %+v, %v", spec, at, err)
		}
	}
	at := timetable(t, "CRON_TZ=Europe/Berlin 0 3 * * 0", "")
	if next := at.At.Next(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)); !next.Equal(time.Date(2026, 7, 5, 1, 0, 0, 0, time.UTC)) {
		t.Errorf("the next is %s", next)
	}
}
