package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// What the target grants of the wishes arrives in rows that are copied and in
// rows that are streamed.
func TestColumnsAreCalledAndTypedAsWanted(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, ts timestamp, price numeric, n int NOT NULL, d date);
			INSERT INTO t SELECT n, '2024-05-06 07:08:09', n + 0.5, n, NULL FROM generate_series(1, 5) n`)
		wish := sync.TableWish{Wishes: apply.Wishes{
			Rename: map[string]string{"ts": "happened_at", "id": "key of it"}, Types: differs(s, map[string]string{"price": "Decimal(38,10)", "n": "UInt64"}, map[string]string{"price": "numeric(38,10)", "n": "text"}),
			OnUnrepresentable: map[string]apply.Policy{"d": apply.MakeNull},
		}}
		rows := func() string {
			s.Helper()
			return s.warehouse(`SELECT "key of it", happened_at, price, n, d FROM %s WHERE "key of it" IN (1, 6) ORDER BY 1`, s.from("t"))
		}
		s.catchUp(wishing("public.t", wish))
		s.is("columns", s.columnsThere("t"), "key of it happened_at price n d")
		s.is("types", s.typesThere("t"), differs(s, "Int32; Nullable(DateTime64(6, 'UTC')); Nullable(Decimal(38, 10)); UInt64; Nullable(Date32)",
			"integer; timestamp without time zone; numeric(38,10); text; date"))
		r := s.start(wishing("public.t", wish)).streaming()
		s.exec(`INSERT INTO t VALUES (6, NULL, 7.25, 8, 'infinity'); UPDATE t SET id = 60 WHERE id = 2; DELETE FROM t WHERE id = 3; UPDATE t SET price = 1 WHERE id = 1`)
		r.here()
		s.is("rows", rows(), differs(s, "1\t2024-05-06 07:08:09.000000\t1\t1\t\\N\n6\t\\N\t7.25\t8\t\\N",
			"1\t2024-05-06 07:08:09\t1.0000000000\t1\t\\N\n6\t\\N\t7.2500000000\t8\tinfinity"))
		keyed := func(column string) string {
			s.Helper()
			return strings.ReplaceAll(s.warehouse(`SELECT "%s" FROM %s ORDER BY "key of it"`, column, s.from("t")), "\n", " ")
		}
		s.is("keys", keyed("key of it"), "1 4 5 6 60")
		// A column that is added beside them is followed.
		s.exec(`ALTER TABLE t ADD later int DEFAULT 3; UPDATE t SET later = 4 WHERE id = 6`)
		r.here()
		s.is("the added column", keyed("later"), "3 3 3 4 3")
		r.halt()
		s.exec(`INSERT INTO t VALUES (7, NULL, 1, 1, NULL, 1)`)
		s.catchUp(wishing("public.t", wish))
		s.is("rows", s.count("t"), "6")
		// Other wishes are not carried out beside those.
		wish.Rename = map[string]string{"ts": "at"}
		err := s.tryCatchUp(wishing("public.t", wish))
		if err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		s.mentions(err.Error(), "copied with other wishes", "rename")
	})
}

func TestRowsLieAsWanted(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int, at date, v text, PRIMARY KEY (id, at)); INSERT INTO t SELECT n, '2024-01-01'::date + n * 20, 'v' FROM generate_series(1, 10) n;
			CREATE TABLE log (at timestamp NOT NULL, v text)`)
		wish := ordering("at", "id")
		wish.PartitionBy = "toYYYYMM(at)"
		lies := func(p *plan) {
			wishing("public.t", wish)(p)
			wishing("public.log", ordering("at"))(p)
		}
		s.catchUp(lies)
		r := s.start(lies).streaming()
		s.exec(`UPDATE t SET at = at + 100 WHERE id < 4; UPDATE t SET v = 'changed'; DELETE FROM t WHERE id = 9; INSERT INTO log VALUES ('2024-01-01', 'a'), ('2024-01-01', 'a')`)
		r.here()
		r.halt()
		s.equal("t", "log")
		s.is("order and partitions", s.warehouse(`SELECT name, sorting_key, partition_key FROM system.tables WHERE database = currentDatabase() AND name IN ('t', 'log') ORDER BY name`),
			"log\tat, _version\t\nt\tat, id\ttoYYYYMM(at)")
		s.catchUp(lies)
		s.equal("t", "log")
	})
}

// refusedWishes are what a target cannot grant, and what it says.
var refusedWishes = map[bool][]struct {
	wishes apply.Wishes
	words  []string
}{
	false: {
		{apply.Wishes{Rename: map[string]string{"a": "v"}}, []string{"v"}},
		{apply.Wishes{Rename: map[string]string{"a": "_version"}}, []string{"_version"}},
		{apply.Wishes{Types: map[string]string{"a": "NoSuchType"}}, []string{"NoSuchType"}},
		{apply.Wishes{Types: map[string]string{"at": "UUID"}}, []string{"UUID"}},
		{apply.Wishes{PartitionBy: "toYYYYMM(at)"}, []string{"partition_by", "at", "not in the key"}},
		{apply.Wishes{PartitionBy: "toYYYYMM("}, []string{"partition_by"}},
	},
	true: {
		{apply.Wishes{Rename: map[string]string{"a": "v"}}, []string{"v"}},
		{apply.Wishes{Rename: map[string]string{"a": "ctid"}}, []string{"ctid"}},
		{apply.Wishes{Rename: map[string]string{"a": strings.Repeat("x", 64)}}, []string{"63"}},
		{apply.Wishes{Types: map[string]string{"a": "NoSuchType"}}, []string{"NoSuchType"}},
		{apply.Wishes{PartitionBy: "at"}, []string{"partition_by"}},
		{apply.Wishes{OrderBy: []string{"id"}}, []string{"order_by"}},
		{apply.Wishes{DistributedBy: []string{"a"}}, []string{"distributed_by"}},
	},
}

// What the target cannot grant is refused before anything is made.
func TestWishesThatTheTargetRefuses(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, a int, v text, at date)`)
		for _, refused := range refusedWishes[s.transactional()] {
			s.refusedFor("public.t", sync.TableWish{Wishes: refused.wishes}, fault.IsUsage, refused.words...)
		}
		config := s.configure(fmt.Sprintf("source: {dsn: '%s'}\ntables:\n  - name: public.t\n    %srename: {a: v}\n",
			s.sourceDSN(), differs(s, "partition_by: toYYYYMM(at)\n    ", "")))
		s.changesNothing("check", "-c", config).exits(3, "public.t")
		s.changesNothing("plan", "-c", config).exits(2, "both be named v")
	})
}

// A table that is to be copied anew into one of other types is in the way, and
// what it was stays known: the old wishes go on where they were.
func TestAnotherTypeWaitsForTheTable(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, n numeric); INSERT INTO t VALUES (1, 1.5)`)
		name := differs(s, "Decimal", "numeric")
		typed := func(digits string) func(*plan) {
			return wishing("public.t", sync.TableWish{Wishes: apply.Wishes{Types: map[string]string{"n": name + digits}}})
		}
		rows := func(ofFamily string) {
			s.Helper()
			s.is("rows", s.warehouse(`SELECT id, n FROM %s ORDER BY id`, s.from("t")), differs(s, "1\t1.5\n2\t2.5", ofFamily))
		}
		s.catchUp(typed("(20,2)"))
		err := s.tryCatchUp(typed("(30,5)"), truncating)
		if err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		s.mentions(err.Error(), differs(s, "column n is Nullable(Decimal(20, 2)) there", "column n is numeric(20,2) there"), differs(s, "Nullable(Decimal(30, 5))", "numeric(30,5)"))
		s.exec(`INSERT INTO t VALUES (2, 2.5)`)
		s.catchUp(typed("(20,2)"))
		rows("1\t1.50\n2\t2.50")
		s.dropThere("t")
		s.catchUp(typed("(30,5)"), truncating)
		rows("1\t1.50000\n2\t2.50000")
	})
}
