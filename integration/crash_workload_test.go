package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// oddity is a sort of table, and what happens to it: each step is one transaction,
// of statements in which stand
//
//	$k  a key of 60, often met          $n  any number
//	$s  one of three                    $big  a value that is stored apart (TOAST)
type oddity struct {
	make  string
	steps []string
}

const bigValue = `(SELECT string_agg(md5($n::text || i::text), '') FROM generate_series(1, 120) i)`

// oddTables are what a pipeline meets while it is killed: rows of every sort of table.
var oddTables = []oddity{
	{`CREATE TABLE k_int (id int PRIMARY KEY, v int, big text);
	  INSERT INTO k_int SELECT n, n, repeat(md5(n::text), 3) FROM generate_series(1000000, 1020000) n`, []string{
		`INSERT INTO k_int VALUES ($k, $n, $big) ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
		`UPDATE k_int SET v = $n WHERE id = $k; UPDATE k_int SET v = v + 1 WHERE id = $k`,
		`UPDATE k_int SET big = $big WHERE id = $k`,
		`UPDATE k_int SET id = -id WHERE id BETWEEN -60 AND 60`,
		`UPDATE k_int SET id = id + 100 WHERE id BETWEEN $k AND $k + 3`,
		`UPDATE k_int SET id = 100000 + id % 3 + 1 WHERE id IN (1, 2, 3); UPDATE k_int SET id = id - 100000 WHERE id BETWEEN 100001 AND 100003`,
		`DELETE FROM k_int WHERE id = $k; INSERT INTO k_int VALUES ($k, $n, $big); DELETE FROM k_int WHERE id = $k; INSERT INTO k_int VALUES ($k, $n, 'again')`,
		`DELETE FROM k_int WHERE id > 60 AND id < 1000000 OR id < -60`,
		`UPDATE k_int SET v = v WHERE id < $k`,
		`UPDATE k_int SET v = $n WHERE id = $k; SAVEPOINT a; UPDATE k_int SET v = -1; DELETE FROM k_int WHERE id < $k; ROLLBACK TO a; UPDATE k_int SET v = v + 2 WHERE id = $k`,
		`UPDATE k_int SET v = $n WHERE id BETWEEN 1000000 + 100 * $k AND 1003000 + 100 * $k`,
		`UPDATE k_int SET id = id + 5000000 WHERE id = 1000000 + $k`,
	}},
	{`CREATE TABLE k_text (code text PRIMARY KEY, v numeric, big text)`, []string{
		`INSERT INTO k_text VALUES ('c' || $k, $n / 7.0, $big) ON CONFLICT (code) DO UPDATE SET v = excluded.v`,
		`UPDATE k_text SET code = code || 'x' WHERE code = 'c' || $k`, `DELETE FROM k_text WHERE length(code) > 4 OR code = 'c' || $k`,
		`INSERT INTO k_text SELECT 'many' || n, n, NULL FROM generate_series(1, 1500) n; DELETE FROM k_text WHERE code LIKE 'many%'`,
	}},
	{`CREATE TABLE k_uuid (id uuid PRIMARY KEY, v text)`, []string{
		`INSERT INTO k_uuid VALUES (md5('$k')::uuid, '$n') ON CONFLICT (id) DO UPDATE SET v = excluded.v`, `DELETE FROM k_uuid WHERE id = md5('$k')::uuid`,
	}},
	{`CREATE TABLE k_numeric (id numeric(20, 4) PRIMARY KEY, v bigint)`, []string{
		`INSERT INTO k_numeric VALUES ($k / 8.0, $n) ON CONFLICT (id) DO UPDATE SET v = excluded.v`, `UPDATE k_numeric SET id = -id WHERE id = $k / 8.0`, `DELETE FROM k_numeric WHERE id = $k / 8.0`,
	}},
	{`CREATE TYPE color AS ENUM ('red', 'green', 'blue'); CREATE DOMAIN code AS int CHECK (VALUE > 0);
	  CREATE TABLE k_enum (d code, c color, v text, PRIMARY KEY (c, d))`, []string{
		`INSERT INTO k_enum VALUES ($k, (ARRAY['red', 'green', 'blue'])[$s]::color, '$n') ON CONFLICT (c, d) DO UPDATE SET v = excluded.v`,
		`UPDATE k_enum SET c = 'blue' WHERE c = 'red' AND d = $k`, `DELETE FROM k_enum WHERE d = $k`,
	}},
	{`CREATE TABLE k_pair (b int, v text, a text, PRIMARY KEY (a, b)); CREATE TABLE k_only (a int, b text, PRIMARY KEY (a, b))`, []string{
		`INSERT INTO k_pair VALUES ($k, '$n', 'a$s') ON CONFLICT (a, b) DO UPDATE SET v = excluded.v; INSERT INTO k_only VALUES ($k, 'b$s') ON CONFLICT DO NOTHING`,
		`UPDATE k_pair SET b = $k + 1 WHERE b = $k AND a = 'a$s'; DELETE FROM k_only WHERE a = $k`, `UPDATE k_only SET b = 'b9' WHERE a = $k AND b = 'b$s'`,
	}},
	{`CREATE TABLE log (n int, at timestamptz DEFAULT clock_timestamp(), v text); INSERT INTO log (n) SELECT generate_series(1, 3000)`, []string{
		`INSERT INTO log (n, v) VALUES ($n, 'one'), ($n, 'two')`, `INSERT INTO log (n, v) SELECT n, 'many' FROM generate_series(1, $k) n`,
		`INSERT INTO log (n, v) VALUES ($n, 'equal'); INSERT INTO log (n, v) VALUES ($n, 'equal')`,
	}},
	{`CREATE TABLE i_full (id int PRIMARY KEY, v int, big text); ALTER TABLE i_full REPLICA IDENTITY FULL`, []string{
		`INSERT INTO i_full VALUES ($k, $n, $big) ON CONFLICT (id) DO UPDATE SET v = excluded.v`, `UPDATE i_full SET id = id + 100 WHERE id = $k`, `DELETE FROM i_full WHERE id = $k OR id > 100`,
	}},
	{`CREATE TABLE i_index (v text, u int NOT NULL, w int NOT NULL); CREATE UNIQUE INDEX by_u ON i_index (u, w); ALTER TABLE i_index REPLICA IDENTITY USING INDEX by_u`, []string{
		`INSERT INTO i_index VALUES ('$n', $k, $s) ON CONFLICT (u, w) DO UPDATE SET v = excluded.v`, `UPDATE i_index SET u = -u WHERE w = $s`, `DELETE FROM i_index WHERE u = $k`,
	}},
	{`CREATE TABLE i_generated (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED)`, []string{
		`INSERT INTO i_generated VALUES ($k, $n) ON CONFLICT (id) DO UPDATE SET a = excluded.a`, `DELETE FROM i_generated WHERE id = $k`,
	}},
	{`CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (w int, PRIMARY KEY (id)) INHERITS (parent)`, []string{
		`INSERT INTO parent VALUES ($k, '$n') ON CONFLICT (id) DO NOTHING; INSERT INTO child VALUES ($k, '$n', $s) ON CONFLICT (id) DO NOTHING`, `UPDATE parent SET v = '$n' WHERE id = $k`, `DELETE FROM parent WHERE id = $k`,
	}},
	{`CREATE TABLE emptied (id int PRIMARY KEY, v text)`, []string{
		`INSERT INTO emptied VALUES ($k, '$n') ON CONFLICT (id) DO UPDATE SET v = excluded.v`, `INSERT INTO emptied SELECT n, 'many' FROM generate_series(100, 400) n ON CONFLICT DO NOTHING`,
		`INSERT INTO emptied VALUES (-$k, 'before') ON CONFLICT DO NOTHING; TRUNCATE emptied; INSERT INTO emptied VALUES ($k, 'after')`, `TRUNCATE emptied, log`,
	}},
	{`CREATE TABLE parts (id int, region int, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
	  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1); CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
	  CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3) PARTITION BY RANGE (id); CREATE TABLE parts_3_a PARTITION OF parts_3 FOR VALUES FROM (0) TO (30); CREATE TABLE parts_3_b PARTITION OF parts_3 DEFAULT`, []string{
		`INSERT INTO parts VALUES ($k, $s, '$n') ON CONFLICT (id, region) DO UPDATE SET v = excluded.v`, `UPDATE parts SET region = region % 3 + 1 WHERE id = $k AND region = $s`,
		`UPDATE parts SET id = id + 25 WHERE id = $k AND region = 3`, `DELETE FROM parts WHERE id > 60 OR id = $k`, `UPDATE parts_2 SET v = 'leaf' WHERE id = $k`,
	}},
	{`CREATE TABLE d_1 (id int PRIMARY KEY, v int, w text); CREATE TABLE d_2 (id int PRIMARY KEY, v int, w text); CREATE TABLE d_3 (v int, w text)`, []string{
		`INSERT INTO d_1 (id, v) VALUES ($k, $s) ON CONFLICT (id) DO UPDATE SET v = excluded.v; INSERT INTO d_2 (id, v) VALUES ($k, $s) ON CONFLICT DO NOTHING; INSERT INTO d_3 (v) VALUES ($s)`,
		`UPDATE d_1 SET v = $s WHERE id = $k; DELETE FROM d_2 WHERE id = $k`, `UPDATE d_1 SET c_$s = '$n' WHERE id < $k`, `INSERT INTO d_2 (id, v, c_$s) VALUES ($k, 1, '$n')`,
		`INSERT INTO come_$s VALUES ($k, '$n') ON CONFLICT (id) DO UPDATE SET v = excluded.v`, `DELETE FROM come_$s WHERE id = $k`,
	}},
}

// oddChanges are what one connection does to the tables themselves.
var oddChanges = []string{
	`ALTER TABLE d_1 ADD COLUMN c_$s text`, `ALTER TABLE d_1 ADD COLUMN c_$s text DEFAULT 'given'; UPDATE d_1 SET v = 7 WHERE id < 20`, `ALTER TABLE d_1 DROP COLUMN c_$s`,
	`ALTER TABLE d_1 RENAME COLUMN c_$s TO c_4; INSERT INTO d_1 (id, v) VALUES (-$n, 1)`, `ALTER TABLE d_1 RENAME COLUMN c_4 TO c_$s`,
	`ALTER TABLE d_2 ADD COLUMN c_$s varchar(20) DEFAULT 'x' NOT NULL`, `ALTER TABLE d_2 DROP COLUMN c_$s; ALTER TABLE d_2 ADD COLUMN c_$s bigint`,
	`ALTER TABLE d_2 ALTER COLUMN v TYPE bigint`, `ALTER TABLE d_2 ALTER COLUMN v TYPE int USING v::int`, `ALTER TABLE d_2 ALTER COLUMN v TYPE text; UPDATE d_2 SET w = v`, `ALTER TABLE d_2 ALTER COLUMN v TYPE int USING length(v::text)`,
	`ALTER TABLE d_3 ADD COLUMN c_$s int DEFAULT 5; INSERT INTO d_3 (v) VALUES (1)`, `ALTER TABLE d_3 DROP COLUMN c_$s`,
	`ALTER TABLE d_1 REPLICA IDENTITY FULL; UPDATE d_1 SET v = 8 WHERE id < 9`, `ALTER TABLE d_1 REPLICA IDENTITY DEFAULT`,
	`CREATE TABLE come_$s (id int PRIMARY KEY, v text); INSERT INTO come_$s SELECT n, 'made' FROM generate_series(1, 30) n`,
	`DROP TABLE come_$s`, `DROP TABLE come_$s; CREATE TABLE come_$s (id int PRIMARY KEY, v text, made int DEFAULT $s)`, `ALTER TABLE come_1 RENAME TO come_9`, `ALTER TABLE come_9 RENAME TO come_1`,
	`ALTER TABLE parts DETACH PARTITION parts_2`, `INSERT INTO parts_2 VALUES ($k, 2, 'apart'); ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2)`,
	`TRUNCATE parts_1`, `TRUNCATE parts_3_a; INSERT INTO parts VALUES ($k, 3, 'after') ON CONFLICT DO NOTHING`,
	`CREATE TABLE parts_4 PARTITION OF parts FOR VALUES IN (4); INSERT INTO parts VALUES ($k, 4, 'new')`, `DROP TABLE parts_4`, `TRUNCATE parts`,
}

// steps are what a workload's connections choose from, and how often each has been
// tried and committed.
type steps struct {
	mu               sync.Mutex
	tried, committed map[string]int
}

// missed are the steps that were tried and never committed: a workload that fails
// proves nothing.
func (s *steps) missed() (never []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sql, n := range s.tried {
		if n > 30 && s.committed[sql] == 0 {
			never = append(never, sql)
		}
	}
	slices.Sort(never)
	return never
}

func (s *steps) note(sql string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried[sql]++
	if err == nil {
		s.committed[sql]++
	}
}

// makeOdd makes the tables.
func (s *scene) makeOdd() {
	s.Helper()
	for _, o := range oddTables {
		s.exec("%s", o.make)
	}
}

// oddWork starts the workload: rows over two connections, and schema changes over a
// third, each a little apart from the next, so that those who are to follow can.
func (s *scene) oddWork(seed uint64, count *steps) *workload {
	s.Helper()
	var rows []string
	for _, o := range oddTables {
		rows = append(rows, o.steps...)
	}
	changer := make(chan struct{}, 1)
	changer <- struct{}{}
	return s.workOf(3, seed, func(conn *pgx.Conn, random *rand.Rand) error {
		from, apart := rows, 15*time.Millisecond
		select {
		case <-changer: // this transaction is the one that changes a table
			from, apart = oddChanges, 350*time.Millisecond
			defer func() { changer <- struct{}{} }()
		default:
		}
		<-time.After(apart)
		step := from[random.IntN(len(from))]
		_, err := conn.PgConn().Exec(context.Background(), "BEGIN; "+fill(step, random)+"; COMMIT").ReadAll()
		count.note(step, err)
		if err == nil {
			return nil
		}
		var of *pgconn.PgError
		if !errors.As(err, &of) {
			return err
		}
		if _, undo := conn.Exec(context.Background(), "ROLLBACK"); undo != nil {
			return undo
		}
		// It met what another step has left: no such table, column or partition, or
		// one that is there already; a lock; a value that does not fit any more.
		if slices.Contains([]string{"40", "42", "23", "22", "55", "2B"}, of.Code[:2]) {
			return nil
		}
		return fmt.Errorf("%s: %w", step, err)
	})
}

func fill(sql string, random *rand.Rand) string {
	return strings.NewReplacer("$big", strings.ReplaceAll(bigValue, "$n", strconv.Itoa(random.IntN(1_000_000))),
		"$k", strconv.Itoa(1+random.IntN(60)), "$n", strconv.Itoa(1+random.IntN(1_000_000)), "$s", strconv.Itoa(1+random.IntN(3))).Replace(sql)
}

// equalOdd compares every table that there is now.
func (s *scene) equalOdd() {
	s.Helper()
	names := s.ask(`SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`)
	for _, name := range strings.Fields(names) {
		where := ""
		if name == "parent" { // a child's rows are the child's
			where = "tableoid = 'public.parent'::regclass"
		}
		s.equalWhere(name, s.there(name), where, generatedOf(s, name)...)
	}
}
