package clickhouse

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/apply"
)

// stateRows are rows for the state table: one block, and so written wholly or
// not at all.
type stateRows struct {
	pipeline, relation, target, phase, watermark, copiedAt, reason, detail proto.ColStr
	updatedAt                                                              proto.ColDateTime64
	revision                                                               proto.ColUInt64
	removed                                                                proto.ColUInt8
}

func newStateRows() *stateRows {
	r := &stateRows{}
	r.updatedAt.WithPrecision(proto.PrecisionMilli)
	return r
}

func (r *stateRows) add(pipeline, relation string, revision uint64, removed uint8) {
	r.pipeline.Append(pipeline)
	r.relation.Append(relation)
	r.revision.Append(revision)
	r.removed.Append(removed)
	r.updatedAt.Append(time.Now())
}

func (r *stateRows) addPipeline(p apply.PipelineState, revision uint64) {
	r.add(p.Name, "", revision, 0)
	r.target.Append("")
	r.phase.Append("")
	r.watermark.Append(p.Watermark.String())
	r.copiedAt.Append("")
	r.reason.Append("")
	r.detail.AppendBytes(asJSON(p))
}

func (r *stateRows) addTable(pipeline string, s *apply.TableState, revision uint64) {
	r.add(pipeline, s.Relation, revision, 0)
	r.target.Append(s.Target)
	r.phase.Append(string(s.Phase))
	r.watermark.Append("")
	r.copiedAt.Append(s.CopiedAt.String())
	r.reason.Append(s.Reason)
	r.detail.AppendBytes(asJSON(s))
}

// remove hides a row from every reader with FINAL, and its successors' revision
// goes on from here.
func (r *stateRows) remove(pipeline, relation string, revision uint64) {
	r.add(pipeline, relation, revision, 1)
	for _, c := range []*proto.ColStr{&r.target, &r.phase, &r.watermark, &r.copiedAt, &r.reason, &r.detail} {
		c.Append("")
	}
}

// asJSON cannot fail: states are numbers, strings and lists of them.
func asJSON(state any) []byte {
	b, err := json.Marshal(state)
	if err != nil {
		panic(err)
	}
	return b
}

func (r *stateRows) input() proto.Input {
	return proto.Input{
		{Name: "pipeline", Data: &r.pipeline},
		{Name: "relation", Data: &r.relation},
		{Name: "target", Data: &r.target},
		{Name: "phase", Data: &r.phase},
		{Name: "watermark", Data: &r.watermark},
		{Name: "copied_at", Data: &r.copiedAt},
		{Name: "reason", Data: &r.reason},
		{Name: "updated_at", Data: &r.updatedAt},
		{Name: "detail", Data: &r.detail},
		{Name: "revision", Data: &r.revision},
		{Name: "removed", Data: &r.removed},
	}
}

func (t *Target) writeState(ctx context.Context, r *stateRows) error {
	input := r.input()
	names := make([]string, len(input))
	for i, c := range input {
		names[i] = c.Name
	}
	err := t.wires.do(ctx, ch.Query{
		Body:     "INSERT INTO " + t.tableName(stateTable) + " (" + idents(names) + ") VALUES",
		Settings: insertSettings, Input: input,
	})
	if err == nil {
		t.pace.spend(1)
	}
	return err
}
