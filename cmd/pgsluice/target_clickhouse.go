package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgsluice/pgsluice/apply/clickhouse"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

func openEmbedded(ctx context.Context, s settings, log *slog.Logger, join bool) (*opened, error) {
	dir, err := filepath.Abs(strings.TrimPrefix(s.Target, "embedded:"))
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

func lookIntoEmbedded(ctx context.Context, s settings, log *slog.Logger) (*opened, error) {
	dir := strings.TrimPrefix(s.Target, "embedded:")
	if holdsAnything(dir) {
		return openEmbedded(ctx, s, log, true)
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

func engineFault(dir string, err error) error {
	err = fmt.Errorf("start the embedded warehouse in %s: %w", dir, err)
	var missing *sandbox.MissingError
	if errors.As(err, &missing) {
		return fault.Precondition(err, missing.Hint())
	}
	return fault.Precondition(err, "a directory serves one pgsluice at a time")
}

func openClickHouse(ctx context.Context, dsn string, s settings, log *slog.Logger) (*opened, error) {
	counts := &adjustments{to: log.With("pipeline", s.Name)}
	t, err := clickhouse.Open(ctx, clickhouse.Options{
		Pipeline: s.Name, DSN: dsn, OnUnrepresentable: s.OnUnrepresentable, MaxPartsPerSecond: s.MaxPartsPerSecond, Log: log, Adjusted: counts.add,
	})
	if err != nil {
		return nil, err
	}
	return &opened{Target: t, counts: counts}, nil
}

// announce says where an embedded warehouse can be queried.
func (w *opened) announce(log *slog.Logger, s settings) {
	if w.engine == nil {
		return
	}
	if !s.TargetGiven {
		log.Info("no --target is given: the warehouse is a directory", "target", s.Target)
	}
	log.Info("the embedded ClickHouse can be queried while pgsluice runs",
		"http", "http://"+w.engine.HTTPAddr()+"/play", "native", w.engine.NativeAddr())
}
