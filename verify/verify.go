package verify

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Config is what is to be compared. All fields are needed except where they say so.
type Config struct {
	Pipeline string
	// Source is a PostgreSQL connection string, Version its server_version_num.
	Source  string
	Version int
	// Slot is the pipeline's, empty for a one-shot load.
	Slot string
	// Target is an apply.Comparer too. Nobody else uses it meanwhile.
	Target apply.Target
	Tables []Table
	// Workers read the source at the same time, ChunkBytes at most with one
	// statement, roughly.
	Workers    int
	ChunkBytes int64
	// Limit is how many differences of a table are described.
	Limit int
	// Progress, when it is not nil, is called now and then from another goroutine.
	Progress func(Progress)
	Every    time.Duration
}

// Table is a table of the pipeline.
type Table struct {
	Name, Target string
	// Why says that it cannot be compared; then nothing below is needed.
	Why    string
	Source *snapshot.Table
	Query  snapshot.Query
	Into   *apply.Table
	// Still says what has become of the table that makes a comparison worthless; nil
	// for nothing.
	Still func(apply.State) error
}

// run is one comparison of a pipeline.
type run struct {
	config                 *Config
	fence                  *fence
	hashes                 *hashes
	now                    atomic.Pointer[Progress]
	sourceRows, targetRows atomic.Int64
	done                   int
}

// tableRun is one of a table.
type tableRun struct {
	*Table
	run        *run
	comparison apply.Comparison
	result     *TableResult
}

// notCompared is why a table could not be compared after all.
type notCompared struct{ error }

func (e notCompared) Unwrap() error { return e.error }

// Run compares the tables one after the other, each with all that the servers give.
// That they differ is no error. What is in the way of a single table is said in its
// result, and the others go on.
func Run(ctx context.Context, config Config) (result *Result, err error) {
	if _, ok := config.Target.(apply.Comparer); !ok {
		return nil, fault.Permanent(errors.New("this target cannot be compared"), "")
	}
	conn, err := postgres.Connect(ctx, config.Source)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	r := &run{config: &config, fence: &fence{config: &config, conn: conn}, hashes: newHashes()}
	defer r.fence.drop(ctx)
	r.now.Store(&Progress{OfTables: len(config.Tables)})
	defer r.report()()
	result = &Result{Pipeline: config.Pipeline}
	for i := range config.Tables {
		one, err := r.table(ctx, &config.Tables[i])
		if err != nil {
			return nil, err
		}
		result.Tables = append(result.Tables, *one)
		r.done++
	}
	slices.SortStableFunc(result.Tables, func(a, b TableResult) int { return cmp.Compare(a.Relation, b.Relation) })
	result.settle(r.fence.passed)
	return result, nil
}

// table compares one table. The error is that none can be compared.
func (r *run) table(ctx context.Context, table *Table) (*TableResult, error) {
	started := time.Now()
	t := &tableRun{Table: table, run: r, result: &TableResult{Relation: table.Name, Target: table.Target}}
	err := t.compare(ctx)
	t.result.Took = time.Since(started)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var none notCompared
	switch {
	case err == nil:
	case fault.Retryable(err) && !errors.As(err, &none):
		return nil, err
	default:
		t.result.Verdict, t.result.Reason = NotCompared, err.Error()
	}
	t.result.settle()
	return t.result, nil
}

func (t *tableRun) compare(ctx context.Context) (err error) {
	if t.Why != "" {
		return notCompared{errors.New(t.Why)}
	}
	if t.comparison, err = t.run.config.Target.(apply.Comparer).Compare(ctx, t.Into); err != nil {
		return err
	}
	defer t.comparison.Close()
	for i, why := range t.comparison.LeftOut() {
		if t.result.LeftOut == nil {
			t.result.LeftOut = map[string]string{}
		}
		t.result.LeftOut[t.Query.Relation.Columns[i].Name] = why
	}
	keyless := len(t.Query.Relation.Key) == 0
	sums := newSums(t.expected())
	err = t.scan(ctx, "comparing", false, keyless,
		func() sink { return &summing{&adder{of: sums}, t.run.hashes} },
		func() sink { return &summing{&adder{of: sums, target: true}, t.run.hashes} })
	if err != nil {
		return err
	}
	t.result.SourceRows, t.result.TargetRows = t.run.sourceRows.Load(), t.run.targetRows.Load()
	h := &holding{dirty: sums.dirty(), mask: sums.mask}
	if h.dirty.n == 0 {
		return t.stillThere(ctx) // it may have been copied anew under our eyes
	}
	more := h.bounded(max(t.result.SourceRows, t.result.TargetRows), len(sums.buckets))
	sums.buckets = nil
	doubtful, err := t.collect(ctx, h, "looking for differences", keyless)
	if err != nil {
		return err
	}
	if keyless {
		err = t.settleKeyless(ctx, doubtful)
	} else {
		err = t.settle(ctx, doubtful)
	}
	t.result.More = t.result.More || more
	return err
}

// expected is how many rows there are, by what the planner knows, or else by size.
func (t *tableRun) expected() int64 {
	const narrow = 100
	if t.Source.Rows > 0 {
		return t.Source.Rows
	}
	return t.Source.Bytes / narrow
}

// begin notes what is being done.
func (r *run) begin(t *tableRun, step string) {
	r.sourceRows.Store(0)
	r.targetRows.Store(0)
	r.now.Store(&Progress{Table: t.Name, Step: step, Tables: r.done, OfTables: len(r.config.Tables), OfRows: t.expected()})
}

// report calls Progress until the function that it gives is called.
func (r *run) report() func() {
	if r.config.Progress == nil {
		return func() {}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(r.config.Every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p := *r.now.Load()
				p.SourceRows, p.TargetRows = r.sourceRows.Load(), r.targetRows.Load()
				r.config.Progress(p)
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-done }
}
