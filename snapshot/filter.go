package snapshot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Conditions on rows are looked at with EXPLAIN: it parses and resolves them as
// COPY and a publication would, prints them as the server understands them, and
// writes and reads nothing.

const filterRemedy = "write a condition over the table's own columns, without the table in front of them, as it would stand behind WHERE; types and functions that are not PostgreSQL's own need their schema, and cannot be published"

// CheckFilter sees that a condition is one on the table's rows: a usage fault
// when it is not.
func (c *Catalog) CheckFilter(ctx context.Context, t *Table, filter string) error {
	// Once as it is, for it may not end the parentheses that it will stand in, and
	// once in them, for it may not bring a clause of its own.
	for _, where := range []string{filter, "(" + filter + ")"} {
		_, err := c.explain(ctx, "SELECT FROM "+t.from()+" AS narrowed WHERE "+where)
		if err := filterFault(t, filter, err); err != nil {
			return err
		}
	}
	return nil
}

// FilterBeyond gives the columns, other than the given, that a condition reads.
func (c *Catalog) FilterBeyond(ctx context.Context, t *Table, filter string, given []string) ([]string, error) {
	if reads, err := c.readsOther(ctx, t, filter, given); err != nil || !reads {
		return nil, err
	}
	var all, beyond []string
	for _, column := range t.Relation.Columns {
		all = append(all, column.Name)
	}
	for i, name := range all {
		if slices.Contains(given, name) {
			continue
		}
		reads, err := c.readsOther(ctx, t, filter, slices.Delete(slices.Clone(all), i, i+1))
		if err != nil {
			return nil, err
		}
		if reads {
			beyond = append(beyond, name)
		}
	}
	return beyond, nil
}

// readsOther says whether a condition reads a column that is not among the given.
func (c *Catalog) readsOther(ctx context.Context, t *Table, filter string, given []string) (bool, error) {
	list := make([]string, len(given))
	for i, name := range given {
		list[i] = change.AlwaysQuote(name)
	}
	_, err := c.explain(ctx, fmt.Sprintf("SELECT FROM (SELECT %s FROM %s) AS narrowed WHERE (%s)", strings.Join(list, ", "), t.from(), filter))
	if postgres.Code(err) == "42703" { // undefined_column
		return true, nil
	}
	return false, filterFault(t, filter, err)
}

// SameFilter says whether two conditions mean the same to the server: they print
// alike once it has resolved and simplified them. Either may be empty.
func (c *Catalog) SameFilter(ctx context.Context, t *Table, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	if a == "" || b == "" {
		return false, nil
	}
	var printed [2][]string
	for i, filter := range []string{a, b} {
		lines, err := c.explain(ctx, "SELECT ("+filter+") FROM "+t.from())
		if err := filterFault(t, filter, err); err != nil {
			return false, err
		}
		printed[i] = lines
	}
	return slices.Equal(printed[0], printed[1]), nil
}

// from is where the table's rows are: a partitioned one has none itself.
func (t *Table) from() string {
	name := change.AlwaysQuote(t.Relation.Schema) + "." + change.AlwaysQuote(t.Relation.Name)
	if t.Partitioned {
		return name
	}
	return "ONLY " + name
}

func (c *Catalog) explain(ctx context.Context, query string) ([]string, error) {
	rows, err := c.conn.Query(ctx, "EXPLAIN (VERBOSE, COSTS OFF) "+query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// filterFault blames the condition for what the server says of its syntax and of
// the names in it (SQLSTATE class 42), and the right to read for nothing.
func filterFault(t *Table, filter string, err error) error {
	if postgres.Code(err) == "08P01" { // there is nothing to bind
		return fault.Usage(fmt.Errorf("where of table %s, %s: %w", t.Relation, filter, err), "write the value itself instead of $1")
	}
	if code := postgres.Code(err); strings.HasPrefix(code, "42") && code != "42501" || strings.HasPrefix(code, "22") {
		return fault.Usage(fmt.Errorf("where of table %s, %s: %w", t.Relation, filter, err), filterRemedy)
	}
	return postgres.Doing(err, "look at the condition %s of table %s", filter, t.Relation)
}
