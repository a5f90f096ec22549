package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// changedError is of a table that was altered, or has gone, while it was looked at or
// copied: it is to be looked at again, and nobody is at fault.
type changedError struct{ error }

func (e changedError) Unwrap() error { return e.error }

func changed(format string, args ...any) error {
	return fault.Retry(changedError{fmt.Errorf(format, args...)})
}

func isChanged(err error) bool {
	var e changedError
	return errors.As(err, &e)
}

// narrowed is narrowTables where a fault can be that a table was altered since it
// was described: then it is to be looked at again, and nobody is at fault.
func (a *attempt) narrowed(ctx context.Context, published map[string]replication.Published) (*trouble, error) {
	before := withoutParked(a.tables)
	found := a.narrowTables(published)
	if len(found.found) == 0 {
		return found, nil
	}
	return found, a.unchanged(ctx, before)
}

// unchanged sees that tables which are about to be copied are still what they were
// described as before the consistent point. A column that was added in between is
// in the snapshot's rows, and the log behind the point does not bring them again:
// a copy without it would lose what they hold. What changes from here on, the
// stream announces.
func (a *attempt) unchanged(ctx context.Context, tables []*table) error {
	_, why, err := a.thoseUnchanged(ctx, tables)
	if err != nil {
		return err
	}
	return why
}

// thoseUnchanged is unchanged for tables that are copied each for itself: those that
// are the same, and what has become of another.
func (a *attempt) thoseUnchanged(ctx context.Context, tables []*table) (same []*table, why, err error) {
	now, err := a.catalog.Tables(ctx, a.p.config.Patterns)
	if err != nil {
		return nil, nil, err
	}
	is := map[uint32]int{}
	for i, source := range now {
		is[source.Relation.OID] = i
	}
	for _, t := range tables {
		var source *snapshot.Table
		if i, ok := is[t.source.Relation.OID]; ok {
			source = now[i]
		}
		if err := t.changedSince(source); err != nil {
			why = err
			continue
		}
		same = append(same, t)
	}
	return same, why, nil
}

// changedSince says what about a table is not as it was described; now is nil where it is
// gone.
func (t *table) changedSince(now *snapshot.Table) error {
	switch {
	case now == nil || now.Relation.String() != t.name || !sameRelation(now.Relation, t.source.Relation):
		return changed("table %s changed while it was being looked at", t.name)
	case len(t.state.Done) > 0 && !slices.Equal(t.state.Files, filesOf(now)):
		return changed("the rows of table %s were rewritten while its copy was being gone on with", t.name)
	case rewritten(filesOf(t.source), now): // under an older snapshot they are empty
		return changed("the rows of table %s were rewritten while it was being looked at", t.name)
	case t.source.Partitioned && !samePlaces(now.Leaves, t.source.Leaves):
		// Rows of a partition that is not known are in no piece of the copy, and what
		// was written before the point is not in the stream.
		return changed("the partitions of table %s changed while it was being looked at", t.name)
	}
	return nil
}

func samePlaces(a, b []snapshot.Leaf) bool {
	return slices.EqualFunc(a, b, func(x, y snapshot.Leaf) bool { return x.OID == y.OID && x.File == y.File && x.Place == y.Place })
}

// sameNames says whether whatever was read by a name has it still, as far as it is
// there, and nothing else has it.
func sameNames(read, now []snapshot.Leaf) bool {
	for _, was := range read {
		if slices.ContainsFunc(now, func(is snapshot.Leaf) bool {
			return (is.OID == was.OID) != (is.Schema == was.Schema && is.Name == was.Name)
		}) {
			return false
		}
	}
	return true
}

// stillRead sees, when a table is copied, that what was read was the table. A COPY
// looks names up as they are when it begins, whatever its snapshot: of columns, or
// partitions, that change names meanwhile it would read the one for the other. And a table whose rows
// ALTER TABLE has rewritten behind the snapshot is empty under it (PostgreSQL manual,
// "Caveats" of concurrency control).
func (l *loader) stillRead(ctx context.Context, t *table) error {
	catalog := l.attempt.catalog
	if mark, err := catalog.Mark(ctx); err != nil || mark == l.mark {
		return err
	}
	now, err := catalog.Table(ctx, t.source.Relation.OID)
	if err != nil || now == nil {
		return err
	}
	if rewritten(filesOf(t.source), now) {
		return changed("the rows of table %s were rewritten while they were copied", t.name)
	}
	if !sameNames(t.source.Leaves, now.Leaves) {
		return changed("the names of what table %s keeps its rows in changed while they were copied", t.name)
	}
	for _, c := range t.query.Relation.Columns {
		if i := position(now.Relation, c.Name); i >= 0 && now.Relation.Columns[i].Attnum != c.Attnum {
			return changed("column %s of table %s is another one than when its copy began", change.QuoteIdent(c.Name), t.name)
		}
	}
	return nil
}
