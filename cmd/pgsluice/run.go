package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	stdsync "sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

func (a *app) run() *cobra.Command {
	f := &flags{}
	var until string
	c := &cobra.Command{
		Use:   "run",
		Short: "load what is not loaded yet, then stream changes",
		Long: `Load what is not loaded yet under one snapshot, then follow the source's changes
until stopped. Ctrl-C or SIGTERM stops after the batch in hand; a second one
stops at once. A run that was stopped or killed goes on where it was. SIGHUP has
the configuration read again. Of several processes that run one pipeline one
works; the others stand by and take over.

Exit status: 0 stopped or done, 1 failed, 2 usage or configuration, 3 a precondition is not met.`,
		Example: `  pgsluice run --source postgres://me:secret@db/shop --target clickhouse://default@ch:9000/shop --table 'public.*'
  pgsluice run -c shop.yaml --until caught-up`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.listen.set = c.Flags().Changed(listenFlag)
			read := func() ([]settings, error) {
				all, err := f.resolve(true)
				for i := range all {
					if err == nil {
						err = setUntil(&all[i], until)
					}
				}
				return all, err
			}
			all, err := read()
			if err != nil {
				return err
			}
			return a.move(c.Context(), all, read, (*sync.Pipeline).Run)
		},
	}
	f.register(c, true)
	c.Flags().StringVar(&until, "until", "", "stop when everything committed before the start is applied (caught-up), or everything up to an `LSN`")
	f.registerListen(c)
	c.Flags().DurationVar(&f.flush, "flush-interval", -1, "least time between two batches; 0 applies as soon as the target is free (default 500ms)")
	return c
}

func setUntil(s *settings, until string) error {
	switch until {
	case "":
	case "caught-up":
		s.UntilCaughtUp = true
	default:
		lsn, err := change.ParseLSN(until)
		if err != nil || lsn == 0 {
			return fault.Usage(fmt.Errorf("--until %q", until), "give caught-up, or an LSN like 16/B374D848")
		}
		s.Until = lsn
	}
	return nil
}

func (a *app) load() *cobra.Command {
	f := &flags{flush: -1}
	c := &cobra.Command{
		Use:   "load",
		Short: "copy the tables once, under one snapshot, and exit",
		Long: `Copy the tables once, under one exported snapshot, and exit. Needs neither a slot
nor the REPLICATION right, and works on a standby. A load that was stopped or
killed goes on with the missing tables when it is started again.

Exit status: 0 done or stopped, 1 failed, 2 usage or configuration, 3 a precondition is not met.`,
		Example: `  pgsluice load --source postgres://me:secret@db/shop --target clickhouse://default@ch:9000/shop --table 'public.*'
  pgsluice load --source postgres://me:secret@db/shop --table 'public.*'    # into ./pgsluice-warehouse`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.listen.set = c.Flags().Changed(listenFlag)
			all, err := f.resolve(true)
			if err != nil {
				return err
			}
			return a.move(c.Context(), all, nil, (*sync.Pipeline).Load)
		},
	}
	f.register(c, true)
	f.registerListen(c)
	return c
}

// move runs pipelines side by side until all have ended or one has failed.
func (a *app) move(ctx context.Context, all []settings, read func() ([]settings, error), what func(*sync.Pipeline, context.Context) error) error {
	d := newDisplay(a.err)
	defer d.close()
	log, err := a.logger(d)
	if err != nil {
		return err
	}
	w, err := openWindow(all, 0, log)
	if err != nil {
		return err
	}
	defer w.close()
	w.announce(log)
	ctx, stop, release := signals(ctx, log)
	defer release()
	group, groupCtx := errgroup.WithContext(ctx)
	parts := map[string]chan settings{}
	for _, s := range all {
		part := make(chan settings, 1)
		parts[s.Name] = part
		group.Go(func() error {
			err := keepMoving(ctx, s, part, log, func(s settings, again <-chan struct{}, before *sync.Pipeline) (*sync.Pipeline, error) {
				return movePipeline(ctx, s, before, []<-chan struct{}{stop, groupCtx.Done()}, again, log, onlookers{d, w}, what)
			})
			w.ended(s.Name, err)
			if err != nil && len(all) > 1 {
				err = fmt.Errorf("pipeline %s: %w", s.Name, err)
			}
			return err
		})
	}
	if read != nil {
		reading, end := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			reloads(reading, log, read, parts)
		}()
		defer func() { end(); <-done }()
	}
	return group.Wait()
}

// onlookers are those who are shown how far a pipeline is.
type onlookers struct {
	display *display
	window  *window
}

// movePipeline runs a pipeline, in the place of the one before, until one of the stops
// is closed, or again, behind which there is a next. The pipeline is nil where it could
// not be begun.
func movePipeline(ctx context.Context, s settings, before *sync.Pipeline, stops []<-chan struct{}, again <-chan struct{}, log *slog.Logger, o onlookers,
	what func(*sync.Pipeline, context.Context) error,
) (p *sync.Pipeline, err error) {
	target, err := openTarget(ctx, s, log, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	target.announce(log, s)
	s.Log = log
	p = sync.New(s.Config, target.Target)
	p.Follow(ctx, before)
	ended := make(chan struct{})
	var watching stdsync.WaitGroup
	on := func(stop <-chan struct{}, do func()) {
		watching.Go(func() {
			select {
			case <-stop:
				do()
			case <-ended:
			}
		})
	}
	for _, stop := range stops {
		on(stop, p.Stop)
	}
	on(again, p.StopForNext)
	defer func() { close(ended); watching.Wait() }()
	o.window.follow(s, p, target.counts, log)
	defer o.display.follow(s.Name, p, log)()
	return p, what(p, ctx)
}

// signals gives a channel that the first SIGINT or SIGTERM closes, and a context
// that the second one ends.
func signals(parent context.Context, log *slog.Logger) (context.Context, <-chan struct{}, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := make(chan struct{})
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		select {
		case s := <-caught:
			log.Info("stopping after the work in hand; once more stops at once", "signal", s.String())
			close(stop)
		case <-ended:
			return
		}
		select {
		case s := <-caught:
			cancel(fmt.Errorf("stopped at once by %s", s))
		case <-ended:
		}
	}()
	return ctx, stop, func() {
		signal.Stop(caught)
		close(ended)
		cancel(nil)
	}
}

// logEvery is how often progress is logged where there is no terminal to show
// it on.
const logEvery = 10 * time.Second
