package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// hangups gives a channel that gets a value for each SIGHUP.
func hangups() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloads reads the configuration again on each SIGHUP and gives every pipeline
// its part of it, until ctx ends. A configuration that cannot be read changes
// nothing.
func reloads(ctx context.Context, log *slog.Logger, read func() ([]settings, error), parts map[string]chan settings) {
	hup, release := hangups()
	defer release()
	for {
		select {
		case <-hup:
		case <-ctx.Done():
			return
		}
		all, err := read()
		if err != nil {
			log.Error("the configuration cannot be read again; going on with the one there is", "error", err, "hint", fault.Hint(err))
			continue
		}
		found := map[string]bool{}
		for _, s := range all {
			found[s.Name] = true
			part := parts[s.Name]
			if part == nil {
				log.Error("a pipeline that is new needs a process of its own, or a restart", "pipeline", s.Name)
				continue
			}
			select { // the newest counts
			case <-part:
			default:
			}
			part <- s
		}
		for name := range parts {
			if !found[name] {
				log.Error("a pipeline is not in the configuration any more; it goes on until pgsluice is stopped", "pipeline", name)
			}
		}
	}
}

// keepMoving runs a pipeline, and again with what a reload has brought, while other
// processes go on standing by. What cannot be begun with the new configuration goes
// on with the old one.
func keepMoving(ctx context.Context, s settings, part <-chan settings, log *slog.Logger,
	once func(s settings, again <-chan struct{}, before *sync.Pipeline) (*sync.Pipeline, error),
) error {
	var old *settings
	var last *sync.Pipeline // nil before the first
	defer func() {
		if last != nil {
			last.Release(ctx)
		}
	}()
	for {
		again := make(chan struct{})
		var next *settings
		done, waited := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(waited)
			select {
			case n := <-part:
				next = &n
				close(again)
			case <-done:
			}
		}()
		p, err := once(s, again, last)
		close(done)
		<-waited
		if p != nil {
			last = p
		}
		began := p != nil && p.Began()
		switch {
		case next != nil && (err == nil || old != nil && !began):
			log.Info("going on with the configuration that was read again", "pipeline", s.Name)
			if began || old == nil { // what has not begun is nothing to go back to
				before := s
				old = &before
			}
			s = *next
		case err != nil && old != nil && !began:
			log.Error("the configuration that was read again cannot be run; going on with the one before", "pipeline", s.Name, "error", err, "hint", fault.Hint(err))
			s, old = *old, nil
			s.Again = true
		default:
			return err
		}
	}
}
