package sync

import (
	"context"
	"log/slog"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// tableReader is a catalog that shows one table.
type tableReader struct {
	relations
	shows *snapshot.Table
}

func (r tableReader) Table(context.Context, uint32) (*snapshot.Table, error) { return r.shows, nil }

func (r tableReader) Shows(context.Context, uint32) (bool, error) { return true, nil }

func (r tableReader) Types(_ context.Context, oids []uint32, _ []int32) (types []*change.Type, _ error) {
	for _, oid := range oids {
		types = append(types, simType(oid))
	}
	return types, nil
}

// againStream is a stream that is told to announce a table again.
type againStream struct{ stream }

func (againStream) Again(uint32) {}

// withColumns is a table with these columns, which are numbered as they are given.
func withColumns(name string, columns ...string) *snapshot.Table {
	r := &change.Relation{OID: 1, Schema: "public", Name: name, Identity: change.IdentityFull}
	for i, c := range columns {
		if c != "" {
			r.Columns = append(r.Columns, change.Column{Name: c, Attnum: int16(i + 1), Type: simType(25)})
		}
	}
	return &snapshot.Table{Relation: r}
}

// A look shows a table as it was before the transaction that made it what the stream
// has announced since: because its commit record starts where the look was, or because
// it was in the log already and not in the catalog.
func TestALookThatIsBehindTheStreamChangesNothing(t *testing.T) {
	before, after := withColumns("t", "a", "b"), withColumns("t", "a", "", "c")
	cases := []struct {
		name     string
		shapedAt change.LSN
		now      *snapshot.Table
		takes    bool
	}{
		{"it is from where the commit record starts", 100, after, false},
		{"the catalog shows the transaction only now", 90, after, false},
		{"it is what the catalog shows now", 90, before, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := New(Config{Name: simName, MaxRows: 10, MaxBytes: 1000, TargetName: func(_, name string) string { return name }, Log: slog.New(slog.DiscardHandler)},
				&applytest.Memory{})
			streams := tableNamed("t", 0)
			streams.source, streams.query.Relation = before, before.Relation
			streams.shape, streams.shapedAt = apply.Shape(after.Relation), change.Position{Commit: c.shapedAt}
			g := newGatherer(&attempt{p: p, pipeline: apply.PipelineState{Watermark: 100}, catalog: &catalog{relations: tableReader{shows: c.now}}}, false, 0)
			g.byOID[1], g.stream = streams, againStream{}
			if err := g.compare(t.Context(), streams, before, &sighting{published: map[string]replication.Published{streams.name: {}}, at: 100}); err != nil {
				t.Fatal(err)
			}
			if _, turns, _ := g.exchange.take(); (len(turns) > 0) != c.takes {
				t.Errorf("%d turns", len(turns))
			}
		})
	}
}
