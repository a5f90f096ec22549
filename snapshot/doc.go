// Package snapshot reads what a source holds at one moment: which tables there
// are and of what types, and their rows, by COPY under an exported snapshot.
//
//	patterns ──▶ Catalog.Tables ──▶ Table: relation, leaves, size
//	                                  │
//	                                  ▼
//	exported snapshot ──▶ Reader ◀── Chunk (a ctid range of one leaf)
//	                        │
//	                        ▼
//	              rows as []change.Datum, in place
//
// It does not know where rows go. The moment itself is made by package
// replication (a slot's consistent point) or by [Export].
package snapshot
