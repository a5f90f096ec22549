package integration

import (
	"fmt"
	"strings"
	"testing"
)

// partitionMoves are what makes rows of a partitioned table, $t, come and go
// without a word in the log, or seems to.
var partitionMoves = []struct {
	name  string
	moves []string // each a transaction, but for VACUUM
	copied
}{
	{"attached", []string{`CREATE TABLE $t_more (LIKE $t INCLUDING ALL); INSERT INTO $t_more SELECT n, 'more' FROM generate_series(2000, 2010) n; ALTER TABLE $t ATTACH PARTITION $t_more FOR VALUES FROM (2000) TO (3000)`}, byACopy},
	{"attached that was there", []string{
		`CREATE TABLE $t_more (LIKE $t INCLUDING ALL); INSERT INTO $t_more SELECT n, 'more' FROM generate_series(2000, 2010) n`,
		`ALTER TABLE $t ATTACH PARTITION $t_more FOR VALUES FROM (2000) TO (3000)`,
	}, byACopy},
	{"detached", []string{`ALTER TABLE $t DETACH PARTITION $t_b`}, byACopy},
	{"dropped", []string{`DROP TABLE $t_b`}, byACopy},
	{"emptied", []string{`TRUNCATE $t_b`}, byACopy},
	{"emptied and filled", []string{`TRUNCATE $t_b; INSERT INTO $t VALUES (1001, 'again')`}, byACopy},
	{"attached with partitions", []string{`CREATE TABLE $t_more (LIKE $t INCLUDING ALL) PARTITION BY RANGE (id); CREATE TABLE $t_more_1 PARTITION OF $t_more FOR VALUES FROM (2000) TO (2500);
		INSERT INTO $t_more VALUES (2001, 'deep'); ALTER TABLE $t ATTACH PARTITION $t_more FOR VALUES FROM (2000) TO (3000)`}, byACopy},
	{"detached and attached", []string{`ALTER TABLE $t DETACH PARTITION $t_b; DELETE FROM $t_b WHERE id % 2 = 0; ALTER TABLE $t ATTACH PARTITION $t_b FOR VALUES FROM (1000) TO (2000)`}, byACopy},
	{"made", []string{
		`CREATE TABLE $t_c PARTITION OF $t FOR VALUES FROM (2000) TO (3000)`, `INSERT INTO $t VALUES (2000, 'new')`,
		`CREATE TABLE $t_d PARTITION OF $t FOR VALUES FROM (3000) TO (4000)`, `INSERT INTO $t_d VALUES (3000, 'new')`,
	}, inPlace},
	{"made and filled", []string{`CREATE TABLE $t_c PARTITION OF $t FOR VALUES FROM (2000) TO (3000); INSERT INTO $t VALUES (2000, 'new'); UPDATE $t SET v = 'u' WHERE id = 2000`}, perhaps},
	{"made empty and attached", []string{`CREATE TABLE $t_c (LIKE $t INCLUDING ALL); ALTER TABLE $t ATTACH PARTITION $t_c FOR VALUES FROM (2000) TO (3000)`, `INSERT INTO $t VALUES (2000, 'new')`}, perhaps},
	{"rewritten", []string{`VACUUM FULL $t_b`}, perhaps},
	{"clustered", []string{`CLUSTER $t_b USING $t_b_pkey`}, perhaps},
	{"uneven", []string{`ALTER TABLE $t ADD w int; ALTER TABLE $t_b ALTER w SET DEFAULT 7; INSERT INTO $t (id) VALUES (50)`}, inPlace},
	{"with a column more", []string{`ALTER TABLE $t ADD w int NOT NULL DEFAULT 7; INSERT INTO $t (id) VALUES (50)`}, inPlace},
	{"with a column of another type", []string{`ALTER TABLE $t ALTER v TYPE varchar(50) USING 'x' || v; INSERT INTO $t (id) VALUES (50)`}, byACopy},
	{"with a default for each row", []string{`ALTER TABLE $t ADD w float8 DEFAULT random(); INSERT INTO $t (id) VALUES (50)`}, byACopy},
}

func moved(name string) string { return "p_" + strings.ReplaceAll(name, " ", "_") }

// TestRowsOfPartitionsComeAndGoWithoutAWord moves the partitions of a table for each
// kind while a pipeline streams, between two starts, and right before it is killed.
func TestRowsOfPartitionsComeAndGoWithoutAWord(t *testing.T) {
	for n, rhythm := range []string{"while it streams", "between two starts", "before it is killed"} {
		t.Run(rhythm, func(t *testing.T) {
			on := func(t *testing.T, test func(*scene)) { inTurns(t, n, test) }
			if rhythm == "while it streams" {
				on = func(t *testing.T, test func(*scene)) { onEveryMajor(t, 13, test) }
			}
			on(t, func(s *scene) {
				for _, m := range partitionMoves {
					s.exec("%s", strings.ReplaceAll(`CREATE TABLE $t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
						CREATE TABLE $t_a PARTITION OF $t FOR VALUES FROM (0) TO (1000); CREATE TABLE $t_b PARTITION OF $t FOR VALUES FROM (1000) TO (2000);
						INSERT INTO $t SELECT n, 'v' || n FROM generate_series(990, 1010) n`, "$t", moved(m.name)))
				}
				s.catchUp()
				same := func() {
					s.Helper()
					for _, m := range partitionMoves {
						s.equal(moved(m.name))
					}
				}
				var r *running
				if rhythm != "between two starts" {
					r = s.start().streaming()
				}
				for _, m := range partitionMoves {
					for _, move := range m.moves {
						s.exec("%s", strings.ReplaceAll(move, "$t", moved(m.name)))
					}
				}
				switch rhythm {
				case "while it streams":
					r.noticed()
				case "between two starts":
					s.catchUp()
				case "before it is killed":
					r.abort()
					s.catchUp()
				}
				same()
				for _, m := range partitionMoves {
					s.exec("%s", strings.ReplaceAll(`INSERT INTO $t VALUES (60, 'later'); UPDATE $t SET v = 'later' WHERE id IN (995, 1005); DELETE FROM $t WHERE id = 998`, "$t", moved(m.name)))
				}
				if rhythm == "while it streams" {
					r.here()
					s.undisturbed()
					r.halt()
					for _, m := range partitionMoves {
						s.copiedOr(m.name, moved(m.name), m.copied)
					}
				} else {
					s.catchUp()
				}
				same()
				s.equal(moved("detached") + "_b") // now a table of its own
			})
		})
	}
}

// Columns that the source has dropped stay in the target, if that is wanted, for the
// rows that have them.
func TestDroppedColumnsAreKept(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text, n int NOT NULL, u text); INSERT INTO t SELECT x, 'old', x, 'u' FROM generate_series(1, 4) x`)
		keep := func(p *plan) { p.KeepDropped = true }
		r := s.start(keep).streaming()
		s.exec(`INSERT INTO t VALUES (5, 'five', 5, 'u'); ALTER TABLE t DROP v, DROP n; INSERT INTO t VALUES (6, 'six'); UPDATE t SET u = 'changed' WHERE id = 1; DELETE FROM t WHERE id = 2`)
		r.here()
		s.equal("t")
		kept := func() string {
			return s.warehouse("SELECT id, v, n FROM %s WHERE id IN (3, 4, 5, 6) ORDER BY id", s.from("t"))
		}
		const want = "3\told\t3\n4\told\t4\n5\tfive\t5\n6\t\\N\t\\N"
		s.is("the columns that were dropped", kept(), want)
		r.abort()
		r = s.start(keep).streaming()
		s.exec(`ALTER TABLE t ADD w int DEFAULT 4; INSERT INTO t VALUES (7, 'seven', 7)`)
		r.here()
		s.equal("t")
		s.is("the columns that were dropped", kept(), want)
		// Another column of the name of one that is kept takes its place by a copy.
		s.exec(`ALTER TABLE t ADD v int DEFAULT 9; INSERT INTO t (id) VALUES (8)`)
		r.here()
		s.equal("t")
		r.halt()
		s.is("copies", fmt.Sprint(s.copiesAnew("t")), "1")
	})
}
