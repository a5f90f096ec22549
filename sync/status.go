package sync

import (
	"context"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// Status is what both sides say about a pipeline, whether or not it runs.
type Status struct {
	Pipeline string `json:"pipeline"`
	// Known: the target remembers the pipeline.
	Known       bool   `json:"known"`
	Slot        string `json:"slot,omitempty"`
	Publication string `json:"publication,omitempty"`
	// Running: somebody streams from the slot.
	Running   bool   `json:"running"`
	SlotGone  bool   `json:"slot_gone,omitempty"`
	SlotLost  bool   `json:"slot_lost,omitempty"`
	Watermark string `json:"watermark,omitempty"`
	// LagBytes is how much log the target is behind, Retained how much the
	// slot keeps the source from removing.
	LagBytes      int64 `json:"lag_bytes"`
	RetainedBytes int64 `json:"retained_wal_bytes"`
	// SourceError is why the source could not be asked.
	SourceError string `json:"source_error,omitempty"`
	// Schedules are the last runs of what is done at times.
	Schedules map[string]apply.ScheduleRun `json:"schedules,omitempty"`
	Tables    []apply.TableState           `json:"tables"`
}

// Inspect asks both sides. That the source does not answer is part of the
// answer.
func Inspect(ctx context.Context, name, source string, target apply.Target) (Status, error) {
	state, err := target.Recall(ctx, name)
	if err != nil {
		return Status{}, err
	}
	p := state.Pipeline
	s := Status{Pipeline: name, Known: state.Known(), Slot: p.Slot, Publication: p.Publication, Schedules: p.Schedules, Tables: []apply.TableState{}}
	for _, t := range state.Tables {
		s.Tables = append(s.Tables, t)
	}
	slices.SortFunc(s.Tables, func(a, b apply.TableState) int { return strings.Compare(a.Relation, b.Relation) })
	if !s.Known || p.Slot == "" {
		return s, nil
	}
	if p.Watermark > 0 {
		s.Watermark = p.Watermark.String()
	}
	if err := s.askSource(ctx, source, p.Watermark); err != nil {
		s.SourceError = err.Error()
	}
	return s, nil
}

func (s *Status) askSource(ctx context.Context, source string, watermark change.LSN) error {
	conn, err := replication.Connect(ctx, source)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	slot, err := conn.FindSlot(ctx, s.Slot)
	if err != nil {
		return err
	}
	if slot == nil {
		s.SlotGone = true
		return nil
	}
	system, err := conn.Identify(ctx)
	if err != nil {
		return err
	}
	s.Running, s.SlotLost, s.RetainedBytes = slot.Active, slot.Lost, slot.Retained
	// Without a watermark the slot is still being made, and nothing is behind it.
	if watermark > 0 {
		s.LagBytes = max(0, int64(system.Flushed)-int64(watermark))
	}
	return nil
}
