package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
	"github.com/pgsluice/pgsluice/snapshot"
)

// unmoved is something in the catalog that a pattern can match and that is not
// moved.
type unmoved struct {
	Schema, Name string
	Kind         string // of unmovedSQL
	Root         string // of a partition, in words
	RootOID      uint32
}

func (u unmoved) String() string {
	return change.QuoteIdent(u.Schema) + "." + change.QuoteIdent(u.Name)
}

// What snapshot.Catalog does not list, but for what an extension has brought,
// which nobody wants.
const unmovedSQL = `
SELECT n.nspname::text AS schema, c.relname::text AS name,
       CASE WHEN c.relkind IN ('v', 'm') THEN 'view' WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'f' THEN 'foreign' ELSE 'unlogged' END AS kind,
       coalesce(pg_catalog.pg_partition_root(c.oid)::regclass::text, '') AS root, coalesce(pg_catalog.pg_partition_root(c.oid)::oid, 0) AS rootoid
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't'
  AND NOT (c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition)
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2`

// matched looks at what the patterns match in words and does not go along, and at
// patterns that match nothing.
func (l *look) matched(ctx context.Context) error {
	rows, err := l.SQL.Query(ctx, unmovedSQL)
	if err != nil {
		return postgres.Doing(err, "list what is not moved")
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[unmoved])
	if err != nil {
		return postgres.Doing(err, "list what is not moved")
	}
	moved := map[uint32]bool{}
	for _, t := range l.Tables {
		moved[t.Relation.OID] = true
	}
	byKind := map[string][]unmoved{}
	for _, u := range all {
		if snapshot.Selected(l.Patterns, u.Schema, u.Name) && !moved[u.RootOID] {
			byKind[u.Kind] = append(byKind[u.Kind], u)
		}
	}
	l.unlogged(byKind["unlogged"])
	l.leftOut("foreign_tables", "foreign table", "its rows are on another server: name that one as a source of its own", byKind["foreign"])
	l.leftOut("partitions_alone", "partition", "it is moved with the table it belongs to: name that one", byKind["partition"])
	l.views(byKind["view"])
	l.unused(all)
	return nil
}

func (l *look) unlogged(tables []unmoved) {
	for _, u := range tables {
		l.warn("unlogged_tables", u.String(), fmt.Sprintf("table %s is unlogged: it is matched and not moved, for the log knows nothing of its rows", u),
			fmt.Sprintf("ALTER TABLE %s SET LOGGED;", sqlName(u.Schema, u.Name)))
	}
	if len(tables) == 0 {
		l.ok("unlogged_tables", "", "no unlogged table is matched")
	}
}

func (l *look) leftOut(check, noun, why string, them []unmoved) {
	if len(them) == 0 {
		l.ok(check, "", "no %s is matched", noun)
		return
	}
	names := make([]string, len(them))
	for i, u := range them {
		names[i] = u.String()
		if u.Root != "" {
			names[i] += " of " + u.Root
		}
	}
	l.warn(check, "", fmt.Sprintf("%s matched and not moved: %s", several(len(them), noun), sentence(names)), why+"; or take it out: "+exclusions(them))
}

// views are warned of when one is named: with public.* nobody means its views.
func (l *look) views(them []unmoved) {
	var named []unmoved
	for _, u := range them {
		for _, p := range l.Patterns {
			if !p.Exclude && p.Match(u.Schema, u.Name) && !strings.Contains(p.String(), "*") {
				named = append(named, u)
				break
			}
		}
	}
	if len(named) > 0 || len(them) == 0 {
		l.leftOut("views", "view", "name the tables behind it, or have a table made of it", named)
		return
	}
	l.ok("views", "", "%s matched and not moved", several(len(them), "view"))
}

func exclusions(them []unmoved) string {
	names := make([]string, len(them))
	for i, u := range them {
		names[i] = `"!` + u.String() + `"`
	}
	return sentence(names)
}

// unused finds patterns that match nothing: a name that was misspelt.
func (l *look) unused(others []unmoved) {
	fine := true
	for _, p := range l.Patterns {
		if p.Exclude || l.matches(p, others) {
			continue
		}
		fine = false
		l.warn("patterns", "", fmt.Sprintf("pattern %s matches no table", p),
			"see how the name is written: it folds to lower case unless it is in double quotes; or take the pattern out")
	}
	if fine {
		l.ok("patterns", "", "every pattern matches something")
	}
}

func (l *look) matches(p snapshot.Pattern, others []unmoved) bool {
	for _, t := range l.Tables {
		if p.Match(t.Relation.Schema, t.Relation.Name) {
			return true
		}
	}
	for _, u := range others {
		if p.Match(u.Schema, u.Name) {
			return true
		}
	}
	return false
}
