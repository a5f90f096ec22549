package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/clickhouse"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// warehouse is an open target, with the engine that runs for it where the
// target is a directory.
type warehouse struct {
	apply.Target
	engine *sandbox.ClickHouse
	note   string // the file that tells others where the engine listens
}

func (w *warehouse) Close() error {
	err := w.Target.Close()
	if w.engine != nil {
		err = errors.Join(err, os.Remove(w.note), w.engine.Stop())
	}
	return err
}

// openTarget opens what --target names. An embedded one is started, except that
// a command which only looks joins the engine of the process that has it open.
func openTarget(ctx context.Context, s settings, log *slog.Logger, join bool) (*warehouse, error) {
	dir, embedded := strings.CutPrefix(s.Target, "embedded:")
	if !embedded {
		t, err := openClickHouse(ctx, s.Target, s, log)
		if err != nil {
			return nil, targetFault(err)
		}
		return &warehouse{Target: t}, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.Usage(err, "")
	}
	note := filepath.Join(dir, "listening")
	if join {
		if raw, err := os.ReadFile(note); err == nil {
			if t, err := openClickHouse(ctx, strings.TrimSpace(string(raw)), s, log); err == nil {
				return &warehouse{Target: t}, nil
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
	t, err := openClickHouse(ctx, engine.DSN(""), s, log)
	if err == nil {
		err = os.WriteFile(note, []byte(engine.DSN("")+"\n"), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, engine.Stop())
	}
	return &warehouse{Target: t, engine: engine, note: note}, nil
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

func openClickHouse(ctx context.Context, dsn string, s settings, log *slog.Logger) (*clickhouse.Target, error) {
	return clickhouse.Open(ctx, clickhouse.Options{
		DSN: dsn, OnUnrepresentable: s.OnUnrepresentable, MaxPartsPerSecond: s.MaxPartsPerSecond, Log: log,
	})
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
