package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
	"github.com/pgsluice/pgsluice/sync"
)

func (a *app) demo() *cobra.Command {
	lasting := 20 * time.Second
	c := &cobra.Command{
		Use:   "demo",
		Short: "show the whole thing on throwaway servers",
		Long: `Start a throwaway PostgreSQL and a throwaway ClickHouse on this machine, fill a
small shop, keep it busy, and do what ` + "`pgsluice run`" + ` does: load, then stream. When
the time is up or at the first Ctrl-C the shop closes, what is left is applied,
and every row of every table is compared on both servers with ordinary queries.
The servers and their directories are removed in any case.

Exit status: 0 everything is equal, 1 it is not, or the demo failed, 2 usage,
3 a server program is missing.`,
		Example: `  pgsluice demo
  pgsluice demo --for 2m      # time to look around with psql and a browser`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if lasting <= 0 {
				return fault.Usage(fmt.Errorf("--for %s", lasting), "give a time above 0, for instance --for 20s")
			}
			return a.demonstrate(c.Context(), lasting)
		},
	}
	c.Flags().DurationVar(&lasting, "for", lasting, "how long the shop is kept busy")
	return c
}

// demonstration is one demo: two servers, a shop and a pipeline between them.
type demonstration struct {
	*app
	display *display
	log     *slog.Logger
	// soft ends at the first Ctrl-C; the context that methods are given at the
	// second.
	soft context.Context
	stop <-chan struct{}

	postgres   *sandbox.Postgres
	clickhouse *sandbox.ClickHouse
	settings   settings
	window     *window
	tables     []demoTable
	streamed   map[string]int64
}

func (a *app) demonstrate(ctx context.Context, lasting time.Duration) (err error) {
	d := &demonstration{app: a, display: newDisplay(a.err), streamed: map[string]int64{}}
	defer d.display.close()
	d.display.logEvery = 2 * time.Second // a demo is watched
	if d.log, err = a.demoLog(d.display); err != nil {
		return err
	}
	ctx, outlived := outliveTerminal(ctx)
	defer outlived()
	ctx, stop, release := signals(ctx, d.log)
	defer release()
	d.stop = stop
	soft, enough := softened(ctx, stop)
	defer enough()
	d.soft = soft
	defer func() { err = errors.Join(err, d.remove()) }()

	err = d.show(ctx, lasting)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// show goes through the demo's acts.
func (d *demonstration) show(ctx context.Context, lasting time.Duration) error {
	if err := d.prepare(); err != nil {
		if d.soft.Err() != nil {
			return errors.New("the demo was stopped before there was anything to compare")
		}
		return err
	}
	if err := d.live(ctx, lasting); err != nil {
		return err
	}
	if err := d.catchUp(ctx); err != nil {
		return err
	}
	return d.judge(ctx)
}

// demoSample is short, so that the charts of half a minute show something.
const demoSample = 250 * time.Millisecond

// say tells what is going on, above the display's block.
func (d *demonstration) say(format string, args ...any) {
	fmt.Fprintf(d.display, format+"\n", args...)
}

// prepare starts the servers, fills the shop, and says where to look.
func (d *demonstration) prepare() error {
	if err := d.startServers(d.soft); err != nil {
		return err
	}
	if err := d.openShop(d.soft); err != nil {
		return fmt.Errorf("fill the shop: %w", err)
	}
	f := &flags{source: d.postgres.DSN(shopDatabase), target: d.clickhouse.DSN(""), tables: []string{"public.*"}, flush: -1}
	all, err := f.resolve(true)
	if err != nil {
		return err
	}
	all[0].Page.Listen = "127.0.0.1:0"
	if d.window, err = openWindow(all, demoSample, d.log); err != nil {
		return err
	}
	d.settings = all[0]
	d.say(`
Look around while it runs:
  %s       a page to watch; also %[1]smetrics
  psql '%s'
  http://%s/play       e.g. SELECT status, count() FROM orders FINAL GROUP BY status
  native protocol %s, user default, no password

The same as: pgsluice run --source '%s' --target '%s' --table 'public.*'
`, d.window.urls[0], f.source, d.clickhouse.HTTPAddr(), d.clickhouse.NativeAddr(), f.source, f.target)
	return nil
}

// live runs the shop and the pipeline beside it, until the time is up or the
// first Ctrl-C. The shop closes first.
func (d *demonstration) live(ctx context.Context, lasting time.Duration) error {
	d.say("The shop is busy for %s; Ctrl-C ends that earlier.", lasting)
	open, closing := context.WithTimeout(d.soft, lasting)
	defer closing()
	work := &workload{}
	closed := make(chan struct{})
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(closed)
		return work.run(groupCtx, d.settings.Source, open.Done())
	})
	group.Go(func() error { return d.run(ctx, d.settings, closed, groupCtx.Done()) })
	if err := group.Wait(); err != nil {
		return err
	}
	d.display.close()
	d.say("The shop is closed after %s transactions, and %s that were rolled back.", count(work.committed.Load()), count(work.rolledBack.Load()))
	return nil
}

// run is `pgsluice run`. A table that failed is an error here even where a later
// run would mend it.
func (d *demonstration) run(ctx context.Context, s settings, stop, othersFailed <-chan struct{}) error {
	var seen sync.Progress
	_, err := movePipeline(ctx, s, nil, []<-chan struct{}{stop, othersFailed}, nil, d.log, onlookers{d.display, d.window}, func(p *sync.Pipeline, ctx context.Context) error {
		err := p.Run(ctx)
		seen = p.Progress()
		return err
	})
	for _, t := range seen.Tables {
		d.streamed[t.Name] += t.Applied
		if t.Failed && err == nil {
			err = fmt.Errorf("table %s failed", t.Name)
		}
	}
	return err
}

// catchUp goes on from what the target remembers, as any later run would, and
// ends where the source is now.
func (d *demonstration) catchUp(ctx context.Context) error {
	began := time.Now()
	d.say("Catching up, by a second run with --until caught-up.")
	s := d.settings
	if err := setUntil(&s, "caught-up"); err != nil {
		return err
	}
	if err := d.run(ctx, s, nil, nil); err != nil {
		return fmt.Errorf("catch up: %w", err)
	}
	d.display.close()
	d.say("Caught up after %s.", since(began))
	return nil
}

// judge compares all tables and gives the verdict.
func (d *demonstration) judge(ctx context.Context) error {
	began := time.Now()
	d.say("Comparing every value of every row, by queries on both servers.\n")
	found, err := d.compare(ctx)
	if err != nil {
		return err
	}
	if err := d.report(found); err != nil {
		return err
	}
	var rows int64
	for _, c := range found {
		rows += c.source
	}
	fmt.Fprintf(d.out, "PostgreSQL and ClickHouse are equal: %s rows in %d tables, compared value by value in %s.\n", count(rows), len(found), since(began))
	return nil
}

func since(began time.Time) time.Duration { return time.Since(began).Round(10 * time.Millisecond) }
