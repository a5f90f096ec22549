// Package replication speaks to the logical decoding side of a source:
// publications, slots, and the stream of changes that a slot sends in pgoutput's
// format.
//
//	publication ─┐
//	slot ────────┴─▶ Stream.Next ──▶ Event: begin, row, truncate, commit, idle
//	                 Stream.Confirm ◀── "everything up to here is durable in the target"
//
// It knows nothing of targets, batches or tables to be copied.
package replication
