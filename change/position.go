package change

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// LSN is a byte position in PostgreSQL's write-ahead log.
type LSN uint64

// ParseLSN reads the form PostgreSQL prints, two hexadecimal halves divided by
// a slash: 16/B374D848.
func ParseLSN(s string) (LSN, error) {
	hi, lo, ok := strings.Cut(s, "/")
	if ok {
		h, errHi := strconv.ParseUint(hi, 16, 32)
		l, errLo := strconv.ParseUint(lo, 16, 32)
		if errHi == nil && errLo == nil {
			return LSN(h<<32 | l), nil
		}
	}
	return 0, fmt.Errorf("%q is not an LSN: expected two hexadecimal numbers divided by a slash, like 16/B374D848", s)
}

// String prints the LSN as PostgreSQL does.
func (l LSN) String() string {
	return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l))
}

// Position orders every row of one source. It is also the row's version in the
// warehouse, so a row that arrives twice changes nothing.
//
// A clock would not do (it runs back), nor would the LSN of the change itself:
// a change can be written to the log before a snapshot is taken and commit
// after it, and several changes can share one LSN.
type Position struct {
	// Commit is where the commit record starts; for a copied row, the
	// consistent point of the snapshot it was read under.
	Commit LSN
	// Seq counts the rows of the transaction, from 1. A copied row has 0, or
	// in a table without a key the row's own place, see [CopiedAt].
	Seq uint64
}

// Compare returns -1, 0 or 1 as p stands before, at or behind q.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Commit, q.Commit); c != 0 {
		return c
	}
	return cmp.Compare(p.Seq, q.Seq)
}

// String prints the position as LSN+ordinal, for messages.
func (p Position) String() string {
	return p.Commit.String() + "+" + strconv.FormatUint(p.Seq, 10)
}
