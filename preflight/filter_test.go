package preflight

import (
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// where is a run with a condition on the rows of each table.
func where(condition string) func(*Source) {
	return func(s *Source) {
		for i := range s.Tables {
			s.Tables[i].Where = condition
		}
	}
}

func onceWhere(condition string) func(*Source) {
	return func(s *Source) { once(s); where(condition)(s) }
}

func TestConditionsThatCannotBeUsed(t *testing.T) {
	const function = `CREATE FUNCTION public.odd(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 1';`
	bad := func(name, condition, seen string) trouble {
		return trouble{name: name, setup: aTable, wish: onceWhere(condition), check: "where", on: "public.t", level: fault.LevelError, seen: seen, otherwise: onceWhere("id % 2 = 1")}
	}
	runTroubles(t, []trouble{
		bad("nonsense", "id = = 1", "syntax error"),
		bad("a column that is not there", "colour = 'red'", `column "colour" does not exist`),
		bad("no condition", "id + 1", "must be type boolean"),
		bad("out of the parentheses", "true) OR (true", "syntax error"),
		bad("a second statement", "true) ; DROP TABLE t", "syntax error"),
		bad("a second statement without parentheses", "true; DROP TABLE t", "cannot insert multiple commands"),
		bad("a comment", "1=1) --", "syntax error"),
		bad("a comment that hides the end", "1=1 --", "syntax error"),
		bad("a clause", "true ORDER BY id", "syntax error"),
		bad("an aggregate", "count(*) > 1", "aggregate functions are not allowed"),
		bad("a parameter", "id = $1", "$1"),
		bad("a quote that is not closed", "v = 'x", "unterminated quoted string"),
		{
			name: "before PostgreSQL 15", until: 14, setup: aTable, wish: where("id > 1"), check: "where", on: "public.t", level: fault.LevelError,
			seen: "needs PostgreSQL 15 or later to be streamed", fix: "pgsluice load", otherwise: onceWhere("id > 1"),
		},
		{
			name: "what a publication may not hold", since: 15, setup: aTable + function, wish: where("public.odd(id)"), check: "where", on: "public.t", level: fault.LevelError,
			seen: "cannot be published: invalid publication WHERE expression", fix: "PostgreSQL's own", otherwise: where("id % 2 = 1"),
		},
		{
			name: "what is not in the replica identity", since: 15, setup: aTable, wish: where("id > 3 AND v <> ''"), check: "where", on: "public.t", level: fault.LevelError,
			seen: "reads v, which is not part of its replica identity: while the table is published so, PostgreSQL refuses UPDATE and DELETE", fix: `ALTER TABLE "public"."t" REPLICA IDENTITY FULL;`,
		},
		{
			name: "nor in those of partitions", since: 15, setup: parts + `ALTER TABLE parts REPLICA IDENTITY FULL; ALTER TABLE parts_1 REPLICA IDENTITY FULL`, wish: where("v <> ''"),
			check: "where", on: "public.parts", level: fault.LevelError, seen: "reads v, which", fix: `ALTER TABLE "public"."parts_2" REPLICA IDENTITY FULL;`,
		},
		{
			name: "other rows than are published", since: 15, setup: aTable + `CREATE PUBLICATION {pub} FOR TABLE t WHERE (id > 3)`, wish: where("id > 4"),
			check: "publication", on: "public.t", level: fault.LevelError, seen: "publishes of table public.t the rows (id > 3), and the configuration wants the rows id > 4", fix: "WHERE (id > 4)",
		},
		{
			name: "all rows are published", since: 15, setup: aTable + `CREATE PUBLICATION {pub} FOR TABLE t`, wish: where("id > 4"),
			check: "publication", on: "public.t", level: fault.LevelError, seen: "publishes of table public.t all rows", fix: "WHERE (id > 4)",
		},
		{
			name: "a column that may not be read", role: "NOINHERIT", setup: aTable + `GRANT SELECT (id) ON t TO {role}`, wish: func(s *Source) { onceWithout("v")(s); where("v <> ''")(s) },
			check: "where", on: "public.t", level: fault.LevelError, seen: "reads what user {role} may not: permission denied for table t", fix: `GRANT SELECT ON TABLE "public"."t"`,
		},
	})
}

// Only where something is changed has the identity to tell of it.
func TestAConditionBesideTheIdentityWithoutUpdates(t *testing.T) {
	onEveryMajor(t, 15, 0, func(s *scene) {
		s.exec(aTable)
		found := s.check(nil, func(src *Source) {
			src.Operations.Update, src.Operations.Delete = false, false
			where("v <> 'x'")(src)
		})
		if wrong := s.wrong(found); len(wrong) > 0 {
			t.Errorf("found:\n%s", list(wrong))
		}
		if !contains(list(found), "the conditions on rows of 1 table can be used") {
			t.Error(list(found))
		}
	})
}
