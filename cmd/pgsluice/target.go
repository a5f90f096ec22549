package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	stdsync "sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/greenplum"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// opened is an open target, with the engine that runs for it where the target is
// a directory.
type opened struct {
	// Target is what the conductor is given: it can do more than it has to, which
	// opened does not show.
	apply.Target
	engine *sandbox.ClickHouse
	note   string // the file that tells others where the engine listens; empty for none
	counts *adjustments
}

// Close closes the target, and stops the engine that was started for it.
func (o *opened) Close() error {
	err := o.Target.Close()
	o.counts.log()
	if o.note != "" {
		err = errors.Join(err, os.Remove(o.note))
	}
	if o.engine != nil {
		err = errors.Join(err, o.engine.Stop())
	}
	return err
}

// openTarget opens what --target names. An embedded one is started, except that a
// command which only looks joins the engine of the process that has it open.
func openTarget(ctx context.Context, s settings, log *slog.Logger, join bool) (o *opened, err error) {
	switch kind := kindOf(s.Target); kind {
	case embeddedKind:
		return openEmbedded(ctx, s, log, join)
	case greenplumKind:
		o, err = openGreenplum(ctx, s, log)
	default:
		o, err = openClickHouse(ctx, s.Target, s, log)
	}
	if err != nil {
		return nil, targetFault(err)
	}
	return o, nil
}

// lookIntoTarget opens what --target names for a command that changes nothing: a
// directory that holds no warehouse yet stays as it is, and a throwaway engine
// answers in its place.
func lookIntoTarget(ctx context.Context, s settings, log *slog.Logger) (*opened, error) {
	if kindOf(s.Target) == embeddedKind {
		return lookIntoEmbedded(ctx, s, log)
	}
	return openTarget(ctx, s, log, true)
}

// targetFault: a target that does not let us in is for the user to mend, whether
// or not it might by itself; nothing has been begun.
func targetFault(err error) error {
	remedy := ""
	switch {
	case fault.IsUsage(err):
		return err
	case fault.Hint(err) == "":
		remedy = "see that the server runs, and that host and port are those of the target's DSN (for ClickHouse the native protocol's: 9000, or 9440 with secure=true)"
	}
	return fault.Precondition(err, remedy)
}

func openGreenplum(ctx context.Context, s settings, log *slog.Logger) (*opened, error) {
	counts := &adjustments{to: log.With("pipeline", s.Name)}
	t, err := greenplum.Open(ctx, greenplum.Options{
		DSN: s.Target, Pipeline: s.Name, OnUnrepresentable: s.OnUnrepresentable, Storage: s.Storage, Compression: s.Compression,
		Log: log, Adjusted: counts.add,
	})
	if err != nil {
		return nil, err
	}
	return &opened{Target: t, counts: counts}, nil
}

// adjustments counts the values that were not kept as they were.
type adjustments struct {
	to     *slog.Logger
	mu     stdsync.Mutex
	counts map[adjustment]int64
}

type adjustment struct{ table, column, reason string }

func (a *adjustments) add(table, column, reason string, n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[adjustment]int64{}
	}
	a.counts[adjustment{table, column, reason}] += n
}

func (a *adjustments) log() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for what, n := range a.counts {
		a.to.Warn("values were adjusted", "table", what.table, "column", what.column, "reason", what.reason, "values_adjusted_total", n)
	}
}
