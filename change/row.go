package change

// Format says how the bytes of a [Datum] are to be read.
type Format byte

// The formats; those with bytes have the letters of pgoutput's tuple data.
const (
	// Null is SQL's NULL. It is the zero value.
	Null Format = 0
	// Unchanged is a TOASTed value that an UPDATE did not touch and that the
	// log therefore does not carry. It is neither NULL nor empty.
	Unchanged Format = 'u'
	// Text is the output of the type's output function under [Settings].
	Text Format = 't'
	// Binary is the output of the type's send function.
	Binary Format = 'b'
)

// Datum is one value as PostgreSQL sent it.
type Datum struct {
	Format Format
	// Bytes belong to whoever made the row; see [Row].
	Bytes []byte
}

// Op is what happened to a row; the letters are pgoutput's.
type Op byte

// The operations.
const (
	Insert Op = 'I'
	Update Op = 'U'
	Delete Op = 'D'
)

// Row is one changed or copied row. It is a view into its producer's buffer and
// valid until the producer is asked for the next one: whoever keeps it copies.
type Row struct {
	Op       Op
	Position Position
	Relation *Relation
	// Old is the row before, as far as the replica identity carries it: nil,
	// only the key columns (the others are Null), or all columns when OldFull.
	// An UPDATE has it only where the identity changed or is full.
	Old     []Datum
	OldFull bool
	// New is the row after, one Datum per column; nil for a DELETE.
	New []Datum
}

// Settings are the session settings under which text values mean what package
// typemap takes them to mean. They are part of the meaning of a Text [Datum]:
// every connection that reads values sets all of them.
func Settings() map[string]string {
	return map[string]string{
		"client_encoding":    "UTF8",
		"TimeZone":           "UTC",
		"DateStyle":          "ISO, YMD",
		"IntervalStyle":      "iso_8601",
		"extra_float_digits": "3",
		"bytea_output":       "hex",
		"xmlbinary":          "base64",
		"lc_monetary":        "C",
		"search_path":        "pg_catalog",
		// The names that regclass and its like print.
		"quote_all_identifiers": "off",
	}
}

// CopyPosition is where the rows of a copy stand that was made at a consistent
// point. The first transaction of the stream can begin its commit record exactly
// there. For a row with a key that is no matter: the copy has ordinal 0. In a
// table without a key the ordinal is the row's place and could be one that the
// stream gives too, so these rows stand just before; records begin at multiples
// of 8, so nothing else does.
func CopyPosition(consistent LSN, keyed bool) Position {
	if keyed || consistent == 0 {
		return Position{Commit: consistent}
	}
	return Position{Commit: consistent - 1}
}

// CopiedAt is the Seq of a copied row in a table without a key: its ctid, below
// the number of the leaf partition it was read from. A row of such a table has
// no other identity that a second copy under the same snapshot would share.
func CopiedAt(leaf uint16, block uint32, offset uint16) uint64 {
	return uint64(leaf)<<48 | uint64(block)<<16 | uint64(offset)
}
