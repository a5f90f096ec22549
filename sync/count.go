package sync

import (
	"maps"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// rowBounds and timeBounds are those of the tallies of batches: rows, and nanoseconds.
var (
	rowBounds  = []int64{1, 10, 100, 1_000, 10_000, 100_000}
	timeBounds = []int64{
		int64(time.Millisecond), int64(5 * time.Millisecond), int64(25 * time.Millisecond), int64(100 * time.Millisecond),
		int64(500 * time.Millisecond), int64(2 * time.Second), int64(10 * time.Second), int64(time.Minute),
	}
)

// classOther is what errors are counted under that were judged without a class.
const classOther = "other"

// countError counts an error that has ended an attempt, or stopped a table.
func (p *Pipeline) countError(err error) {
	class := classOther
	if c := fault.ClassOf(err); c != nil {
		class = c.Name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors[class]++
}

func (p *Pipeline) countedErrors() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.errors)
}

// add counts a table's part of a batch that was applied.
func (c *counters) add(tb *apply.TableBatch) {
	c.applied.Add(int64(tb.Len()))
	c.inserted.Add(tb.Changes.Inserted)
	c.updated.Add(tb.Changes.Updated)
	c.deleted.Add(tb.Changes.Deleted)
	c.truncated.Add(tb.Changes.Truncated)
}

func (c *counters) changes() apply.Changes {
	return apply.Changes{Inserted: c.inserted.Load(), Updated: c.updated.Load(), Deleted: c.deleted.Load(), Truncated: c.truncated.Load()}
}
