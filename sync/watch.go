package sync

import (
	"context"
	"fmt"
	"slices"
	stdsync "sync"
	"time"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// watcher looks into the source's catalog, over a connection of its own, for what
// the log does not tell: of tables that were made, renamed or dropped, of schema
// changes behind which no row comes, and of partitions that were attached, detached
// or emptied.
type watcher struct {
	attempt *attempt

	mu   stdsync.Mutex
	seen *sighting
	// afresh: the next look counts though nothing has changed since the last.
	afresh bool
	leaves map[uint32]leafRead // by OID
	wake   chan struct{}       // it is not to wait for its time
}

// sighting is what the catalog has shown as it was at an LSN.
type sighting struct {
	tables    []*snapshot.Table
	published map[string]replication.Published
	at        change.LSN
}

func newWatcher(a *attempt) *watcher { return &watcher{attempt: a, wake: make(chan struct{}, 1)} }

// run looks until the attempt ends. A look that fails is no reason to stop.
func (w *watcher) run(ctx context.Context) error {
	ticker := time.NewTicker(w.attempt.p.config.LookEvery)
	defer ticker.Stop()
	var conn session
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	mark, failing := "", false
	for {
		var err error
		if w.asked() {
			mark = ""
		}
		if conn, mark, err = w.look(ctx, conn, mark); err == nil {
			err = w.readLeaves(ctx, conn)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			if !failing {
				w.attempt.p.log.Warn("the source's catalog cannot be watched for new tables and partitions; trying on", "error", err)
			}
			_ = conn.Close(context.WithoutCancel(ctx))
			conn, mark = nil, ""
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-w.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.attempt.p.stop:
			return errStopped
		}
	}
}

// look reads the tables when the catalog's mark is another than the one given.
func (w *watcher) look(ctx context.Context, conn session, mark string) (session, string, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogPatience)
	defer cancel()
	if conn == nil {
		var err error
		if conn, err = w.attempt.p.source.Connect(ctx); err != nil {
			return noSession{}, "", err
		}
	}
	catalog, err := conn.Catalog(ctx)
	if err != nil {
		return conn, "", err
	}
	now, err := catalog.Mark(ctx)
	if err != nil || now == mark {
		return conn, now, err
	}
	s := &sighting{}
	if s.published, err = conn.Slots(catalog.Version).Published(ctx, w.attempt.p.config.Publication); err != nil {
		return conn, "", err
	}
	if s.tables, err = catalog.Tables(ctx, w.attempt.p.config.Patterns); err != nil {
		return conn, "", err
	}
	if s.at, err = catalog.Written(ctx); err != nil {
		return conn, "", err
	}
	// What was read is one moment's if nothing has changed meanwhile.
	if after, err := catalog.Mark(ctx); err != nil || after != now {
		return conn, "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = s
	return conn, now, nil
}

// again asks for a look: what was seen of a table while it was being copied went by
// it.
func (w *watcher) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.afresh = true
}

func (w *watcher) asked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.afresh
	w.afresh = false
	return asked
}

// noSession is one that could not be had.
type noSession struct{ session }

func (noSession) Close(context.Context) error { return nil }

// ahead says whether there is a sighting that the stream has yet to get to.
func (w *watcher) ahead(reached change.LSN) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen != nil && w.seen.at > reached
}

// take gives the last sighting once the stream has got to it.
func (w *watcher) take(reached change.LSN) *sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	if s == nil || s.at > reached {
		return nil
	}
	w.seen = nil
	return s
}

// sighted compares what the catalog shows with what streams.
func (g *gatherer) sighted(ctx context.Context) error {
	s := g.watcher.take(g.reached)
	if s == nil {
		return nil
	}
	g.undecided = nil
	there := map[uint32]*snapshot.Table{}
	for _, source := range s.tables {
		there[source.Relation.OID] = source
	}
	for oid, t := range g.byOID {
		source := there[oid]
		switch {
		case source == nil || source.Relation.String() != t.name:
			if t.parked.Load() {
				continue
			}
			why, err := whereTo(ctx, g.attempt.catalog, oid)
			if err != nil {
				return err
			}
			g.depart(t, why)
		case !t.parked.Load():
			if err := g.compare(ctx, t, source, s); err != nil {
				return err
			}
		}
	}
	for _, source := range s.tables {
		oid := source.Relation.OID
		if g.byOID[oid] != nil || g.joining[oid] != nil || g.refused[oid].name != "" {
			continue
		}
		g.discovered(source)
	}
	unread := g.watcher.toRead(g.undecided)
	if g.looking && !unread { // what has to join is counted by now
		g.looking = false
		g.exchange.left()
	}
	return nil
}

// discovered takes up a table that was made, or renamed, while others stream.
func (g *gatherer) discovered(source *snapshot.Table) {
	name := source.Relation.String()
	number := g.numbers
	for _, t := range g.byOID {
		if t.name == name { // dropped and made again
			if number = t.number; !t.parked.Load() {
				g.depart(t, "it was dropped in the source, and made again")
			}
			delete(g.byOID, t.source.Relation.OID)
		}
	}
	for oid, refused := range g.refused {
		if refused.name == name {
			number = refused.number
			delete(g.refused, oid)
		}
	}
	g.numbers = max(g.numbers, number+1)
	if !g.attempt.p.config.Copy {
		g.attempt.p.log.Info("a table has come to the source; with load.copy: false the next start takes it up", "table", name)
		g.refused[source.Relation.OID] = refusal{name, number}
		return
	}
	crash.At("discovered")
	g.attempt.p.log.Info("a table has come to the source", "table", name)
	g.join(&joining{oid: source.Relation.OID, name: name, number: number})
}

// whereTo says what has become of a table that is not there under its name.
func whereTo(ctx context.Context, catalog *catalog, oid uint32) (string, error) {
	now, err := catalog.tableNow(ctx, oid)
	switch {
	case err != nil:
		return "", err
	case now == nil:
		return "it was dropped in the source", nil
	}
	return fmt.Sprintf("it is now %s, which is not among the tables", now.Relation), nil
}

// tableNow is a table as it is now, nil where it is gone; asked for by who has others
// waiting.
func (c *catalog) tableNow(ctx context.Context, oid uint32) (*snapshot.Table, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogPatience)
	defer cancel()
	return c.Table(ctx, oid)
}

// compare takes up what has become of a table without a row to tell of it.
func (g *gatherer) compare(ctx context.Context, t *table, source *snapshot.Table, s *sighting) error {
	if s.at <= t.shapedAt.Commit {
		return nil // what is followed is younger: its commit record ends behind the look
	}
	published, ok := s.published[t.name]
	if !ok {
		g.exchange.fail(t, fault.Permanent(fmt.Errorf("publication %s does not publish table %s any more", g.attempt.p.config.Publication, t.name),
			"publish it, or leave it out of the configuration, and start pgsluice again: the table is then copied anew"))
		return nil
	}
	if source.Partitioned {
		switch why, undecided := g.partitionsMoved(t, source); {
		case why != "":
			g.rejoin(t, why)
			return nil
		case undecided:
			return nil
		}
	}
	columns := slices.DeleteFunc(slices.Clone(source.Relation.Columns), func(c change.Column) bool {
		return published.Columns != nil && !slices.Contains(published.Columns, c.Name) || published.Columns == nil && c.Generated
	})
	if t.doubt != nil {
		return nil
	}
	if t.stillIs(source.Relation, columns) {
		// What has other files and no other column holds what it held.
		g.file(t, source)
		return nil
	}
	if now, err := g.attempt.catalog.tableNow(ctx, source.Relation.OID); err != nil || now == nil || !sameRelation(now.Relation, source.Relation) {
		// A transaction can be in the log for long before the catalog shows it; what it
		// has changed may be what is followed. Another look is on its way.
		return err
	}
	m, attnums := relationMessage(source.Relation, columns, max(g.reached, s.at))
	before := t.announced
	if _, err := g.resolveFor(ctx, t, m, attnums); err != nil {
		return err
	}
	// The stream's rows are known by what it has announced itself.
	g.stream.Again(m.OID)
	if t.announced != before && g.byOID[m.OID] == t && !t.parked.Load() {
		g.exchange.turn(turn{kind: reshapes, table: t, into: t.announced})
	}
	return nil
}

// relationMessage is what the stream would announce, by a row, of a relation that the
// catalog has shown at an LSN, with the columns' numbers.
func relationMessage(r *change.Relation, columns []change.Column, at change.LSN) (m *replication.RelationMessage, attnums []int16) {
	m = &replication.RelationMessage{
		OID: r.OID, Schema: r.Schema, Name: r.Name, Identity: r.Identity,
		// Before what the stream announces next: a commit record can start where it is.
		Position: change.Position{Commit: at - 1},
	}
	for _, c := range columns {
		attnums = append(attnums, c.Attnum)
		m.Columns = append(m.Columns, replication.RelationColumn{Name: c.Name, TypeOID: c.Type.OID, Modifier: c.Type.Modifier})
	}
	return m, attnums
}

// stillIs says whether a table is what its rows are taken for.
func (t *table) stillIs(r *change.Relation, columns []change.Column) bool {
	now := map[int16]apply.ColumnShape{}
	for i := range columns {
		if !t.wish.excludes(columns[i].Name) {
			now[columns[i].Attnum] = apply.Shape(&change.Relation{Columns: columns[i : i+1]})[0]
		}
	}
	if len(now) != len(t.shape) {
		return false
	}
	for _, c := range t.shape {
		is := now[c.Attnum]
		if c.Key = 0; c.Entry == 0 {
			is.Entry = 0
		}
		if is != c {
			return false
		}
	}
	return t.keyIs(r)
}

// keyIs says whether a relation's key is the table's, as far as that is not the
// order's doing.
func (t *table) keyIs(r *change.Relation) bool {
	if t.extended {
		return r.Keyed()
	}
	key := t.query.Relation.Key
	if len(key) != len(r.Key) {
		return false
	}
	for i := range key {
		if t.query.Relation.Columns[key[i]].Attnum != r.Columns[r.Key[i]].Attnum {
			return false
		}
	}
	return true
}
