package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

func TestRowsWithoutAKeyArriveOnce(t *testing.T) {
	inEveryRhythm(t, 13, story{
		setup: `
			CREATE TABLE log (v text, n int);
			CREATE TABLE log_parts (at date NOT NULL, v text) PARTITION BY RANGE (at);
			CREATE TABLE log_2023 PARTITION OF log_parts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
			CREATE TABLE log_2024 (v text, at date NOT NULL);
			ALTER TABLE log_parts ATTACH PARTITION log_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
			INSERT INTO log SELECT 'same', 1 FROM generate_series(1, 2000);
			INSERT INTO log_parts SELECT date '2023-06-01' + n % 400, 'same' FROM generate_series(1, 2000) n`,
		tables: []string{"log", "log_parts"},
		steps: []string{
			`INSERT INTO log VALUES ('same', 1), ('same', 1), (NULL, NULL)`,
			`INSERT INTO log_parts VALUES ('2023-01-01', 'same'), ('2024-01-01', 'same'), ('2023-01-01', 'same')`,
			`INSERT INTO log SELECT 'same', 1 FROM generate_series(1, 20); INSERT INTO log_parts SELECT '2024-02-02', NULL FROM generate_series(1, 20)`,
			`INSERT INTO log_2023 VALUES ('2023-03-03', 'into the leaf')`,
		},
	})
}

func TestAnUpdateOfATableWithoutAKeyStopsThatTableOnly(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE log (v int); ALTER TABLE log REPLICA IDENTITY FULL;
			CREATE TABLE gone (v int); ALTER TABLE gone REPLICA IDENTITY FULL;
			CREATE TABLE t (id int PRIMARY KEY, v int);
			INSERT INTO log VALUES (1), (1), (2); INSERT INTO gone VALUES (1), (2); INSERT INTO t VALUES (1, 1)`)
		r := s.start().streaming()
		s.exec(`INSERT INTO log VALUES (3); INSERT INTO gone VALUES (3); INSERT INTO t VALUES (2, 2)`)
		s.exec(`BEGIN; UPDATE t SET v = 10; UPDATE log SET v = 9 WHERE v = 2; INSERT INTO t VALUES (3, 3); COMMIT`)
		s.exec(`DELETE FROM gone WHERE v = 1`)
		s.parked("public.log", "no primary key", "REPLICA IDENTITY USING INDEX")
		s.parked("public.gone", "no primary key", "DELETE")
		s.exec(`INSERT INTO t VALUES (4, 4); INSERT INTO log VALUES (5)`)
		r.here()
		s.equal("t")
		if phase := s.state().Tables["public.t"].Phase; phase != apply.Streaming {
			s.Errorf("table t is %s", phase)
		}
		r.halt()
		s.command("status").exits(0, "public.log failed", "no primary key", "what to do")
		// A new start copies it anew.
		s.exec(`DELETE FROM gone WHERE v = 2`)
		s.catchUp()
		s.equal("t", "log", "gone")
	})
}
