// Package change is the vocabulary that every other package speaks: where a
// change stands in the log ([LSN], [Position]), what it is about ([Relation],
// [Column], [Type]), one value of it ([Datum]) and one row of it ([Row]).
//
//	          Position ─┐
//	Relation ───────────┼──▶ Row ──▶ (copied into a batch, or into a loader)
//	Datum, Datum, … ────┘
//
// It holds no behaviour beyond what these words need to be printed, ordered and
// compared, and imports only the standard library. Decoding the log is package
// replication, reading tables is package snapshot, the meaning of a value's
// bytes is package typemap.
package change
