package integration

import "testing"

const partitioned = `
	CREATE TABLE sales (id int, at date, region text, doc text, PRIMARY KEY (id, at, region)) PARTITION BY RANGE (at);
	CREATE TABLE sales_2023 PARTITION OF sales FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
	CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (region);
	CREATE TABLE sales_2024_eu PARTITION OF sales_2024 FOR VALUES IN ('de', 'fr');
	CREATE TABLE sales_2024_other (doc text, region text NOT NULL, gone int, id int NOT NULL, at date NOT NULL);
	ALTER TABLE sales_2024_other DROP COLUMN gone;
	ALTER TABLE sales_2024 ATTACH PARTITION sales_2024_other DEFAULT;
	CREATE TABLE "Empty" (id int PRIMARY KEY) PARTITION BY RANGE (id);
	INSERT INTO sales SELECT n, date '2023-01-01' + n % 700 * 3 % 700, (ARRAY['de', 'fr', 'us', 'jp'])[1 + n % 4], 'doc' || n FROM generate_series(1, 240) n;`

func TestAPartitionedTableIsOneTable(t *testing.T) {
	inEveryRhythm(t, 13, story{
		setup: partitioned, tables: []string{"sales"},
		steps: []string{
			`INSERT INTO sales VALUES (2001, '2023-05-05', 'de', 'x'), (2002, '2024-05-05', 'de', 'y'), (2003, '2024-05-05', 'br', 'z')`,
			`UPDATE sales SET doc = doc || '!' WHERE id < 50; DELETE FROM sales WHERE id BETWEEN 50 AND 60`,
			// from one partition into another
			`UPDATE sales SET at = at + 366 WHERE id BETWEEN 70 AND 80 AND at < '2024-01-01' AND at > '2023-02-01'`,
			`UPDATE sales SET region = 'us' WHERE region = 'de' AND at >= '2024-01-01' AND id < 200; UPDATE sales SET region = 'fr' WHERE region = 'jp' AND id < 100`,
			`UPDATE sales_2024_other SET doc = 'through the leaf'; DELETE FROM sales_2024_eu WHERE id % 2 = 0; INSERT INTO sales_2024_other (id, at, region, doc) VALUES (3000, '2024-01-01', 'xx', NULL)`,
			`DELETE FROM sales WHERE at < '2023-03-01'`,
			`TRUNCATE sales; INSERT INTO sales VALUES (1, '2023-01-01', 'de', 'first'), (1, '2024-01-01', 'us', 'second')`,
		},
	})
}

func TestAPartitionThatIsMadeLaterBelongsToItsTable(t *testing.T) {
	onEveryMajor(t, 13, func(s *scene) {
		s.exec(partitioned)
		r := s.start().streaming()
		s.exec(`CREATE TABLE sales_2025 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`)
		s.exec(`INSERT INTO sales VALUES (1, '2025-01-01', 'de', 'new'); UPDATE sales SET at = '2025-02-02' WHERE id = 1 AND at = '2025-01-01'`)
		s.exec(`CREATE TABLE empty_1 PARTITION OF "Empty" FOR VALUES FROM (1) TO (10); INSERT INTO "Empty" VALUES (1)`)
		r.here()
		s.equal("sales")
		s.equalTo(`"Empty"`, s.there("Empty"))
		r.halt()
		s.catchUp()
		s.equal("sales")
	})
}

// The server calls old rows whole by the identity of the table, and logs them by
// that of the leaf.
func TestALeafHasAnIdentityOfItsOwn(t *testing.T) {
	for name, identity := range map[string]string{
		"the table's is FULL": `ALTER TABLE p REPLICA IDENTITY FULL`,
		"a leaf's is FULL":    `ALTER TABLE p1 REPLICA IDENTITY FULL`,
		"all are FULL":        `ALTER TABLE p REPLICA IDENTITY FULL; ALTER TABLE p1 REPLICA IDENTITY FULL`,
		"one is an index":     `CREATE UNIQUE INDEX other ON p1 (id, tenant, v); ALTER TABLE p REPLICA IDENTITY FULL; ALTER TABLE p1 REPLICA IDENTITY USING INDEX other`,
	} {
		t.Run(name, func(t *testing.T) {
			onEveryMajor(t, 13, func(s *scene) {
				s.exec(`CREATE TABLE p (id int, tenant int, v text NOT NULL, big text, note text, PRIMARY KEY (id, tenant)) PARTITION BY LIST (tenant);
					CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); %s`, identity)
				large := `(SELECT string_agg(md5(n::text || i::text), '') FROM generate_series(1, 300) i)`
				s.exec(`INSERT INTO p SELECT n, 1, 'v' || n, %s FROM generate_series(1, 9) n`, large)
				r := s.start().streaming()
				s.exec(`BEGIN; INSERT INTO p VALUES (10, 1, 'x'); DELETE FROM p WHERE id = 10;
					UPDATE p SET v = 'u' WHERE id = 1; DELETE FROM p WHERE id = 1;
					UPDATE p SET v = 'uu' WHERE id = 2; UPDATE p SET id = 20 WHERE id = 2;
					INSERT INTO p VALUES (30, 1, 'y'); UPDATE p SET id = 31 WHERE id = 30; COMMIT`)
				s.exec(`UPDATE p SET id = id + 100 WHERE id IN (3, 4); UPDATE p SET v = 'w' WHERE id = 5`)
				// A partition that is made while it streams has the default.
				s.exec(`CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p SELECT n, 2, 'v' || n, %s FROM generate_series(1, 5) n`, large)
				s.exec(`UPDATE p SET id = id + 100 WHERE tenant = 2 AND id < 3; DELETE FROM p WHERE tenant = 2 AND id = 4`)
				s.exec(`BEGIN; UPDATE p SET v = 'u' WHERE tenant = 2 AND id = 5; DELETE FROM p WHERE tenant = 2 AND id = 5; COMMIT; UPDATE p SET tenant = 2 WHERE id = 6`)
				r.here()
				r.halt()
				s.equal("p")
				s.catchUp()
				s.equal("p")
			})
		})
	}
}

// Before PostgreSQL 13 nothing publishes a partitioned table as one.
func TestAPartitionedTableIsLoadedWhereItCannotBeStreamed(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(partitioned)
		s.command("load", "--table", "public.*").exits(0)
		s.equal("sales")
		s.command("drop", "--with-data").exits(0)
		if s.major < 13 {
			s.command("run", "--table", "public.*", "--until", "caught-up").exits(3, "public.sales is partitioned", "PostgreSQL before 13", "pgsluice load")
			s.nothingLeft()
		}
	})
}
