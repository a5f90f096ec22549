package preflight

import (
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
)

const aForeign = `CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere;`

func TestWhatIsMatchedAndNotMoved(t *testing.T) {
	runTroubles(t, []trouble{
		{
			name: "an unlogged table", setup: aTable + `CREATE UNLOGGED TABLE "Fast" (id int PRIMARY KEY)`,
			check: "unlogged_tables", on: `public."Fast"`, level: fault.LevelWarning, seen: `table public."Fast" is unlogged`, fix: `ALTER TABLE "public"."Fast" SET LOGGED;`,
		},
		{
			name: "a foreign table", setup: aTable + aForeign + `CREATE FOREIGN TABLE f (id int) SERVER far; CREATE FOREIGN TABLE g (id int) SERVER far`, patterns: []string{"public.*"},
			check: "foreign_tables", level: fault.LevelWarning, seen: "2 foreign tables matched and not moved: public.f, public.g", fix: `"!public.f", "!public.g"`,
			otherPatterns: []string{"public.*", "!public.f", "!public.g"},
		},
		{
			name: "a view by name", setup: aTable + `CREATE VIEW v AS TABLE t; CREATE MATERIALIZED VIEW mv AS TABLE t`, patterns: []string{"public.t", "public.v", "public.mv"},
			check: "views", level: fault.LevelWarning, seen: "2 views matched and not moved: public.mv, public.v", fix: "!public.mv", otherPatterns: []string{"public.*"},
		},
		{
			name: "a partition without its table", since: 13, setup: aTable + parts, patterns: []string{"public.t", "public.parts_1"},
			check: "partitions_alone", level: fault.LevelWarning, seen: "public.parts_1 of public.parts", fix: "name that one", otherPatterns: []string{"public.t", "public.parts"},
		},
		{
			name: "a name that is written wrong", setup: `CREATE TABLE "Orders" (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY)`, patterns: []string{"public.t", "public.Orders"},
			check: "patterns", level: fault.LevelWarning, seen: "pattern public.Orders matches no table", fix: "double quotes", otherPatterns: []string{"public.t", `public."Orders"`},
		},
	})
}

func TestPartitions(t *testing.T) {
	runTroubles(t, []trouble{
		{
			name: "before PostgreSQL 13", wish: pretending(120022), setup: aTable + parts, check: "partitions", on: "public.parts", level: fault.LevelError,
			seen: "table public.parts is partitioned, and PostgreSQL before 13", fix: "pgsluice load", otherwise: once,
		},
		{
			name: "a foreign one", since: 13, setup: aTable + aForeign + `CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE FOREIGN TABLE parts_3 PARTITION OF parts DEFAULT SERVER far`,
			check: "partitions", on: "public.parts_3", level: fault.LevelError, seen: "partition public.parts_3 of table public.parts is a foreign table", fix: `"!public.parts"`,
			wish: once, otherPatterns: []string{"public.t", "!public.parts"},
		},
		{
			name: "an unlogged one", since: 13, setup: parts + `CREATE UNLOGGED TABLE parts_3 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`,
			check: "partitions", on: "public.parts_3", level: fault.LevelError, seen: "partition public.parts_3 of table public.parts is unlogged", fix: `ALTER TABLE "public"."parts_3" SET LOGGED;`,
		},
	})
}

func TestGeneratedColumns(t *testing.T) {
	const stored = `CREATE TABLE t (id int PRIMARY KEY, a int, "S" int GENERATED ALWAYS AS (a * 2) STORED);`
	without := func(s *Source) {
		for i := range s.Tables {
			s.Tables[i].Columns = []string{"id", "a"}
		}
	}
	runTroubles(t, []trouble{
		{
			name: "stored, before PostgreSQL 18", until: 17, setup: stored, check: "generated_columns", on: "public.t", level: fault.LevelWarning,
			seen: `"S" of table public.t is generated, and PostgreSQL before 18`, fix: "exclude", otherwise: without,
		},
		{
			name: "stored, and not published", since: 18, setup: stored + `CREATE PUBLICATION {pub} FOR TABLE t`, check: "generated_columns", on: "public.t", level: fault.LevelWarning,
			seen: `"S" of table public.t is generated, and publication {pub} does not publish it`, fix: "publish_generated_columns = stored",
		},
		{
			name: "virtual", since: 18, setup: `CREATE TABLE t (id int PRIMARY KEY, a int, v int GENERATED ALWAYS AS (a * 2) VIRTUAL)`, check: "generated_columns", on: "public.t", level: fault.LevelWarning,
			seen: "v of table public.t is generated and virtual", fix: "exclude", otherwise: without,
		},
	})
}

func TestReplicaIdentities(t *testing.T) {
	const refuses = "PostgreSQL refuses UPDATE and DELETE on it"
	one := func(name, setup, seen, fix string) trouble {
		return trouble{name: name, setup: setup, check: "replica_identity", on: "public.t", level: fault.LevelWarning, seen: seen, fix: fix}
	}
	leaf := func(name, setup, seen, fix string) trouble {
		return trouble{name: name, since: 13, setup: parts + setup, check: "replica_identity", on: "public.parts_2", level: fault.LevelWarning, seen: seen, fix: fix}
	}
	runTroubles(t, []trouble{
		one("no key", `CREATE TABLE t (id text, id_2 int)`, "table public.t has no primary key: only INSERT and TRUNCATE can be followed, and while the table is published "+refuses,
			`ADD COLUMN "id_3" bigserial, ADD PRIMARY KEY ("id_3");`),
		one("no key, and all of the old row", `CREATE TABLE t (v text); ALTER TABLE t REPLICA IDENTITY FULL`, "table public.t has no primary key: only INSERT and TRUNCATE can be followed",
			`ADD COLUMN "id" bigserial`),
		one("a unique index that would do", `CREATE TABLE t (a int NOT NULL, b text); CREATE UNIQUE INDEX "T by a" ON t (a); CREATE UNIQUE INDEX partial ON t (a) WHERE a > 0; CREATE UNIQUE INDEX loose ON t (b)`,
			"table public.t has no primary key", `ALTER TABLE "public"."t" REPLICA IDENTITY USING INDEX "T by a";`),
		one("nothing", aTable+`ALTER TABLE t REPLICA IDENTITY NOTHING`, "table public.t has REPLICA IDENTITY NOTHING: while it is published "+refuses, `REPLICA IDENTITY DEFAULT;`),
		one("nothing, and no key", `CREATE TABLE t (v text); ALTER TABLE t REPLICA IDENTITY NOTHING`, "table public.t has no primary key", `REPLICA IDENTITY DEFAULT;`),
		one("an index that is gone", `CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL); CREATE UNIQUE INDEX by_a ON t (a); ALTER TABLE t REPLICA IDENTITY USING INDEX by_a; DROP INDEX by_a`,
			"the index that table public.t has named as its replica identity is gone", `REPLICA IDENTITY DEFAULT;`),
		one("a key that is deferrable", `CREATE TABLE t (a int, "B" int, CONSTRAINT "T key" PRIMARY KEY (a, "B") DEFERRABLE)`, "the primary key of table public.t is deferrable",
			`DROP CONSTRAINT "T key", ADD CONSTRAINT "T key" PRIMARY KEY ("a", "B");`),
		leaf("a partition's is nothing", `ALTER TABLE parts_2 REPLICA IDENTITY NOTHING`, "table public.parts_2 has REPLICA IDENTITY NOTHING: while it is published "+refuses, `ALTER TABLE "public"."parts_2" REPLICA IDENTITY DEFAULT;`),
		leaf("a partition's is an index of other columns", `ALTER TABLE parts_2 ALTER v SET NOT NULL; CREATE UNIQUE INDEX by_v ON parts_2 (v); ALTER TABLE parts_2 REPLICA IDENTITY USING INDEX by_v`,
			"the replica identity of partition public.parts_2 lacks id, at, which is in the key of public.parts", `ALTER TABLE "public"."parts_2" REPLICA IDENTITY DEFAULT;`),
		{
			name: "a partitioned table without a key", since: 13, setup: `CREATE TABLE p (id int, at date NOT NULL) PARTITION BY RANGE (at); CREATE TABLE p_1 PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, '2024-01-01')`,
			check: "replica_identity", on: "public.p", level: fault.LevelWarning, seen: "table public.p has no primary key", fix: `ADD COLUMN "id_2" bigserial, ADD PRIMARY KEY ("id_2", "at");`,
		},
		{
			name: "a partitioned table that can have no key", since: 13, setup: aTable + `CREATE TABLE p (id int, at date NOT NULL) PARTITION BY RANGE ((id + 1))`,
			check: "replica_identity", on: "public.p", level: fault.LevelWarning, seen: "table public.p has no primary key", fix: "partitioned by an expression", otherPatterns: []string{"public.t"},
		},
	})
}

// Who follows only what is added needs no identity.
func TestWithoutUpdatesNoIdentityIsNeeded(t *testing.T) {
	onEveryMajor(t, 0, 0, func(s *scene) {
		s.exec(`CREATE TABLE t (v text)`)
		if wrong := s.wrong(s.check(nil, func(src *Source) { src.Operations.Update, src.Operations.Delete = false, false })); len(wrong) > 0 {
			t.Errorf("found:\n%s", list(wrong))
		}
	})
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 5 << 30: "5 GiB", 1 << 62: "4096 PiB"} {
		if got := inBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
