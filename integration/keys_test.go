package integration

import (
	"strings"
	"testing"
)

func replaceTable(sql, table, by string) string {
	return strings.NewReplacer(" "+table+" ", " "+by+" ", " "+table+";", " "+by+";", " "+table+"(", " "+by+"(").Replace(sql + " ")
}

func TestRowsAreFollowedByTheirKeys(t *testing.T) {
	inEveryRhythm(t, 12, story{
		setup: `
			CREATE TABLE number (id int PRIMARY KEY, v text);
			CREATE TABLE pair (c text, b int, a int, v text, PRIMARY KEY (a, b));
			CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
			CREATE TABLE by_text (k text PRIMARY KEY, v int);
			CREATE TABLE by_uuid (v int, k uuid PRIMARY KEY);
			CREATE TABLE by_mood (k mood PRIMARY KEY, v int);
			CREATE TABLE by_numeric (k numeric(12,3) PRIMARY KEY, v int);
			CREATE TABLE by_any_numeric (k numeric PRIMARY KEY, v int);
			CREATE TABLE by_time (k timestamptz, d date, b bytea, v int, PRIMARY KEY (d, b, k));
			CREATE DOMAIN code AS varchar(20) CHECK (VALUE <> 'none');
			CREATE TABLE by_domain (k code PRIMARY KEY, v int);
			CREATE TABLE only_key (k int PRIMARY KEY);
			CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL, v text);
			CREATE UNIQUE INDEX by_index_code ON by_index (code);
			ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code;
			INSERT INTO number SELECT n, 'v' || n FROM generate_series(1, 20) n;
			INSERT INTO pair SELECT 'c' || n, n, n % 3, 'v' || n FROM generate_series(1, 20) n;
			INSERT INTO by_text VALUES ('', 1), ('a', 2), ('A', 3), ('ä', 4), (E'tab\t', 5), ('long ' || repeat('x', 300), 6);
			INSERT INTO by_uuid SELECT n, md5(n::text)::uuid FROM generate_series(1, 5) n;
			INSERT INTO by_mood VALUES ('sad', 1), ('happy', 2);
			INSERT INTO by_domain VALUES ('a', 1), ('b', 2), ('c', 3);
			INSERT INTO by_numeric VALUES (1, 1), (1.5, 2), (-999999999.999, 3);
			INSERT INTO by_any_numeric VALUES (1.0, 1), (1.50, 2), (1e30, 3), ('NaN', 4);
			INSERT INTO by_time SELECT timestamptz '2024-01-01 00:00:00+00' + n * interval '1.000001 s', date '2024-01-01' + n, decode(to_hex(16 + n), 'hex'), n FROM generate_series(1, 5) n;
			INSERT INTO only_key SELECT generate_series(1, 5);
			INSERT INTO by_index SELECT n, 'code' || n, 'v' FROM generate_series(1, 5) n`,
		tables: []string{"number", "pair", "by_text", "by_uuid", "by_mood", "by_domain", "by_numeric", "by_any_numeric", "by_time", "only_key", "by_index"},
		steps: []string{
			`UPDATE number SET id = id + 100 WHERE id <= 5; UPDATE pair SET a = a + 10 WHERE b < 5; UPDATE pair SET c = 'new' WHERE b = 7`,
			`DELETE FROM number WHERE id = 6; INSERT INTO number VALUES (6, 'again'); DELETE FROM number WHERE id = 6; INSERT INTO number VALUES (6, 'once more')`,
			`DELETE FROM number WHERE id = 7`,
			`INSERT INTO number VALUES (7, 'in a later batch')`,
			`UPDATE number SET id = 8000 WHERE id = 8; UPDATE number SET id = 8 WHERE id = 8000; UPDATE number SET v = 'back' WHERE id = 8`,
			`INSERT INTO number VALUES (900, 'short-lived'); UPDATE number SET v = 'still' WHERE id = 900; DELETE FROM number WHERE id = 900`,
			`UPDATE number SET id = -1 WHERE id = 9; UPDATE number SET id = 9 WHERE id = 10; UPDATE number SET id = 10 WHERE id = -1`,
			`UPDATE number SET id = -id; UPDATE number SET id = 1 - id WHERE id < 0`,
			`UPDATE number SET v = v; UPDATE pair SET a = a; UPDATE only_key SET k = k; UPDATE by_text SET k = k WHERE false`,
			`UPDATE by_text SET k = 'B' WHERE k = 'A'; UPDATE by_text SET k = 'A' WHERE k = 'a'; UPDATE by_text SET v = 10 WHERE k = ''; DELETE FROM by_text WHERE k LIKE 'long%'; UPDATE by_text SET k = k || '!'`,
			`UPDATE by_uuid SET k = md5(k::text)::uuid WHERE v < 3; DELETE FROM by_uuid WHERE v = 3; UPDATE by_uuid SET v = -v`,
			`UPDATE by_mood SET k = 'ok' WHERE k = 'sad'; UPDATE by_mood SET v = 9; DELETE FROM by_mood WHERE k = 'happy'; INSERT INTO by_mood VALUES ('happy', 5);
			UPDATE by_domain SET k = 'd' WHERE k = 'a'; UPDATE by_domain SET v = v + 1; DELETE FROM by_domain WHERE k = 'b'; INSERT INTO by_domain VALUES ('a', 7)`,
			`UPDATE by_numeric SET k = k + 0.001; DELETE FROM by_numeric WHERE v = 1; INSERT INTO by_numeric VALUES (1.001, 7)`,
			`UPDATE by_any_numeric SET k = k * 2 WHERE k < 1e40; UPDATE by_any_numeric SET v = 40 WHERE k = 'NaN'; DELETE FROM by_any_numeric WHERE v = 2`,
			`UPDATE by_time SET k = k + interval '1 us' WHERE v = 1; UPDATE by_time SET b = '\x00' WHERE v = 2; DELETE FROM by_time WHERE v = 3; UPDATE by_time SET v = -v`,
			`DELETE FROM only_key WHERE k = 1; UPDATE only_key SET k = 20 WHERE k = 2; INSERT INTO only_key VALUES (1), (2)`,
			`UPDATE by_index SET id = id + 100; UPDATE by_index SET code = 'x' || code WHERE id = 101; UPDATE by_index SET v = 'w' WHERE code = 'code2'; DELETE FROM by_index WHERE code = 'code3'; INSERT INTO by_index VALUES (103, 'code3', 'again')`,
		},
	})
}

// Only under REPLICA IDENTITY FULL can a table with a deferrable key be
// replicated, and only there can keys be held twice in the middle.
func TestKeysThatAreCheckedAtTheEndSwap(t *testing.T) {
	inEveryRhythm(t, 12, story{
		setup: `
			CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
			ALTER TABLE swap REPLICA IDENTITY FULL;
			INSERT INTO swap SELECT n, 'v' || n FROM generate_series(1, 10) n`,
		tables: []string{"swap"},
		steps: []string{
			`UPDATE swap SET id = 11 - id`,
			`UPDATE swap SET id = id + 1`,
			`UPDATE swap SET id = id - 1`,
			`UPDATE swap SET id = CASE id WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 1 ELSE id END`,
			`UPDATE swap SET id = 11 - id; UPDATE swap SET id = 11 - id; UPDATE swap SET v = v || '!'`,
			`DELETE FROM swap WHERE id = 5; UPDATE swap SET id = 5 WHERE id = 6; INSERT INTO swap VALUES (6, 'six')`,
		},
	})
}

func TestWhatIsRolledBackNeverArrives(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'old' FROM generate_series(1, 10) n`)
		s.catchUp()
		r := s.start(func(p *plan) { p.MaxRows = 2 }).streaming()
		s.exec(`BEGIN; UPDATE t SET v = 'never'; INSERT INTO t VALUES (100, 'never'); ROLLBACK`)
		s.exec(`BEGIN; UPDATE t SET v = 'a' WHERE id = 1;
			SAVEPOINT one; UPDATE t SET v = 'never'; DELETE FROM t WHERE id = 2;
			SAVEPOINT two; INSERT INTO t VALUES (101, 'never'); RELEASE SAVEPOINT two;
			ROLLBACK TO SAVEPOINT one; UPDATE t SET v = 'b' WHERE id = 2;
			SAVEPOINT three; UPDATE t SET v = 'c' WHERE id = 3; RELEASE SAVEPOINT three; COMMIT`)
		s.exec(`BEGIN; INSERT INTO t VALUES (102, 'prepared')`)
		s.exec(`TRUNCATE t; ROLLBACK`)
		r.here()
		s.equal("t")
		r.halt()
		s.is("rows that were rolled back", s.count("t", "v = 'never'"), "0")
	})
}
