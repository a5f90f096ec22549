// Package apply is the contract between a pipeline and its warehouse, and the
// batches that travel under it.
//
//	rows of the stream ──▶ Batch (arena, compaction by key) ──▶ Target.Apply ──▶ rows, then watermark
//	rows of a COPY     ──────────────────────────────────────▶ Loader ─────────▶ rows
//	progress           ◀───────────────────────────────────── Target.Recall / Remember
//
// [Target] is what a warehouse has to be able to do; package applytest proves it
// for each of them. Concrete targets live in the folders below this one and are
// known to package cmd/pgsluice alone.
package apply
