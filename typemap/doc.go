// Package typemap says what the values of a PostgreSQL type mean, and reads
// them from the bytes PostgreSQL sends.
//
//	change.Type ── Resolve, once per column ──▶ Meaning ── Class, Precision, Losses ──▶ the target chooses a column type
//	change.Datum ─ once per value ─▶ Meaning.Int, Timestamp, … ─▶ plain value (+ Edge) ─▶ the target's column buffer
//
// A type has one meaning, whichever of the two wire forms its values come in:
// the binary form (output of the type's send function, as COPY BINARY and
// pgoutput's binary mode carry it) and the text form (output of its output
// function under [change.Settings]) give the same value, bit for bit and byte
// for byte. A row that was copied and a row that was streamed can therefore be
// compared, replayed and compacted without regard to how they came.
//
// The package knows no target. What a target cannot hold is the target's to
// find and the user's to decide; what lies outside the class itself, such
// as infinity in a date, is reported as an [Edge] beside the value.
//
// Decoding allocates nothing, apart from the destination of text that grows,
// and trusts nothing: whatever the bytes are, the answer is a value or an
// error.
//
// The binary forms are those of the send functions in PostgreSQL's
// src/backend/utils/adt; the text forms are those of the manual's chapter
// "Data Types". Both are stable since PostgreSQL 12.
package typemap
