package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// Timetable is when tables are copied anew while the pipeline runs.
type Timetable struct {
	// Spec is in cron's notation, At what it means.
	Spec string
	At   cron.Schedule
	// Table is the quoted name of the one that is meant; empty for all.
	Table string
}

// ParseTimetable reads five fields, @daily and the like, and CRON_TZ= before them.
func ParseTimetable(spec, table string) (Timetable, error) {
	at, err := cron.ParseStandard(spec)
	if err == nil && at.Next(time.Now()).IsZero() {
		err = fmt.Errorf("%q never comes", spec)
	}
	if err != nil {
		return Timetable{}, fault.Usage(fmt.Errorf("schedule: %w", err), `use cron's notation: "0 3 * * 0" is Sunday at 3:00, "CRON_TZ=Europe/Berlin 0 3 * * *" every day at 3:00 there`)
	}
	return Timetable{spec, at, table}, nil
}

// What names it: of two with one name there is one.
func (t *Timetable) What() string { return strings.TrimSpace("resync " + t.Table) }

// Scheduled is a timetable and how it goes.
type Scheduled struct {
	What, Spec string
	Next       time.Time
	Last       apply.ScheduleRun
}

// Next is when it is due behind its last run; one that was missed is due at once.
func (t *Timetable) Next(last apply.ScheduleRun) time.Time {
	next := t.At.Next(last.Due)
	if now := time.Now(); next.Before(now) {
		return now
	}
	return next
}

// scheduleEvery is how often the scheduler looks at the clock.
const scheduleEvery = time.Second

// scheduler begins runs that are due, and notes how they end. What is remembered of
// them is the apply loop's, which does the looking.
type scheduler struct {
	attempt *attempt
	perform func(ctx context.Context, errand func(context.Context) error) error
	// asked are runs whose tables this attempt has asked for.
	asked map[string]bool
}

func (s *scheduler) run(ctx context.Context) error {
	ticker := time.NewTicker(scheduleEvery)
	defer ticker.Stop()
	for {
		if err := s.perform(ctx, s.look); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-s.attempt.p.stop:
			return errStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look remembers that a run has begun before it asks for tables: whatever becomes of
// this process, the run is not begun again, and is gone on with.
func (s *scheduler) look(ctx context.Context) error {
	a, now := s.attempt, time.Now().UTC().Round(time.Millisecond)
	runs := map[string]apply.ScheduleRun{}
	var toAsk []string
	for i := range a.p.config.Schedule {
		t := &a.p.config.Schedule[i]
		run, known := a.pipeline.Schedules[t.What()]
		switch {
		case !known:
			run = apply.ScheduleRun{Due: now} // from now on
		case run.UnderWay() && s.asked[t.What()]:
			s.end(t, &run, now)
		case run.UnderWay():
			s.asked[t.What()] = true
			toAsk = append(toAsk, s.untouched(t, &run)...)
		case !t.At.Next(run.Due).After(now):
			run = apply.ScheduleRun{Due: now, Begun: now, Point: s.point(t)}
			s.asked[t.What()] = true
			toAsk = append(toAsk, s.untouched(t, &run)...)
			a.p.log.Info("a scheduled run begins", "run", t.What(), "schedule", t.Spec)
		}
		runs[t.What()] = run
	}
	if !maps.Equal(runs, a.pipeline.Schedules) {
		a.pipeline.Schedules = runs
		if err := a.p.target.Remember(ctx, a.pipeline); err != nil {
			return fmt.Errorf("remember scheduled runs: %w", err)
		}
	}
	for _, name := range toAsk {
		a.requests.put(name)
	}
	a.p.show(func(shown *shown) { shown.schedules = runs })
	return nil
}

// tables are those that a run is about.
func (s *scheduler) tables(t *Timetable) []*table {
	return slices.DeleteFunc(slices.Clone(s.attempt.tables), func(of *table) bool {
		return of.state.Left || t.Table != "" && of.name != t.Table
	})
}

// point is what a copy that a run asks for is behind: so is none that there is. On a
// quiet source the last can be ahead of the watermark.
func (s *scheduler) point(t *Timetable) change.LSN {
	at := s.attempt.pipeline.Watermark
	for _, of := range s.tables(t) {
		at = max(at, of.state.CopiedAt)
	}
	return at
}

// untouched names the tables that nothing has been done about since the run began.
func (s *scheduler) untouched(t *Timetable, run *apply.ScheduleRun) (names []string) {
	for _, of := range s.tables(t) {
		standing := of.state.Phase == apply.Streaming || of.state.Phase == apply.Failed && of.state.FailedAt.Before(run.Begun)
		if standing && of.state.CopiedAt <= run.Point {
			names = append(names, of.name)
		}
	}
	return names
}

// end notes how a run has ended, once none of its tables is on its way.
func (s *scheduler) end(t *Timetable, run *apply.ScheduleRun, now time.Time) {
	var failed []string
	tables := s.tables(t)
	for _, of := range tables {
		switch {
		case of.state.Phase == apply.Failed && !of.state.FailedAt.Before(run.Begun):
			failed = append(failed, of.name+": "+of.state.Reason)
		case of.state.Phase != apply.Streaming || of.state.CopiedAt <= run.Point:
			return
		}
	}
	run.Ended, run.Failed = now, len(failed) > 0
	run.Outcome = fmt.Sprintf("%d tables copied", len(tables)-len(failed))
	if run.Failed {
		run.Outcome += "; failed: " + strings.Join(failed, "; ")
		s.attempt.p.log.Error("a scheduled run has ended", "run", t.What(), "took", run.Ended.Sub(run.Begun).String(), "outcome", run.Outcome)
		return
	}
	s.attempt.p.log.Info("a scheduled run has ended", "run", t.What(), "took", run.Ended.Sub(run.Begun).String(), "outcome", run.Outcome)
}

// scheduled is what is shown of the timetables.
func (p *Pipeline) scheduled(runs map[string]apply.ScheduleRun) (all []Scheduled) {
	for i := range p.config.Schedule {
		t := &p.config.Schedule[i]
		if run, known := runs[t.What()]; known {
			all = append(all, Scheduled{What: t.What(), Spec: t.Spec, Next: t.Next(run), Last: run})
		}
	}
	return all
}
