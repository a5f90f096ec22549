package clickhouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/pgsluice/pgsluice/change"
)

// readback fetches, for rows with unchanged values, the newest row that the
// table holds of each key those values may stand under: tombstones too, for
// what is gone must not be taken for what is there. It is one query with the
// keys as an external table.
//
//	keys (columns of wire bytes) ──▶ _keys ──▶ SELECT key…, needed…, _version, _deleted ──▶ answer (columns of wire bytes)
//
// The server picks the newest of a key's rows, without FINAL, which would hide
// tombstones.
type readback struct {
	plan *plan
	// keys are what to ask for; index numbers them by their bytes, and rows says
	// where in the answer each one is, -1 for nowhere.
	keys  keyColumns
	index map[string]int
	rows  []int
	probe keyColumns // one key, for looking it up

	answerKeys keyColumns
	values     []*column // by the plan's columns; nil where not needed
	version    *column
	deleted    *column
}

// newReadback fetches the needed columns, indexes into the plan's.
func newReadback(p *plan, needed []int) *readback {
	r := &readback{
		plan: p, keys: newKeyColumns(p), index: map[string]int{}, probe: newKeyColumns(p),
		answerKeys: newKeyColumns(p), values: make([]*column, len(p.specs)),
		version: newColumn(versionSpec), deleted: newColumn(deletedSpec),
	}
	for _, i := range needed {
		r.values[i] = newColumn(p.specs[i])
	}
	return r
}

// want adds a key to those that are asked for.
func (r *readback) want(key []change.Datum) error {
	b, err := r.keys.add(key)
	if err != nil {
		return err
	}
	// A key that was asked for before is asked for twice, which does no harm.
	if _, there := r.index[string(b)]; !there {
		r.index[string(b)] = len(r.rows)
		r.rows = append(r.rows, -1)
	}
	return nil
}

// fetch asks. Empty is a question too, and not sent.
func (r *readback) fetch(ctx context.Context, t *Target) error {
	if len(r.rows) == 0 {
		return nil
	}
	var keys proto.Input
	for i, c := range r.keys.columns {
		keys = append(keys, proto.InputColumn{Name: keyName(i), Data: c})
	}
	var result proto.Results
	for _, c := range r.answer() {
		result = append(result, proto.ResultColumn{Name: c.name, Data: c})
	}
	err := t.wires.do(ctx, ch.Query{
		Body: r.query(), Settings: selectSettings,
		ExternalTable: "_keys", ExternalData: keys,
		Result: result, OnResult: func(context.Context, proto.Block) error { return nil },
	})
	if err != nil {
		return err
	}
	for i := range r.version.rows {
		if n, there := r.index[string(r.answerKeys.at(i))]; there {
			r.rows[n] = i
		}
	}
	return nil
}

func (r *readback) answer() []*column {
	columns := append([]*column(nil), r.answerKeys.columns...)
	for i, c := range r.values {
		if c != nil && !r.plan.inKey[i] {
			columns = append(columns, c)
		}
	}
	return append(columns, r.version, r.deleted)
}

func (r *readback) query() string {
	key := idents(r.plan.keyNames())
	var names, sent []string
	asSent := true
	for _, c := range r.answer() {
		names = append(names, c.name)
		sent = append(sent, c.read())
		asSent = asSent && !c.converted
	}
	var asked []string
	for i, c := range r.keys.columns {
		asked = append(asked, "CAST("+ident(keyName(i))+", "+text(c.ddl)+")")
	}
	q := "SELECT " + idents(names) + " FROM " + r.plan.name + " WHERE (" + key + ") IN (SELECT " + strings.Join(asked, ", ") + " FROM _keys)" +
		" ORDER BY " + key + ", " + versionColumn + " DESC LIMIT 1 BY " + key
	if asSent {
		return q
	}
	return "SELECT " + strings.Join(sent, ", ") + " FROM (" + q + ")"
}

func keyName(i int) string { return fmt.Sprintf("k%d", i) }

// read is the expression that gives a column's values as they are sent.
func (s *spec) read() string {
	if !s.converted {
		return ident(s.name)
	}
	return "CAST(" + ident(s.name) + ", " + text(s.wire) + ") AS " + ident(s.name)
}

// size is the memory that the answer takes.
func (r *readback) size() int {
	n := 0
	for _, c := range r.answer() {
		n += c.size()
	}
	return n
}

// newest is where in the answer a key's newest row is; -1 when there is none.
func (r *readback) newest(key []change.Datum) (int, error) {
	b, err := r.probe.bytes(key)
	if err != nil {
		return -1, err
	}
	if n, there := r.index[string(b)]; there {
		return r.rows[n], nil
	}
	return -1, nil
}

func (r *readback) position(i int) change.Position {
	v := r.version.value(i)
	return change.Position{Commit: change.LSN(binary.LittleEndian.Uint64(v[8:])), Seq: binary.LittleEndian.Uint64(v)}
}

func (r *readback) live(i int) bool { return i >= 0 && r.deleted.data[i] == 0 }
