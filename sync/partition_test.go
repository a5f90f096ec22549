package sync

import (
	"context"
	"log/slog"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// leafReader is a session that reads leaf partitions, and nothing else.
type leafReader struct {
	session
	relations
	answer func(l snapshot.Leaf) (bool, error)
}

func (r leafReader) Catalog(context.Context) (*catalog, error) { return &catalog{relations: r}, nil }

func (r leafReader) MadeFilled(_ context.Context, l snapshot.Leaf) (bool, error) { return r.answer(l) }

// The rows of a partition that was made are read by the watcher, also again where
// that fails; the gather loop asks the source nothing. A run that ends when it has
// caught up waits for the answer.
func TestTheRowsOfAPartitionAreReadBesideTheStream(t *testing.T) {
	for _, filled := range []bool{false, true} {
		known, made := snapshot.Leaf{OID: 10, File: 10, Schema: "public", Name: "a"}, snapshot.Leaf{OID: 11, File: 11, Schema: "public", Name: "b"}
		root := tableNamed("root", 0)
		root.query.Relation = root.source.Relation
		root.source.Partitioned, root.files = true, []apply.File{{OID: known.OID, Number: known.File}}
		source := &snapshot.Table{Relation: root.source.Relation, Partitioned: true, Leaves: []snapshot.Leaf{known, made}}
		p := New(Config{Name: simName, UntilCaughtUp: true, MaxRows: 10, MaxBytes: 1000, Log: slog.New(slog.DiscardHandler)}, &applytest.Memory{})
		// Without a catalog: to ask it would be a panic.
		g := newGatherer(&attempt{p: p, pipeline: apply.PipelineState{Watermark: 1}}, true, 1)
		reader, asked := leafReader{}, 0
		reader.answer = func(snapshot.Leaf) (bool, error) {
			if asked++; asked == 1 {
				return false, errCut
			}
			return filled, nil
		}
		g.byOID[root.source.Relation.OID] = root
		sighted := func() {
			g.watcher.seen = &sighting{tables: []*snapshot.Table{source}, published: map[string]replication.Published{root.name: {}}, at: 1}
			if err := g.sighted(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sighted()
		if err := g.watcher.readLeaves(t.Context(), reader); err == nil || g.watcher.asked() {
			t.Fatal("the first look fails, and nobody says so")
		}
		sighted()
		if len(root.files) > 1 || root.parked.Load() || !g.looking {
			t.Fatal("a partition was decided about that could not be read")
		}
		if err := g.watcher.readLeaves(t.Context(), reader); err != nil || !g.watcher.asked() {
			t.Fatalf("an answer, and no look afterwards: %v", err)
		}
		sighted()
		if g.looking || len(g.watcher.unread()) > 0 || asked != 2 {
			t.Errorf("filled %v: still looking is %v, asked %d times", filled, g.looking, asked)
		}
		if len(root.files) == 2 == filled || root.parked.Load() != filled {
			t.Errorf("filled %v: the files are %v, parked %v", filled, root.files, root.parked.Load())
		}
	}
}
