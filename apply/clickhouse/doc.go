// Package clickhouse is the ClickHouse target: tables that keep the last row of
// each key, and a table of progress beside them.
//
//	Loader.Append ─┐                        ┌─ Native block ─▶ INSERT, many blocks   (a copied piece)
//	               ├─▶ block: one column ───┤
//	Apply(batch) ──┘   of wire bytes each   └─ Native block ─▶ INSERT, one block = one part, per table at once
//	                        ▲                                     │ all of them done
//	     values that the    │                                     ▼
//	     log left out ── read-back (SELECT)         one row in _pgsluice_state: the watermark
//
// A table is a ReplacingMergeTree(_version, _deleted) ordered by the source's
// key. _version is the row's position in the source's log, so a row that arrives
// again replaces itself, and a delete is a row with _deleted = 1 that readers
// with FINAL do not see. That is all there is to "exactly once" here: rows
// first, the watermark after them, and nothing that a replay could change.
//
// Values go from PostgreSQL's bytes to ClickHouse's bytes in one step, package
// typemap's decoders writing into columns that are sent as they are: no
// allocation per value. ClickHouse believes what a Native block says of decimals
// and dates, so every range is checked here (edges.go), and what each server
// version can hold is known in one place (versions.go).
//
// Two clients are used, and only here: ch-go carries data, clickhouse-go does
// everything that is a statement.
package clickhouse
