package integration

import (
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

const tenants = `CREATE TYPE status AS ENUM ('open', 'done');
	CREATE TABLE t (id int, tenant int, v text, s status, PRIMARY KEY (tenant, id));
	INSERT INTO t SELECT n, n % 3, 'v' || n, 'open' FROM generate_series(1, 30) n`

func TestOnlyTheRowsThatAreWantedCome(t *testing.T) {
	onEveryMajor(t, 15, func(s *scene) {
		s.exec(tenants)
		s.exec(`CREATE TABLE parted (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);
			CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (1000); INSERT INTO parted SELECT n, n FROM generate_series(1, 20) n`)
		where := func(filter string) func(*plan) {
			return func(p *plan) {
				wishing("public.t", sync.TableWish{Where: filter})(p)
				wishing("public.parted", sync.TableWish{Where: "id % 2 = 0"})(p)
			}
		}
		same := func(filter string) {
			s.Helper()
			s.equalWhere("t", s.there("t"), filter)
			s.equalWhere("parted", s.there("parted"), "id % 2 = 0")
		}
		s.catchUp(where("tenant = 1"))
		same("tenant = 1")
		s.is("published", s.ask(`SELECT rowfilter FROM pg_publication_tables WHERE tablename = 't'`), "(tenant = 1)")
		r := s.start(where("tenant = 1")).streaming()
		s.exec(`INSERT INTO t VALUES (100, 1, 'new', 'open'), (101, 2, 'not', 'open'); UPDATE t SET tenant = 1 WHERE id = 3; UPDATE t SET tenant = 2 WHERE id = 4;
			UPDATE t SET v = 'changed'; DELETE FROM t WHERE id IN (7, 8); UPDATE parted SET v = -v; UPDATE parted SET id = id + 101 WHERE id IN (19, 20)`)
		r.here()
		same("tenant = 1")
		r.halt()
		// The same condition in other words is no other condition.
		s.exec(`INSERT INTO t VALUES (102, 1, 'new', 'open')`)
		s.catchUp(where(" ( tenant=1 )"))
		same("tenant = 1")

		// Another one is refused with what to do, and done then.
		for _, other := range []string{"tenant = 2", ""} {
			err := s.tryCatchUp(where(other))
			if err == nil || !fault.Unmet(err) {
				s.Fatalf("where %q: %v", other, err)
			}
			s.mentions(err.Error()+fault.Hint(err), "publication "+s.slot()+" publishes of table public.t the rows (tenant = 1)", "ALTER PUBLICATION", `DROP TABLE ONLY "public"."t"`, "copied with other wishes", "where")
		}
		s.exec(`BEGIN; ALTER PUBLICATION %s DROP TABLE ONLY public.t; ALTER PUBLICATION %[1]s ADD TABLE ONLY public.t WHERE (tenant = 2); COMMIT`, s.slot())
		s.exec(`UPDATE t SET v = 'in between'; DELETE FROM t WHERE id = 11`)
		if err := s.tryCatchUp(where("tenant = 2")); err == nil || !fault.Unmet(err) {
			s.Fatalf("what was copied is taken for the rows of another condition: %v", err)
		}
		s.catchUp(where("tenant = 2"), truncating)
		s.exec(`UPDATE t SET tenant = 2 WHERE id = 1; UPDATE t SET v = 'streamed'`)
		s.catchUp(where("tenant = 2"))
		same("tenant = 2")

		// A table that joins brings its condition along.
		s.exec(`CREATE TABLE joins (id int PRIMARY KEY); INSERT INTO joins VALUES (1), (2), (3)`)
		s.catchUp(where("tenant = 2"), wishing("public.joins", sync.TableWish{Where: "id > 1"}))
		s.exec(`INSERT INTO joins VALUES (-1), (4)`)
		s.catchUp(where("tenant = 2"), wishing("public.joins", sync.TableWish{Where: "id > 1"}))
		s.equalWhere("joins", s.there("joins"), "id > 1")
	})
}

func TestAConditionOfTheUsersPublicationIsTheOneThatIsWanted(t *testing.T) {
	onEveryMajor(t, 15, func(s *scene) {
		s.exec(tenants + `; CREATE PUBLICATION mine FOR TABLE t WHERE (tenant = 1 AND id > 5)`)
		mine := func(where string) []func(*plan) {
			return []func(*plan){func(p *plan) { p.Publication, p.PublicationNamed = "mine", true }, wishing("public.t", sync.TableWish{Where: where})}
		}
		err := s.tryCatchUp(mine("tenant = 1")...)
		if err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		s.mentions(err.Error()+fault.Hint(err), "publication mine publishes of table public.t the rows ((tenant = 1) AND (id > 5)), and the configuration wants the rows tenant = 1")
		s.catchUp(mine("tenant=1 and id>5")...)
		s.exec(`INSERT INTO t VALUES (-4, 1, 'new', 'open'), (100, 1, 'new', 'open')`)
		s.catchUp(mine("tenant=1 and id>5")...)
		s.equalWhere("t", s.there("t"), "tenant = 1 AND id > 5")
	})
}

func TestConditionsThatCannotBe(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(tenants)
		load := func(where string, words ...string) {
			s.Helper()
			s.refusedBy((*sync.Pipeline).Load, "public.t", sync.TableWish{Where: where}, fault.IsUsage, append(words, "where of table public.t")...)
			s.nothingLeft()
		}
		load("tenant ==== 1", "where of table public.t, tenant ==== 1")
		load("tenant = ", "syntax error")
		load("tennant = 1", `column "tennant" does not exist`)
		load("v", "boolean")
		load("tenant = 'one'", "invalid input syntax")
		load("true) OR (true", "syntax error")
		load("true LIMIT 1", "syntax error")
		load("true; DROP TABLE t", "multiple commands")
		load("true -- all", "syntax error")
		load("count(*) > 1", "aggregate")
		load("t.tenant = 1", "without the table in front")
		load("s = 'open'::status", `type "status" does not exist`, "need their schema")
		s.is("rows", s.ask(`SELECT count(*) FROM t`), "30")
		if err := s.begin((*sync.Pipeline).Load, wishing("public.t", sync.TableWish{Where: "s = 'open'::public.status AND v < 'v2'"})).wait(); err != nil {
			s.Fatal(err)
		}
		s.equalWhere("t", s.there("t"), "v < 'v2'")
		s.command("drop", "--with-data").exits(0)
		run := func(where string, is verdict, words ...string) {
			s.Helper()
			s.refusedBy((*sync.Pipeline).Run, "public.t", sync.TableWish{Where: where}, is, append(words, "where of table public.t")...)
			s.nothingLeft()
		}
		if s.major < 15 {
			run("tenant = 1", fault.Unmet, "PostgreSQL 15 or later", "pgsluice load")
			return
		}
		run("tennant = 1", fault.IsUsage, `column "tennant" does not exist`)
		// PostgreSQL would refuse the application's own statements.
		run("tenant = 1 AND s = 'open'", fault.Unmet, "cannot be published", "User-defined types")
		run("tenant = 1 AND v = 'x'", fault.Unmet, "reads v, which is not part of its replica identity", `ALTER TABLE "public"."t" REPLICA IDENTITY FULL;`)
		s.exec(`ALTER TABLE t REPLICA IDENTITY FULL`)
		where := wishing("public.t", sync.TableWish{Where: "tenant = 1 AND v < 'v2'"})
		s.catchUp(where)
		s.exec(`UPDATE t SET v = 'v0' WHERE id > 25; UPDATE t SET v = 'v9' WHERE id < 3`)
		s.catchUp(where)
		s.equalWhere("t", s.there("t"), "tenant = 1 AND v < 'v2'")
	})
}

// The file's wishes arrive where they are carried out, and mistakes in them are
// the configuration's.
func TestWishesOfAFile(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."Order Items" (id int PRIMARY KEY, secret text, tenant int NOT NULL);
			ALTER TABLE "My Schema"."Order Items" REPLICA IDENTITY FULL; INSERT INTO "My Schema"."Order Items" VALUES (1, 's', 1), (2, 's', 2)`)
		config := func(wishes string) string {
			return s.configure(fmt.Sprintf("source: {dsn: '%s'}\ntables:\n  - name: '\"My Schema\".\"Order Items\"'\n    %s", s.sourceDSN(), wishes))
		}
		run := func(wishes string) *process { return s.pgsluice("run", "-c", config(wishes), "--until", "caught-up") }
		run("exclude: [Secret]").exits(2, "column \"Secret\", which it does not have", "id, secret, tenant")
		run("wehre: x").exits(2, "line 7", `unknown key "wehre"`)
		if s.transactional() {
			run("order_by: [tenant]").exits(2, "line 6", "order_by", "ClickHouse")
			run("distributed_by: [tenant]").exits(2, "distributed_by")
		} else {
			run("distributed_by: [id]").exits(2, "line 6", "distributed_by", "Greenplum")
			run("order_by: [tenant]").exits(2, "does not contain column id of its key")
		}
		run("where: nonsense").exits(2, "where of table", `column "nonsense" does not exist`)
		s.nothingLeft()
		good := "exclude: [secret]\n    target: items\n    where: tenant = 1" + differs(s, "\n    order_by: [tenant, id]", "")
		run(good).exits(0)
		s.exec(`UPDATE "My Schema"."Order Items" SET tenant = 3 - tenant`)
		run(good).exits(0)
		items := differs(s, "items", `"My Schema".items`)
		s.is("rows", s.warehouse(`SELECT id, tenant FROM %s`, s.target.from(items)), "2\t1")
		s.is("columns", s.columnsOfName(items, 0), "id tenant")
	})
}
