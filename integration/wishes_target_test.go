package integration

import (
	"fmt"
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
			Rename: map[string]string{"ts": "happened_at", "id": "key of it"}, Types: map[string]string{"price": "Decimal(38,10)", "n": "UInt64"},
			OnUnrepresentable: map[string]apply.Policy{"d": apply.MakeNull},
		}}
		rows := func() string {
			s.Helper()
			return s.warehouse(`SELECT "key of it", happened_at, price, n, d FROM t FINAL WHERE "key of it" IN (1, 6) ORDER BY 1`)
		}
		s.catchUp(wishing("public.t", wish))
		s.is("columns", s.columnsThere("t"), "key of it happened_at price n d")
		s.is("types", s.warehouse(`SELECT groupArray(type) FROM (SELECT type FROM system.columns WHERE database = currentDatabase() AND table = 't' AND name IN ('price', 'n') ORDER BY position)`),
			"['Nullable(Decimal(38, 10))','UInt64']")
		r := s.start(wishing("public.t", wish)).streaming()
		s.exec(`INSERT INTO t VALUES (6, NULL, 7.25, 8, 'infinity'); UPDATE t SET id = 60 WHERE id = 2; DELETE FROM t WHERE id = 3; UPDATE t SET price = 1 WHERE id = 1`)
		r.here()
		s.is("rows", rows(), "1\t2024-05-06 07:08:09.000000\t1\t1\t\\N\n6\t\\N\t7.25\t8\t\\N")
		s.is("keys", s.warehouse(`SELECT groupArray("key of it") FROM (SELECT "key of it" FROM t FINAL ORDER BY 1)`), "[1,4,5,6,60]")
		// A column that is added beside them is followed.
		s.exec(`ALTER TABLE t ADD later int DEFAULT 3; UPDATE t SET later = 4 WHERE id = 6`)
		r.here()
		s.is("the added column", s.warehouse(`SELECT groupArray(later) FROM (SELECT later FROM t FINAL ORDER BY "key of it")`), "[3,3,3,4,3]")
		r.halt()
		s.exec(`INSERT INTO t VALUES (7, NULL, 1, 1, NULL, 1)`)
		s.catchUp(wishing("public.t", wish))
		s.is("rows", s.warehouse(`SELECT count() FROM t FINAL`), "6")
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
	onNewest(t, func(s *scene) {
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

// What the target cannot grant is refused before anything is made.
func TestWishesThatTheTargetRefuses(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, a int, v text, at date)`)
		wishes := func(w apply.Wishes) sync.TableWish { return sync.TableWish{Wishes: w} }
		s.refusedFor("public.t", wishes(apply.Wishes{Rename: map[string]string{"a": "v"}}), fault.IsUsage, "v")
		s.refusedFor("public.t", wishes(apply.Wishes{Rename: map[string]string{"a": "_version"}}), fault.IsUsage, "_version")
		s.refusedFor("public.t", wishes(apply.Wishes{Types: map[string]string{"a": "NoSuchType"}}), fault.IsUsage, "NoSuchType")
		s.refusedFor("public.t", wishes(apply.Wishes{Types: map[string]string{"at": "UUID"}}), fault.IsUsage, "UUID")
		s.refusedFor("public.t", wishes(apply.Wishes{PartitionBy: "toYYYYMM(at)"}), fault.IsUsage, "partition_by", "at", "not in the key")
		s.refusedFor("public.t", wishes(apply.Wishes{PartitionBy: "toYYYYMM("}), fault.IsUsage, "partition_by")
		config := s.configure(fmt.Sprintf("source: {dsn: '%s'}\ntables:\n  - name: public.t\n    partition_by: toYYYYMM(at)\n    rename: {a: v}\n", s.sourceDSN()))
		s.changesNothing("check", "-c", config).exits(3, "public.t")
		s.changesNothing("plan", "-c", config).exits(2, "both be named v")
	})
}

// A table that is to be copied anew into one of other types is in the way, and
// what it was stays known: the old wishes go on where they were.
func TestAnotherTypeWaitsForTheTable(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, n numeric); INSERT INTO t VALUES (1, 1.5)`)
		typed := func(typ string) func(*plan) {
			return wishing("public.t", sync.TableWish{Wishes: apply.Wishes{Types: map[string]string{"n": typ}}})
		}
		s.catchUp(typed("Decimal(20, 2)"))
		err := s.tryCatchUp(typed("Decimal(30, 5)"), truncating)
		if err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		s.mentions(err.Error(), "column n is Nullable(Decimal(20, 2)) there", "Nullable(Decimal(30, 5))")
		s.exec(`INSERT INTO t VALUES (2, 2.5)`)
		s.catchUp(typed("Decimal(20, 2)"))
		s.is("rows", s.warehouse(`SELECT id, n FROM t FINAL ORDER BY id`), "1\t1.5\n2\t2.5")
		if _, err := queryClickHouse(s.ctx, s.name, "DROP TABLE t SYNC"); err != nil {
			s.Fatal(err)
		}
		s.catchUp(typed("Decimal(30, 5)"), truncating)
		s.is("rows", s.warehouse(`SELECT id, n FROM t FINAL ORDER BY id`), "1\t1.5\n2\t2.5")
	})
}
