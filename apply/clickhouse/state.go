package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// stateTable keeps one row per pipeline and one per table of it, of which the
// one with the highest revision counts. The columns are for people; detail is
// what is read.
const stateTable = "_pgsluice_state"

const stateColumns = ` (
    pipeline String,
    relation String COMMENT 'the source table; empty for the pipeline itself',
    target String COMMENT 'the table here',
    phase String,
    watermark String COMMENT 'of the pipeline: every transaction that ended at or below it is here',
    copied_at String COMMENT 'of a table: the consistent point it was copied at',
    reason String,
    updated_at DateTime64(3, 'UTC') COMMENT 'for people; nothing depends on it',
    detail String COMMENT 'everything, as JSON',
    revision UInt64 COMMENT 'orders the rows of one pipeline',
    removed UInt8
)
ENGINE = ReplacingMergeTree(revision, removed)
ORDER BY (pipeline, relation)`

// memory is what this process knows of the state table.
type memory struct {
	mu sync.Mutex
	// ready: the state table is known to exist.
	ready     bool
	pipelines map[string]*progress
}

// progress is one pipeline's row.
type progress struct {
	state apply.PipelineState // the zero state: nothing is remembered
	// revision is the highest that was ever written. A clock would run back,
	// and the watermark with it.
	revision uint64
}

// Recall implements [apply.Target].
func (t *Target) Recall(ctx context.Context, pipeline string) (apply.State, error) {
	t.state.mu.Lock()
	defer t.state.mu.Unlock()
	s, err := t.recall(ctx, pipeline)
	if err != nil {
		return apply.State{}, t.failed(ctx, "recall the state of pipeline "+pipeline, err)
	}
	return s, nil
}

// recall reads what is remembered, and puts the pipeline's part in memory.
func (t *Target) recall(ctx context.Context, pipeline string) (s apply.State, err error) {
	rows, err := t.statements.Query(ctx, "SELECT relation, detail, revision, removed FROM "+t.tableName(stateTable)+
		" WHERE pipeline = "+text(pipeline)+" ORDER BY relation, revision DESC LIMIT 1 BY relation")
	if code := codeOf(err); code == codeUnknownTable || code == codeUnknownDatabase {
		t.state.know(pipeline, &progress{})
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer rows.Close()
	known := &progress{}
	for rows.Next() {
		var relation, detail string
		var revision uint64
		var removed uint8
		if err := rows.Scan(&relation, &detail, &revision, &removed); err != nil {
			return s, err
		}
		known.revision = max(known.revision, revision)
		if removed != 0 {
			continue
		}
		if err := readState(&s, relation, detail); err != nil {
			return s, fault.Permanent(fmt.Errorf("row %q of %s cannot be read: %w", relation, stateTable, err),
				"the row was changed by hand, or written by a later version of pgsluice")
		}
	}
	if err := rows.Err(); err != nil {
		return s, err
	}
	known.state = s.Pipeline
	// A process that still runs after this one has taken over must not write
	// the same revision: its rows are to lose against ours, not to tie.
	known.revision += rand.Uint64N(1 << 20)
	t.state.know(pipeline, known)
	return s, nil
}

func readState(s *apply.State, relation, detail string) error {
	if relation == "" {
		return json.Unmarshal([]byte(detail), &s.Pipeline)
	}
	var table apply.TableState
	if err := json.Unmarshal([]byte(detail), &table); err != nil {
		return err
	}
	if s.Tables == nil {
		s.Tables = map[string]apply.TableState{}
	}
	s.Tables[relation] = table
	return nil
}

func (m *memory) know(pipeline string, p *progress) {
	if m.pipelines == nil {
		m.pipelines = map[string]*progress{}
	}
	m.pipelines[pipeline] = p
}

// progress is what is known of a pipeline, asked for when nobody has yet.
func (t *Target) progress(ctx context.Context, pipeline string) (*progress, error) {
	if p := t.state.pipelines[pipeline]; p != nil {
		return p, nil
	}
	if _, err := t.recall(ctx, pipeline); err != nil {
		return nil, err
	}
	return t.state.pipelines[pipeline], nil
}

// Remember implements [apply.Target].
func (t *Target) Remember(ctx context.Context, p apply.PipelineState, tables ...apply.TableState) error {
	t.state.mu.Lock()
	defer t.state.mu.Unlock()
	doing := "remember the state of pipeline " + p.Name
	if p.Name == "" {
		return fault.Permanent(errors.New("remember a state: the pipeline has no name"), "")
	}
	known, err := t.progress(ctx, p.Name)
	if err != nil {
		return t.failed(ctx, doing, err)
	}
	if p.Watermark < known.state.Watermark && !p.GivenUp {
		return fault.Permanent(fmt.Errorf("%s: its watermark would go back from %s to %s", doing, known.state.Watermark, p.Watermark),
			"two processes may be running the same pipeline: stop one of them")
	}
	if err := t.createState(ctx); err != nil {
		return t.failed(ctx, doing, err)
	}
	rows := newStateRows()
	known.revision++
	rows.addPipeline(p, known.revision)
	for i := range tables {
		rows.addTable(p.Name, &tables[i], known.revision)
	}
	crash.At("clickhouse-remember")
	if err := t.writeState(ctx, rows); err != nil {
		return t.failed(ctx, doing, err)
	}
	crash.At("clickhouse-remembered")
	known.state = p
	return nil
}

// advance moves the watermark of a batch's pipeline, never back: a replayed
// batch can end before what is remembered.
func (t *Target) advance(ctx context.Context, pipeline string, watermark change.LSN) error {
	if watermark == 0 {
		return nil
	}
	t.state.mu.Lock()
	defer t.state.mu.Unlock()
	doing := fmt.Sprintf("remember watermark %s of pipeline %s", watermark, pipeline)
	known, err := t.progress(ctx, pipeline)
	if err != nil {
		return t.failed(ctx, doing, err)
	}
	if known.state.Name == "" {
		return fault.Permanent(fmt.Errorf("%s: nothing is remembered of such a pipeline", doing), "")
	}
	if watermark <= known.state.Watermark {
		return nil
	}
	next := known.state
	next.Watermark = watermark
	rows := newStateRows()
	known.revision++ // also when the write fails: it may have happened
	rows.addPipeline(next, known.revision)
	crash.At("clickhouse-advance")
	if err := t.writeState(ctx, rows); err != nil {
		return t.failed(ctx, doing, err)
	}
	known.state = next
	return nil
}

// Forget implements [apply.Target].
func (t *Target) Forget(ctx context.Context, pipeline string) error {
	t.state.mu.Lock()
	defer t.state.mu.Unlock()
	doing := "forget pipeline " + pipeline
	s, err := t.recall(ctx, pipeline)
	if err != nil {
		return t.failed(ctx, doing, err)
	}
	known := t.state.pipelines[pipeline]
	if !s.Known() && len(s.Tables) == 0 {
		return nil
	}
	known.revision++
	rows := newStateRows()
	rows.remove(pipeline, "", known.revision)
	for relation := range s.Tables {
		rows.remove(pipeline, relation, known.revision)
	}
	if err := t.writeState(ctx, rows); err != nil {
		return t.failed(ctx, doing, err)
	}
	crash.At("clickhouse-forgotten")
	known.state = apply.PipelineState{}
	// Throwaway tables of checks are nobody's, and go with whoever leaves.
	return t.failed(ctx, doing, errors.Join(t.dropStateIfLast(ctx), t.sweep(ctx, abandoned)))
}

// dropStateIfLast leaves nothing behind when the last pipeline is forgotten. One
// that is just beginning elsewhere would find its state gone, and begin again.
func (t *Target) dropStateIfLast(ctx context.Context) error {
	var left uint64
	if err := t.statements.QueryRow(ctx, "SELECT count() FROM "+t.tableName(stateTable)+" FINAL").Scan(&left); err != nil || left > 0 {
		return err
	}
	t.state.ready = false
	return t.statements.Exec(ctx, "DROP TABLE IF EXISTS "+t.tableName(stateTable))
}

func (t *Target) createState(ctx context.Context) error {
	if t.state.ready {
		return nil
	}
	if err := t.createDatabase(ctx); err != nil {
		return err
	}
	if err := t.statements.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+t.tableName(stateTable)+stateColumns+t.tableSettings()); err != nil {
		return err
	}
	t.state.ready = true
	return nil
}
