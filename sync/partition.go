package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// Rows of partitions that were attached, detached or emptied come and go without a
// word in the log. The catalog tells of all of these but one: whether a partition
// that was made as one was attached with rows by the transaction that made it is to
// be seen in its rows alone. To read them can take long, so the watcher does it:
//
//	gather loop   a leaf that is new ──▶ undecided          (again) ──▶ copied anew, or taken up
//	watcher                                  └──▶ its rows ──▶ a look ──▶ ┘

// leafRead is a leaf partition whose rows are to be read, and what was found.
type leafRead struct {
	snapshot.Leaf
	read, filled bool
}

// toRead has the rows of these leaves read, and of no others; what was found in one
// stays. unread says that there is one which is not read yet.
func (w *watcher) toRead(leaves []snapshot.Leaf) (unread bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.leaves
	w.leaves = map[uint32]leafRead{}
	for _, l := range leaves {
		is := before[l.OID]
		if !is.read || is.File != l.File {
			is = leafRead{Leaf: l}
			unread = true
		}
		w.leaves[l.OID] = is
	}
	if unread {
		w.hurry()
	}
	return unread
}

func (w *watcher) hurry() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// found is what was found in a leaf's rows; read is false as long as they are not.
func (w *watcher) found(l snapshot.Leaf) (filled, read bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.leaves[l.OID]
	return is.filled, is.read && is.File == l.File
}

const lockNotAvailable = "55P03"

// readLeaves reads what is to be read. A leaf that cannot be read now is the next
// time.
func (w *watcher) readLeaves(ctx context.Context, conn session) error {
	for _, l := range w.unread() {
		catalog, err := conn.Catalog(ctx)
		if err != nil {
			return err
		}
		filled, err := catalog.MadeFilled(ctx, l)
		switch {
		case postgres.Code(err) == lockNotAvailable:
			continue // the others of the catalog are not to wait for it
		case err != nil && (fault.Retryable(err) || ctx.Err() != nil):
			return err
		case isGone(err):
			continue // the next look shows what has become of it
		}
		w.mu.Lock()
		if is, ok := w.leaves[l.OID]; ok && is.File == l.File {
			w.leaves[l.OID] = leafRead{Leaf: l, read: true, filled: filled || err != nil}
			w.afresh = true
			w.hurry()
		}
		w.mu.Unlock()
	}
	return nil
}

func (w *watcher) unread() (leaves []snapshot.Leaf) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, is := range w.leaves {
		if !is.read {
			leaves = append(leaves, is.Leaf)
		}
	}
	return leaves
}

// partitionsMoved says why a partitioned table has to be copied anew, if it has.
// undecided: a partition's rows will tell.
func (g *gatherer) partitionsMoved(t *table, source *snapshot.Table) (why string, undecided bool) {
	known := map[uint32]apply.File{}
	for _, f := range t.files {
		known[f.OID] = f
	}
	var made []snapshot.Leaf
	for _, l := range source.Leaves {
		was, ok := known[l.OID]
		delete(known, l.OID)
		switch {
		case ok && was.Number != l.File:
			return fmt.Sprintf("partition %s of table %s was emptied or rewritten", leafName(l), t.name), false
		case ok && was.Place != l.Place:
			return fmt.Sprintf("partition %s of table %s was detached, and attached again", leafName(l), t.name), false
		case ok || l.Foreign:
		case l.Attached:
			return fmt.Sprintf("partition %s was attached to table %s", leafName(l), t.name), false
		default:
			made = append(made, l)
		}
	}
	if len(known) > 0 {
		return fmt.Sprintf("%d partitions of table %s were detached or dropped", len(known), t.name), false
	}
	for _, l := range made {
		filled, read := g.watcher.found(l)
		if filled {
			return fmt.Sprintf("partition %s of table %s may have been attached with rows in it", leafName(l), t.name), false
		}
		undecided = undecided || !read
	}
	if undecided {
		g.undecided = append(g.undecided, made...)
		return "", true
	}
	g.file(t, source)
	return "", false
}

func leafName(l snapshot.Leaf) *change.Relation {
	return &change.Relation{Schema: l.Schema, Name: l.Name}
}

// file takes up where a table's rows are kept now.
func (g *gatherer) file(t *table, source *snapshot.Table) {
	if files := filesOf(source); !slices.Equal(files, t.files) {
		t.files = files
		g.exchange.turn(turn{kind: moves, table: t, files: files})
	}
}
