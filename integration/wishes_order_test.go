package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

func TestRowsAreOrderedByMoreThanTheKey(t *testing.T) {
	onClickHouseOfEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text, tenant text NOT NULL); ALTER TABLE t REPLICA IDENTITY FULL;
			ALTER TABLE t ALTER v SET STORAGE EXTERNAL, ALTER tenant SET STORAGE EXTERNAL;
			INSERT INTO t SELECT n, repeat('v', 5000), 'tenant ' || n % 3 FROM generate_series(1, 30) n`)
		if s.major >= 13 {
			s.exec(`CREATE TABLE parted (id int, tenant int NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);
				CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (1000);
				ALTER TABLE parted REPLICA IDENTITY FULL; ALTER TABLE low REPLICA IDENTITY FULL; ALTER TABLE high REPLICA IDENTITY FULL;
				INSERT INTO parted SELECT n, n FROM generate_series(1, 20) n`)
		}
		tables := []string{"t"}
		ordered := func(p *plan) {
			wishing("public.t", ordering("tenant", "id"))(p)
			if s.major >= 13 {
				wishing("public.parted", ordering("tenant", "id"))(p)
			}
		}
		if s.major >= 13 {
			tables = append(tables, "parted")
		}
		s.catchUp(ordered)
		s.equal(tables...)
		s.is("order", s.warehouse(`SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = 't'`), "tenant, id")
		r := s.start(ordered).streaming()
		// A row whose place changes leaves it, in one batch with others and alone.
		s.exec(`UPDATE t SET tenant = 'moved' WHERE id = 1`)
		r.here()
		s.is("live rows of the key", s.warehouse(`SELECT count(), any(tenant) FROM t FINAL WHERE id = 1`), "1\tmoved")
		s.exec(`UPDATE t SET tenant = 'again' WHERE id = 1; UPDATE t SET tenant = 'last' WHERE id = 1; UPDATE t SET id = 100, tenant = 'both' WHERE id = 2;
			UPDATE t SET tenant = repeat('large', 2000) WHERE id = 3; UPDATE t SET tenant = 'small', v = 'v' WHERE id = 3; DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (4, 'back', 'elsewhere');
			UPDATE t SET tenant = repeat('large', 2000) WHERE id = 5; UPDATE t SET v = 'w' WHERE id = 5; UPDATE t SET id = 105 WHERE id = 5`)
		if s.major >= 13 {
			s.exec(`UPDATE parted SET tenant = tenant + 1; UPDATE parted SET tenant = 0 WHERE id = 3; UPDATE parted SET id = id + 500 WHERE id < 5; DELETE FROM parted WHERE id = 7`)
		}
		r.here()
		s.equal(tables...)
		r.halt()
		s.exec(`UPDATE t SET tenant = 'while it is down' WHERE id < 9; DELETE FROM t WHERE id > 20`)
		s.catchUp(ordered)
		s.equal(tables...)

		// Without the old row's values a place cannot be left any more.
		r = s.start(ordered).streaming()
		s.exec(`ALTER TABLE t REPLICA IDENTITY DEFAULT; UPDATE t SET tenant = 'unseen' WHERE id = 1`)
		s.parked("public.t", "replica identity is not FULL", "REPLICA IDENTITY FULL")
		r.halt()
		if err := s.tryCatchUp(ordered); err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		s.exec(`ALTER TABLE t REPLICA IDENTITY FULL`)
		s.catchUp(ordered)
		s.equal(tables...)
	})
}

func TestALeafWithoutItsWholeRowsStopsTheTable(t *testing.T) {
	onClickHouseOfEveryMajor(t, 13, func(s *scene) {
		s.exec(`CREATE TABLE parted (id int PRIMARY KEY, tenant int NOT NULL) PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);
			ALTER TABLE parted REPLICA IDENTITY FULL; INSERT INTO parted VALUES (1, 1)`)
		ordered := wishing("public.parted", ordering("tenant", "id"))
		s.refusedBy((*sync.Pipeline).Run, "public.parted", ordering("tenant", "id"), fault.Unmet, "replica identity is not FULL", `ALTER TABLE "public"."low" REPLICA IDENTITY FULL;`)
		s.exec(`ALTER TABLE low REPLICA IDENTITY FULL`)
		r := s.start(ordered).streaming()
		s.exec(`CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (11, 11)`)
		r.here()
		s.equal("parted")
		s.exec(`UPDATE parted SET tenant = 12 WHERE id = 11`)
		s.parked("public.parted", "is not FULL")
		r.halt()
	})
}

func TestOrdersThatCannotBe(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(`CREATE TABLE t (a int, b int, PRIMARY KEY (a, b), n int, m int NOT NULL, g int GENERATED ALWAYS AS (a) STORED); CREATE TABLE keyless (n int, m int NOT NULL)`)
		s.refusedFor("public.t", ordering("a", "m"), fault.IsUsage, "order_by of table public.t does not contain column b of its key", "the key is (a, b)")
		s.refusedFor("public.t", ordering("a", "b", "no"), fault.IsUsage, "order_by of table public.t names column no, which it does not have")
		s.refusedFor("public.t", ordering("a", "b", "n"), fault.Unmet, "column n, which can be NULL", `ALTER COLUMN "n" SET NOT NULL`)
		s.refusedFor("public.keyless", ordering("n"), fault.Unmet, "column n, which can be NULL")
		excluded := ordering("a", "b", "m")
		excluded.Exclude = []string{"m"}
		s.refusedFor("public.t", excluded, fault.IsUsage, "order_by of table public.t names column m, which is excluded")
		s.refusedBy((*sync.Pipeline).Run, "public.t", ordering("a", "b", "m"), fault.Unmet, "names m beside the key", `ALTER TABLE "public"."t" REPLICA IDENTITY FULL;`)
		s.nothingLeft()
		s.exec(`INSERT INTO t VALUES (1, 2, 3, 4), (1, 3, 3, 4)`)
		// A load needs no old rows.
		if err := s.begin((*sync.Pipeline).Load, wishing("public.t", ordering("m", "b", "a"))).wait(); err != nil {
			s.Fatal(err)
		}
		s.equal("t")
		s.is("order", s.warehouse(`SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = 't'`), "m, b, a")
	})
}
