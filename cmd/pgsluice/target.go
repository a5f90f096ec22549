package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	stdsync "sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/clickhouse"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// warehouse is an open target, with the engine that runs for it where the
// target is a directory.
//
// The target is embedded as what it is, so that its optional abilities
// (apply.Pacer, apply.Inspector) are the warehouse's too.
type warehouse struct {
	*clickhouse.Target
	engine *sandbox.ClickHouse
	note   string // the file that tells others where the engine listens; empty for none
	counts *adjustments
}

var (
	_ apply.Target = (*warehouse)(nil)
	_ apply.Pacer  = (*warehouse)(nil)
)

func (w *warehouse) Close() error {
	err := w.Target.Close()
	w.counts.log()
	if w.note != "" {
		err = errors.Join(err, os.Remove(w.note))
	}
	if w.engine != nil {
		err = errors.Join(err, w.engine.Stop())
	}
	return err
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

// openTarget opens what --target names. An embedded one is started, except that
// a command which only looks joins the engine of the process that has it open.
func openTarget(ctx context.Context, s settings, log *slog.Logger, join bool) (*warehouse, error) {
	dir, embedded := strings.CutPrefix(s.Target, "embedded:")
	if !embedded {
		w, err := openClickHouse(ctx, s.Target, s, log)
		if err != nil {
			return nil, targetFault(err)
		}
		return w, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.Usage(err, "")
	}
	note := filepath.Join(dir, "listening")
	if join {
		if raw, err := os.ReadFile(note); err == nil {
			if w, err := openClickHouse(ctx, strings.TrimSpace(string(raw)), s, log); err == nil {
				return w, nil
			}
			// The note of a process that was killed: start the engine.
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil, fault.Precondition(fmt.Errorf("there is no warehouse in %s", dir), "name the directory that `load` or `run` was given: --target embedded:./directory")
		}
	}
	engine, err := sandbox.StartClickHouse(ctx, sandbox.ClickHouseOptions{Dir: dir})
	if err != nil {
		return nil, engineFault(dir, err)
	}
	w, err := openClickHouse(ctx, engine.DSN(""), s, log)
	if err == nil {
		err = os.WriteFile(note, []byte(engine.DSN("")+"\n"), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, engine.Stop())
	}
	w.engine, w.note = engine, note
	return w, nil
}

// lookIntoTarget opens what --target names for a command that changes nothing: a
// directory that holds no warehouse yet stays as it is, and a throwaway engine
// answers in its place.
func lookIntoTarget(ctx context.Context, s settings, log *slog.Logger) (*warehouse, error) {
	dir, embedded := strings.CutPrefix(s.Target, "embedded:")
	if !embedded || holdsAnything(dir) {
		return openTarget(ctx, s, log, true)
	}
	engine, err := sandbox.StartClickHouse(ctx, sandbox.ClickHouseOptions{})
	if err != nil {
		return nil, engineFault(dir, err)
	}
	w, err := openClickHouse(ctx, engine.DSN(""), s, log)
	if err != nil {
		return nil, errors.Join(err, engine.Stop())
	}
	w.engine = engine
	return w, nil
}

func holdsAnything(dir string) bool {
	entries, err := os.ReadDir(dir)
	return len(entries) > 0 || err != nil && !errors.Is(err, os.ErrNotExist)
}

// targetFault: a target that does not let us in is for the user to mend, whether
// or not it might by itself; nothing has been begun.
func targetFault(err error) error {
	remedy := ""
	switch {
	case fault.IsUsage(err):
		return err
	case fault.Hint(err) == "":
		remedy = "see that the server runs, and that host and port of the target's DSN are those of the native protocol (9000, or 9440 with secure=true)"
	}
	return fault.Precondition(err, remedy)
}

func engineFault(dir string, err error) error {
	err = fmt.Errorf("start the embedded warehouse in %s: %w", dir, err)
	var missing *sandbox.MissingError
	if errors.As(err, &missing) {
		return fault.Precondition(err, missing.Hint())
	}
	return fault.Precondition(err, "a directory serves one pgsluice at a time")
}

func openClickHouse(ctx context.Context, dsn string, s settings, log *slog.Logger) (*warehouse, error) {
	counts := &adjustments{to: log.With("pipeline", s.Name)}
	t, err := clickhouse.Open(ctx, clickhouse.Options{
		DSN: dsn, OnUnrepresentable: s.OnUnrepresentable, MaxPartsPerSecond: s.MaxPartsPerSecond, Log: log, Adjusted: counts.add,
	})
	if err != nil {
		return nil, err
	}
	return &warehouse{Target: t, counts: counts}, nil
}

// announce says where an embedded warehouse can be queried.
func (w *warehouse) announce(log *slog.Logger, s settings) {
	if w.engine == nil {
		return
	}
	if !s.TargetGiven {
		log.Info("no --target is given: the warehouse is a directory", "target", s.Target)
	}
	log.Info("the embedded ClickHouse can be queried while pgsluice runs",
		"http", "http://"+w.engine.HTTPAddr()+"/play", "native", w.engine.NativeAddr())
}
