package greenplum

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// adoption is how a table that is there has to be changed to hold a plan's rows.
type adoption struct {
	// missing are places in the plan's columns, loosened those of columns that are
	// NOT NULL there without need.
	missing, loosened []int
}

// adopt holds the plan against a table that is there, and names the first thing
// that does not fit.
func (p *plan) adopt(s *server, f *found) (a adoption, err error) {
	if err := p.checkKind(f); err != nil {
		return a, unfit(err)
	}
	inKey := make([]bool, len(p.columns))
	for _, i := range p.key {
		inKey[i] = true
	}
	for i, c := range p.columns {
		there := f.columns[c.bare()]
		switch {
		case there == nil && inKey[i]:
			err = fmt.Errorf("column %s of the key is missing", change.QuoteIdent(c.bare()))
		case there == nil:
			a.missing = append(a.missing, i)
		case c.fits(there):
			if there.notNull && !c.notNull {
				a.loosened = append(a.loosened, i)
			}
		case there.computed:
			err = fmt.Errorf("column %s is computed there", change.QuoteIdent(c.bare()))
		default:
			err = fmt.Errorf("column %s is %s there, the source's column needs %s", change.QuoteIdent(c.bare()), there.typ, c.ddl)
		}
		if err != nil {
			return a, unfit(err)
		}
	}
	if err := p.checkOthers(f); err != nil {
		return a, unfit(err)
	}
	if err := p.checkUnique(f); err != nil {
		return a, unfit(err)
	}
	return a, unfit(p.checkDistribution(s, f))
}

func unfit(err error) error {
	if err == nil {
		return nil
	}
	return fault.Precondition(fmt.Errorf("the table that is there cannot hold the rows exactly: %w", err),
		"give the source table another target name, or drop the table and start pgsluice again: it is then copied anew")
}

// kinds are pg_class.relkind's letters for what cannot be written to as to a table.
var kinds = map[string]string{
	"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "c": "a composite type", "i": "an index", "I": "an index",
}

func (p *plan) checkKind(f *found) error {
	switch {
	case kinds[f.kind] != "":
		return fmt.Errorf("it is %s", kinds[f.kind])
	case f.kind != "r" && f.kind != "p":
		return fmt.Errorf("it is no table, but what pg_class.relkind calls %q", f.kind)
	case f.external:
		return fmt.Errorf("it is an external table")
	case f.persistence == "u":
		return fmt.Errorf("it is unlogged: the server empties it after a crash (ALTER TABLE %s SET LOGGED)", p.quoted)
	case f.persistence == "t":
		return fmt.Errorf("it is temporary")
	}
	return nil
}

// checkOthers looks at the columns that the source does not have: pgsluice writes
// nothing to them.
func (p *plan) checkOthers(f *found) error {
	for _, name := range f.order {
		c := f.columns[name]
		ours := slices.ContainsFunc(p.columns, func(own *column) bool { return own.bare() == name })
		if !ours && c.notNull && !c.defaulted {
			return fmt.Errorf("column %s, which the source does not have, is NOT NULL there and has no default", change.QuoteIdent(name))
		}
	}
	return nil
}

// checkUnique refuses an index that takes two rows of the source for one.
func (p *plan) checkUnique(f *found) error {
	for _, u := range f.unique {
		for _, i := range p.key {
			if !slices.Contains(u.columns, p.columns[i].bare()) {
				return fmt.Errorf("its index %s is unique without column %s of the key", change.QuoteIdent(u.name), change.QuoteIdent(p.columns[i].bare()))
			}
		}
		if len(p.key) == 0 {
			return fmt.Errorf("its index %s is unique, and the source's table has no key: column %s", change.QuoteIdent(u.name), quoteAll(u.columns))
		}
	}
	return nil
}

// checkDistribution wants rows of one key on one node, and where the user wishes
// for it. The plan then knows how the table is distributed.
func (p *plan) checkDistribution(s *server, f *found) error {
	if !s.distributes() {
		return nil
	}
	var places []int
	for _, name := range f.distribution {
		i := slices.IndexFunc(p.columns, func(c *column) bool { return c.bare() == name })
		if len(p.key) > 0 && !slices.Contains(p.key, i) {
			return fmt.Errorf("it is distributed by column %s, which is not in the key: rows of one key would lie on several nodes (%s)",
				change.QuoteIdent(name), p.redistribute(s))
		}
		if i >= 0 {
			places = append(places, i)
		}
	}
	if len(p.table.Wishes.DistributedBy) > 0 && !slices.Equal(p.distribution, places) {
		return fmt.Errorf("it is distributed by (%s), and not by (%s) (%s)", quoteAll(f.distribution), strings.Join(p.names(p.distribution), ", "), p.redistribute(s))
	}
	p.distribution = places
	return nil
}

func (p *plan) redistribute(s *server) string {
	return "ALTER TABLE " + p.quoted + " SET " + s.distributedBy(p)
}

func quoteAll(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = change.QuoteIdent(name)
	}
	return strings.Join(all, ", ")
}

// bare is the column's name without quotes.
func (c *column) bare() string {
	return strings.ReplaceAll(c.name[1:len(c.name)-1], `""`, `"`)
}

// Types of pg_catalog that are compared here by their OIDs.
const (
	textOID    = 25
	varcharOID = 1043
	numericOID = 1700
	varbitOID  = 1562
)

// fits accepts a column of the planned type, and of one that holds the same values
// in the same bytes: without a modifier, or with a wider one.
func (c *column) fits(there *foundColumn) bool {
	if there.computed {
		return false
	}
	if there.oid != c.oid {
		return there.modifier < 0 && (there.oid == textOID && c.oid == varcharOID || there.oid == varcharOID && c.oid == textOID)
	}
	if there.modifier == c.modifier || there.modifier < 0 {
		return true
	}
	if c.modifier < 0 {
		return false
	}
	switch c.oid {
	case varcharOID, varbitOID:
		return there.modifier > c.modifier
	case numericOID:
		p, s, _ := change.NumericModifier(there.modifier)
		ownP, ownS, _ := change.NumericModifier(c.modifier)
		return s == ownS && p > ownP
	}
	return false
}
