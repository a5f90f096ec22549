package sync

import (
	"slices"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

// An announcement names a table's columns and does not say which they are: that
// is their attribute numbers, which outlive a rename and are never used again.
// They are found from two sides, the columns that the target's table stands for
// and those that the catalog has now, between which in time the announcement
// stands.
//
//	was          id#1  a#2  b#3
//	announced    id    c    b      ─▶  1 2 3: a#2 was there before and is now, so it is the one between
//	now          id#1  d#2  b#3  e#4

// candidate is a column that an announced one can be.
type candidate struct {
	attnum int16
	names  [2]string // as it was, and now; empty where it was not there
	// lasting: it was there before and is now, so it is in every announcement.
	lasting bool
}

func candidates(was []apply.ColumnShape, now []change.Column) []candidate {
	byNumber := map[int16]*candidate{}
	at := func(attnum int16) *candidate {
		if byNumber[attnum] == nil {
			byNumber[attnum] = &candidate{attnum: attnum}
		}
		return byNumber[attnum]
	}
	for _, c := range was {
		at(c.Attnum).names[0] = c.Name
	}
	for _, c := range now {
		at(c.Attnum).names[1] = c.Name
	}
	all := make([]candidate, 0, len(byNumber))
	for _, c := range byNumber {
		c.lasting = c.names[0] != "" && c.names[1] != ""
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b candidate) int { return int(a.attnum) - int(b.attnum) })
	return all
}

// align gives the attribute number of each announced column, 0 for one that is in
// neither: it was added and is gone again. ok is false where more than one answer
// is possible.
func align(announced []replication.RelationColumn, was []apply.ColumnShape, now []change.Column) (attnums []int16, ok bool) {
	all := candidates(was, now)
	attnums = make([]int16, len(announced))
	match, names := matchNames(announced, all, pair{-1, -1})
	for i := range announced {
		// A name that two columns have had in turn can be either's, and a column that
		// has had two names can be under either.
		if match[i] < 0 || !contested(announced, all, pair{i, match[i]}) {
			continue
		}
		if _, others := matchNames(announced, all, pair{i, match[i]}); others == names {
			return nil, false
		}
	}
	// What lies between two columns that are known by name.
	fromColumn, fromCandidate := 0, 0
	for i := 0; i <= len(announced); i++ {
		to := len(all)
		if i < len(announced) {
			if match[i] < 0 {
				continue
			}
			to = match[i]
			attnums[i] = all[to].attnum
		}
		if !alignBetween(attnums[fromColumn:i], all[fromCandidate:to]) {
			return nil, false
		}
		fromColumn, fromCandidate = i+1, to+1
	}
	if !attributed(announced, all, attnums) {
		return nil, false
	}
	return attnums, true
}

// attributed says whether columns that came and went, if there are any, are nothing
// else. Where one has a name that another has had, where another is not announced, or
// where one stands before a column that is older than it has to be, names may have
// gone from one to the other, and those that match do so by chance.
func attributed(announced []replication.RelationColumn, all []candidate, attnums []int16) bool {
	younger := false // than any that was there before
	for i := range announced {
		for _, c := range all {
			switch {
			case attnums[i] == 0 && (bears(announced[i], c) || !slices.Contains(attnums, c.attnum)):
				return false
			case younger && attnums[i] == c.attnum && c.names[0] != "":
				return false
			}
		}
		younger = younger || attnums[i] == 0
	}
	return true
}

// contested says whether another candidate has the announced column's name, or
// another announced column one of the candidate's.
func contested(announced []replication.RelationColumn, all []candidate, p pair) bool {
	for j := range all {
		if j != p.candidate && bears(announced[p.column], all[j]) {
			return true
		}
	}
	for i := range announced {
		if i != p.column && bears(announced[i], all[p.candidate]) {
			return true
		}
	}
	return false
}

// alignBetween settles columns that no name is known of. They can be the
// candidates that stand in the same place: all of them, or none.
func alignBetween(attnums []int16, between []candidate) bool {
	lasting := 0
	for _, c := range between {
		if c.lasting {
			lasting++
		}
	}
	switch {
	case len(attnums) == 0:
		return lasting == 0
	case len(between) == 0:
		return true // they came and went
	case lasting != len(between) || lasting != len(attnums):
		return false
	}
	for i, c := range between {
		attnums[i] = c.attnum
	}
	return true
}

// pair is an announced column and a candidate, by their places.
type pair struct{ column, candidate int }

// matchNames finds the candidates of the same name, in their order, as many as
// there can be but for one pair, and so that none that lasts is left out; -1 where
// there is none. names is how many there are.
func matchNames(announced []replication.RelationColumn, all []candidate, but pair) (match []int, names int32) {
	n, m := len(announced), len(all)
	same := func(i, j int) bool { return j < m && bears(announced[i], all[j]) && but != pair{i, j} }
	best := mostNames(n, all, same)
	match = make([]int, n)
	for i, j := 0, 0; i < n; {
		match[i] = -1
		switch {
		case same(i, j) && best[i][j] == best[i+1][j+1]+1:
			match[i] = j
			i, j = i+1, j+1
		case j < m && !all[j].lasting && best[i][j] == best[i][j+1]:
			j++
		case j < m && all[j].lasting && best[i][j] == best[i+1][j+1]:
			i, j = i+1, j+1 // renamed
		default:
			i++
		}
	}
	return match, best[0][0]
}

// mostNames gives, at [i][j], the most names that the columns from i on, of n, and the
// candidates from j on have in common; below zero where a lasting candidate is left
// over.
func mostNames(n int, all []candidate, same func(column, candidate int) bool) [][]int32 {
	const impossible = -1 << 20
	m := len(all)
	best := make([][]int32, n+1)
	for i := n; i >= 0; i-- {
		best[i] = make([]int32, m+1)
		for j := m; j >= 0; j-- {
			found := int32(impossible)
			if i == n && j == m {
				found = 0
			}
			if j < m && !all[j].lasting {
				found = max(found, best[i][j+1])
			}
			if i < n {
				found = max(found, best[i+1][j])
			}
			if i < n && j < m && all[j].lasting {
				found = max(found, best[i+1][j+1])
			}
			if i < n && same(i, j) {
				found = max(found, best[i+1][j+1]+1)
			}
			best[i][j] = found
		}
	}
	return best
}

func bears(c replication.RelationColumn, by candidate) bool {
	return c.Name == by.names[0] || c.Name == by.names[1]
}
