package sync

import (
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// An announcement names a table's columns and does not say which they are: that
// is their attribute numbers, which outlive a rename and are never used again.
// Between what the target's table stands for and what the catalog has now, in
// which time the announcement stands, a name can have gone from one column to
// another any number of times. What holds in all that time is
//
//   - which numbers there have been: the catalog keeps those of dropped columns;
//   - their order, which is that of the columns in every announcement;
//   - that a column which was there before and is now was there all the time;
//   - the name of one whose entry in the catalog is still that of the copy.
//
// Where that leaves a column more than one number, it cannot be told:
//
//	was        id#1 a#2        id#1 a#2
//	announced  id   b          id   a    b
//	now        id#1 c#2        id#1 a#2  b#4   (3 is dropped)
//	           ─▶ 1 2          ─▶ it could be 3 that had the name b, or 4

// known is what an announcement is held against.
type known struct {
	was []apply.ColumnShape
	now []change.Column
	// dropped are numbers of columns that the catalog has as dropped.
	dropped []int16
	// given: numbers up to it had been given out when was was taken up.
	given int16
	// left: columns that the table does not stand for can be announced.
	left bool
	// generated are columns that the table does not stand for and the stream leaves
	// out, unless the publication is told otherwise.
	generated []change.Column
	// copied are the columns with the entries of the copy, nil where these are not
	// known any more.
	copied []apply.ColumnShape
	// kept: PostgreSQL has not rewritten the rows.
	kept bool
}

// candidate is a column that an announced one can be.
type candidate struct {
	attnum int16
	names  [2]string // as it was, and now; empty where it was not there
	types  [2]uint32
	// lasting: it was there before and is now, so it is in every announcement.
	lasting bool
	// fixed: it had its name all the time.
	fixed bool
	// younger: it is there now, and was made since.
	younger bool
	// generated: it is told by its name, and brings nothing.
	generated bool
}

func (k *known) candidates() []candidate {
	given := k.given
	byNumber := map[int16]*candidate{}
	at := func(attnum int16) *candidate {
		if byNumber[attnum] == nil {
			byNumber[attnum] = &candidate{attnum: attnum}
		}
		return byNumber[attnum]
	}
	for _, was := range k.was {
		c := at(was.Attnum)
		c.names[0], c.types[0] = was.Name, was.TypeOID
		given = max(given, was.Attnum)
	}
	for i := range k.now {
		now := &k.now[i]
		c := at(now.Attnum)
		c.names[1] = now.Name
		if now.Type != nil {
			c.types[1] = now.Type.OID
		}
		c.lasting = c.names[0] != ""
		c.fixed = c.lasting && k.unaltered(now)
		c.younger = now.Attnum > given
	}
	for _, attnum := range k.dropped {
		if attnum > given || k.left {
			at(attnum)
		}
	}
	for _, g := range k.generated {
		c := at(g.Attnum)
		c.names[1], c.generated = g.Name, true
	}
	all := make([]candidate, 0, len(byNumber))
	for _, c := range byNumber {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b candidate) int { return int(a.attnum) - int(b.attnum) })
	return all
}

// unaltered says whether the catalog's entry of a column is still that of the copy.
func (k *known) unaltered(now *change.Column) bool {
	return now.Entry != 0 && slices.ContainsFunc(k.copied, func(c apply.ColumnShape) bool {
		return c.Attnum == now.Attnum && c.Entry == now.Entry && c.Name == now.Name
	})
}

// canBe says whether an announced column can be the candidate.
func (k *known) canBe(announced *replication.RelationColumn, c *candidate) bool {
	if c.fixed && announced.Name != c.names[0] || c.generated && announced.Name != c.names[1] {
		return false
	}
	for _, of := range c.types {
		if k.kept && of != announced.TypeOID && (stiff[of] && announced.TypeOID < firstUserOID || stiff[announced.TypeOID] && of != 0 && of < firstUserOID) {
			return false
		}
	}
	return true
}

// firstUserOID is the first that a server gives to what is not its own.
const firstUserOID = 10000

// stiff are types that no ALTER TABLE makes others of PostgreSQL's own of, or of
// others, without writing the rows anew: pg_cast has no binary-coercible cast.
var stiff = map[uint32]bool{
	16: true, 17: true, 20: true, 21: true, 114: true, 700: true, 701: true, 1082: true, 1083: true, 1186: true, 1700: true, 2950: true, 3802: true,
}

// align gives the attribute number of each announced column, 0 for one that is in
// neither: it was added and is gone again, or is generated. ok is false where more than one answer
// is possible, or none.
func (k *known) align(announced []replication.RelationColumn) (attnums []int16, ok bool) {
	w := &walk{known: k, announced: announced, all: k.candidates()}
	ends := w.ends()
	attnums = make([]int16, len(announced))
	from := make([]passed, len(w.all)+1)
	from[0] = none
	for i := range announced {
		next, found := make([]passed, len(w.all)+1), false
		for j := range w.all {
			from[j+1] |= w.pass(j, from[j])
			to := w.take(i, j, from[j]) & ends[i+1][j+1]
			if to == 0 {
				continue
			}
			next[j+1] |= to
			answer := w.all[j].answer()
			if found && answer != attnums[i] {
				return nil, false
			}
			attnums[i], found = answer, true
		}
		if !found {
			return nil, false
		}
		from = next
	}
	return attnums, len(announced) > 0 || ends[0][0] != 0
}

// answer is the candidate's number, 0 where it brings nothing.
func (c *candidate) answer() int16 {
	if c.names[0] == "" && c.names[1] == "" || c.generated {
		return 0
	}
	return c.attnum
}

// walk goes through announced columns and candidates side by side: at each step a
// column is the candidate, or the candidate was not there, or is not published.
type walk struct {
	*known
	announced []replication.RelationColumn
	all       []candidate
}

// passed are the ways on which a walk can have come to where it is.
type passed uint8

const (
	none    passed = 1 << iota // no younger candidate was passed over
	younger                    // one was
)

// pass gives the ways behind a candidate that was not announced.
func (w *walk) pass(j int, ways passed) passed {
	switch c := &w.all[j]; {
	case c.lasting:
		return 0
	case c.younger && ways != 0:
		return younger
	}
	return ways
}

// take gives the ways behind an announced column that is the candidate. Where one
// was passed over that is there now, those made after it were not there either: or
// it is not published, and then names have to tell.
func (w *walk) take(i, j int, ways passed) passed {
	c, m := &w.all[j], &w.announced[i]
	if !w.canBe(m, c) {
		return 0
	}
	if !c.younger || c.names[1] != m.Name {
		ways &= none
	}
	return ways
}

// ends gives, at [i][j], the ways on which a walk can go on with the columns from i
// and the candidates from j on to the end.
func (w *walk) ends() [][]passed {
	n, m := len(w.announced), len(w.all)
	ends := make([][]passed, n+1)
	for i := n; i >= 0; i-- {
		ends[i] = make([]passed, m+1)
		if i == n {
			ends[n][m] = none | younger
		}
		for j := m - 1; j >= 0; j-- {
			for _, way := range []passed{none, younger} {
				if w.pass(j, way)&ends[i][j+1] != 0 || i < n && w.take(i, j, way)&ends[i+1][j+1] != 0 {
					ends[i][j] |= way
				}
			}
		}
	}
	return ends
}

// alignGone is align for a table that is gone, and of which nothing is known but
// what it was.
func alignGone(announced []replication.RelationColumn, was []apply.ColumnShape) (attnums []int16, ok bool) {
	for _, m := range announced {
		i := slices.IndexFunc(was, func(c apply.ColumnShape) bool { return c.Name == m.Name })
		if i < 0 {
			return nil, false
		}
		attnums = append(attnums, was[i].Attnum)
	}
	return attnums, slices.IsSorted(attnums)
}
