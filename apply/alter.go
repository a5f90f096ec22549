package apply

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// RebuildError says that a table has to be copied anew to become what is asked
// for, and why.
type RebuildError struct{ Reason string }

func (e *RebuildError) Error() string { return "the table has to be copied anew: " + e.Reason }

// Rebuild is a RebuildError, permanent for whoever does not copy by itself.
func Rebuild(format string, args ...any) error {
	return fault.Permanent(&RebuildError{Reason: fmt.Sprintf(format, args...)}, "pgsluice resync copies the table anew")
}

// Difference is how a relation differs from what a target's table stands for.
// Columns have the target's names.
type Difference struct {
	// Was are the columns of the relation, in their order, as they were; nil for
	// one that is new. From are the names they had; empty for one that is new.
	Was  []*ColumnShape
	From []string
	// Gone are the columns that the relation does not have any more.
	Gone []string
}

// Differ compares columns by their attribute numbers, and by their names where
// those are unknown. Another key is a *RebuildError: rows are told apart by it.
// Both the old and the new names are given to target columns by t's wishes, which
// name the source's: a column that has a wish for its old name alone is called
// in the target what it is called in the source now.
func Differ(t *Table, was []ColumnShape) (*Difference, error) {
	d := &Difference{}
	kept := make([]bool, len(was))
	for i := range t.Relation.Columns {
		c := &t.Relation.Columns[i]
		n := slices.IndexFunc(was, func(s ColumnShape) bool {
			if c.Attnum == 0 || s.Attnum == 0 {
				return s.Name == c.Name
			}
			return s.Attnum == c.Attnum
		})
		inKey := slices.Contains(t.Relation.Key, i)
		if inKey != (n >= 0 && was[n].Key > 0) {
			return nil, Rebuild("its key is another, column %s", change.QuoteIdent(c.Name))
		}
		if n < 0 {
			d.Was, d.From = append(d.Was, nil), append(d.From, "")
			continue
		}
		kept[n] = true
		d.Was, d.From = append(d.Was, &was[n]), append(d.From, t.Wishes.Name(was[n].Name))
	}
	for n := range was {
		switch {
		case kept[n]:
		case was[n].Key > 0:
			return nil, Rebuild("column %s of its key is gone", change.QuoteIdent(was[n].Name))
		default:
			d.Gone = append(d.Gone, t.Wishes.Name(was[n].Name))
		}
	}
	return d, nil
}

// Steps are what has to be done to a target's table, in this order, before columns
// are widened and added. Names are the target's.
type Steps struct {
	// Drop are columns to be dropped, Keep those to be kept and marked.
	Drop, Keep []string
	// Rename are old and new names.
	Rename [][2]string
}

// Steps finds what has still to be done, from what is there: there says whether the
// table has a column of the name, and kept whether that one is marked as gone in
// the source. Where names alone do not tell whether a change has been made already,
// as when two columns have swapped theirs, it is a *RebuildError.
func (d *Difference) Steps(t *Table, there, kept func(name string) bool, drop bool) (*Steps, error) {
	now := map[string]int{}
	for i := range t.Relation.Columns {
		now[t.Wishes.Name(t.Relation.Columns[i].Name)] = i
	}
	s := &Steps{}
	for _, gone := range d.Gone {
		i, again := now[gone]
		reused := false // the name that the column which has this one now had
		if again {
			_, reused = now[d.From[i]]
		}
		switch {
		case again && (d.Was[i] == nil || reused):
			return nil, Rebuild("column %s is another one of the same name", change.QuoteIdent(gone))
		case again && !there(d.From[i]): // renamed already
		case !there(gone):
		case again && !drop:
			return nil, Rebuild("column %s is kept, and another has its name now", change.QuoteIdent(gone))
		case drop:
			s.Drop = append(s.Drop, gone)
		case !kept(gone):
			s.Keep = append(s.Keep, gone)
		}
	}
	for i := range t.Relation.Columns {
		if err := d.rename(s, i, t.Wishes.Name(t.Relation.Columns[i].Name), now, there, kept); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// rename adds what has to be done for the name of column i.
func (d *Difference) rename(s *Steps, i int, to string, now map[string]int, there, kept func(string) bool) error {
	from := d.From[i]
	if from == "" {
		if there(to) && kept(to) {
			return Rebuild("a column %s of another time is kept", change.QuoteIdent(to))
		}
		return nil
	}
	taken := there(to) && !slices.Contains(s.Drop, to)
	other, reused := now[from]
	switch {
	case from == to && !taken, from != to && !there(from) && (!taken || kept(to)):
		return Rebuild("column %s is not there", change.QuoteIdent(from))
	case from == to, !there(from):
		return nil
	case reused && (taken || d.Was[other] != nil):
		return Rebuild("columns %s and %s have each other's names", change.QuoteIdent(from), change.QuoteIdent(to))
	case taken:
		return Rebuild("there is another column %s already", change.QuoteIdent(to))
	}
	s.Rename = append(s.Rename, [2]string{from, to})
	return nil
}

// Retyped says that column i of the relation was of another type, or of another
// modifier.
func (d *Difference) Retyped(i int, c *change.Column) bool {
	return d.Was[i] != nil && (d.Was[i].TypeOID != c.Type.OID || d.Was[i].Modifier != c.Type.Modifier)
}

// SameText says that PostgreSQL prints values of the type as it did when they were
// of the type was, which has the same bytes for them. A cidr that has become an
// inet, for instance, loses its /32.
func SameText(t *change.Type, was *ColumnShape) bool {
	if was == nil || was.TypeOID == t.OID {
		return true
	}
	u := t.Underlying()
	if u.OID == was.TypeOID {
		return true
	}
	for u.Kind == change.KindArray && u.Elem != nil {
		u = u.Elem.Underlying()
	}
	return u.Kind == change.KindEnum || u.Schema == "pg_catalog" && slices.Contains(plainTexts, u.Name)
}

// plainTexts are the types that are binary coercible from such alone as print the
// same.
var plainTexts = []string{"text", "varchar", "bpchar", "bit", "varbit"}

const shadowSuffix = "__pgsluice_new"

// ShadowName is the name of a table with the suffix of shadows, of at most most
// bytes, as width counts them. What is cut off is told apart by a hash.
func ShadowName(table string, most int, width func(string) int) string {
	if name := table + shadowSuffix; width(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(table))
	suffix := fmt.Sprintf("_%x%s", sum[:6], shadowSuffix)
	for width(table+suffix) > most {
		_, size := utf8.DecodeLastRuneInString(table)
		table = table[:len(table)-size]
	}
	return table + suffix
}
