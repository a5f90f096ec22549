package greenplum

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

// stage is a table's staging table on the main connection: its columns, before
// them how the row is to be merged, and behind them the key of the row that holds
// values which the log left out.
//
//	_how | _gap | columns … | key of the base …
//
// It is temporary, empty at the end of each transaction, and distributed as the
// table is, so that Greenplum merges on each segment what lies there.
type stage struct {
	plan *plan
	name string
	// made in the transaction that is open: should it come to nothing, so does the
	// staging table.
	made bool
	// used: the open transaction has put rows into it.
	used bool
	// gaps number the sets of columns that are Unchanged in some row of the batch
	// at hand: a row's _gap is the number, 0 for none.
	gaps  map[string]int
	sets  [][]int
	mask  []byte
	count merging
}

// merging is how many rows of a batch are merged in which way.
type merging struct {
	deleted, moved int64
	byGap          []int64 // rows to be updated, by _gap
}

// stageOwn are _how and _gap; maxColumns is PostgreSQL's MaxHeapAttributeNumber.
const (
	stageOwn   = 2
	maxColumns = 1600
)

// What _how says. A row that is to be inserted does not come here, see merge.
const (
	howDelete = 1
	howUpdate = 2
	// howMove: an update of a row whose gaps are filled from another key first.
	howMove = 3
)

// maxStages bounds the staging tables of a connection: the server empties all of
// them when a transaction ends.
const maxStages = 64

// stageOf gives the table's staging table, empty.
func (t *Target) stageOf(ctx context.Context, conn *pgx.Conn, p *plan) (*stage, error) {
	if s := t.staged[p]; s != nil {
		s.reset()
		if s.used {
			if _, err := conn.Exec(ctx, "TRUNCATE TABLE "+s.name); err != nil {
				return nil, err
			}
		}
		s.used = true
		return s, nil
	}
	if len(t.staged) >= maxStages {
		for old, s := range t.staged {
			if _, err := conn.Exec(ctx, "DROP TABLE "+s.name); err != nil {
				return nil, err
			}
			delete(t.staged, old)
		}
	}
	t.stages++
	s := &stage{plan: p, made: true, used: true, name: fmt.Sprintf("pg_temp.stage_%d", t.stages)}
	if _, err := conn.Exec(ctx, s.create(t.server)); err != nil {
		return nil, fmt.Errorf("make a staging table: %w", err)
	}
	t.staged[p] = s
	s.reset()
	return s, nil
}

// stagesAre tells the staging tables that the transaction is over, committed or not:
// they are empty, and those that it has made are there only if it was.
func (t *Target) stagesAre(kept bool) {
	if !kept {
		t.forgetMade()
	}
	for _, s := range t.staged {
		s.made, s.used = false, false
	}
}

func (t *Target) forgetMade() {
	for p, s := range t.staged {
		if s.made {
			delete(t.staged, p)
		}
	}
}

// reset begins a batch.
func (s *stage) reset() {
	s.gaps, s.sets = map[string]int{}, [][]int{nil}
	s.count = merging{byGap: []int64{0}}
}

func (s *stage) create(v *server) string {
	columns := []string{"_how integer", "_gap integer"}
	for i, c := range s.plan.columns {
		columns = append(columns, fmt.Sprintf("c%d %s", i, c.ddl))
	}
	for place, i := range s.plan.key {
		columns = append(columns, fmt.Sprintf("b%d %s", place, s.plan.columns[i].ddl))
	}
	sql := "CREATE TEMPORARY TABLE " + strings.TrimPrefix(s.name, "pg_temp.") + " (" + strings.Join(columns, ", ") + ") ON COMMIT DELETE ROWS"
	switch {
	case !v.distributes():
	case len(s.plan.distribution) == 0:
		sql += " DISTRIBUTED RANDOMLY"
	default:
		list := make([]string, len(s.plan.distribution))
		for n, i := range s.plan.distribution {
			list[n] = fmt.Sprintf("c%d", i)
		}
		sql += " DISTRIBUTED BY (" + strings.Join(list, ", ") + ")"
	}
	return sql
}

// append writes a row of a batch for COPY, and counts it.
func (s *stage) append(e *encoder, dst []byte, r *apply.Row) ([]byte, error) {
	how, gap := howUpdate, 0
	switch {
	case r.Deleted:
		how = howDelete
	case r.Base != nil:
		gap = s.gap(r.Values)
		if !sameKey(s.plan, r) {
			how = howMove
		}
	}
	dst = e.int32(e.int32(e.head(dst, stageOwn+len(s.plan.columns)+len(s.plan.key)), int32(how)), int32(gap))
	var err error
	for i := range s.plan.columns {
		if dst, err = e.value(dst, i, r.Values[i]); err != nil {
			return nil, err
		}
	}
	for place, i := range s.plan.key {
		d := change.Datum{}
		if how == howMove {
			d = r.Base[place]
		}
		if dst, err = e.value(dst, i, d); err != nil {
			return nil, err
		}
	}
	switch how {
	case howDelete:
		s.count.deleted++
	case howMove:
		s.count.moved++
		s.count.byGap[0]++
	default:
		s.count.byGap[gap]++
	}
	return e.tail(dst), nil
}

// gap numbers the set of a row's Unchanged values.
func (s *stage) gap(values []change.Datum) int {
	s.mask = s.mask[:0]
	for i, d := range values {
		if d.Format == change.Unchanged {
			s.mask = append(s.mask, byte(i>>8), byte(i))
		}
	}
	n, ok := s.gaps[string(s.mask)]
	if !ok {
		n = len(s.sets)
		var set []int
		for i, d := range values {
			if d.Format == change.Unchanged {
				set = append(set, i)
			}
		}
		s.gaps[string(s.mask)], s.sets, s.count.byGap = n, append(s.sets, set), append(s.count.byGap, 0)
	}
	return n
}

// sameKey says that the row's own key is that of its base.
func sameKey(p *plan, r *apply.Row) bool {
	for place, i := range p.key {
		a, b := r.Values[i], r.Base[place]
		if a.Format != b.Format || string(a.Bytes) != string(b.Bytes) {
			return false
		}
	}
	return true
}
