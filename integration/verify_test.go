package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
	"github.com/pgsluice/pgsluice/verify"
)

// verified compares the pipeline's tables, in this process.
func (s *scene) verified(names ...string) map[string]*verify.TableResult {
	s.Helper()
	p := s.plan()
	target := s.openTarget(apply.Fail)
	defer target.Close()
	p.Patterns = nil
	found, err := sync.New(p.Config, target).Comparable(s.ctx, names)
	if err != nil {
		s.Fatalf("find what can be compared: %v", err)
	}
	c := verify.Config{
		Pipeline: s.name, Source: s.sourceDSN(), Version: found.Version, Slot: found.Slot, Target: target,
		Workers: 2, ChunkBytes: 1 << 20, Limit: 100,
	}
	for _, t := range found.Tables {
		c.Tables = append(c.Tables, verify.Table{
			Name: t.Name, Target: t.Target, Why: t.Why, Source: t.Source, Query: t.Query, Into: t.Into, Still: t.Still,
		})
	}
	result, err := verify.Run(s.ctx, c)
	if err != nil {
		s.Fatalf("verify: %v", err)
	}
	tables := map[string]*verify.TableResult{}
	for i := range result.Tables {
		tables[result.Tables[i].Relation] = &result.Tables[i]
	}
	return tables
}

// found wants exactly these differences of a table, in any order: each as
// kind, row and the names of the columns that differ.
func (s *scene) found(t *verify.TableResult, want ...string) {
	s.Helper()
	if t == nil {
		s.Fatal("a table was not compared")
	}
	var got []string
	for _, d := range t.Differences {
		var parts []string
		for _, v := range d.Row {
			parts = append(parts, shown(v.Text))
		}
		line := fmt.Sprintf("%s (%s)", d.Kind, strings.Join(parts, ", "))
		for _, c := range d.Columns {
			line += " " + c.Column
		}
		if d.SourceCount+d.TargetCount > 2 {
			line += fmt.Sprintf(" %d/%d", d.SourceCount, d.TargetCount)
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(want)
	verdict := verify.Equal
	if len(want) > 0 {
		verdict = verify.Different
	}
	if !slices.Equal(got, want) || t.Verdict != verdict || t.Differing != int64(len(want)) || t.More {
		s.Errorf("table %s is %s (%s), %d differ:\n  %s\nwant %s:\n  %s", t.Relation, t.Verdict, t.Reason, t.Differing,
			strings.Join(got, "\n  "), verdict, strings.Join(want, "\n  "))
	}
}

// plant changes the target behind the program's back: a column of the row under a
// condition, or all of it.
func (s *scene) plant(table, where, set string) {
	s.Helper()
	there := s.there(table)
	replace := func(list string) string {
		return fmt.Sprintf("INSERT INTO %[1]s SELECT * REPLACE (%[2]s) FROM (SELECT * FROM %[1]s FINAL WHERE %[3]s)", there, list, where)
	}
	switch column, value, _ := strings.Cut(set, " = "); {
	case set == "gone":
		s.warehouse("%s", differs(s, replace("1 AS _deleted"), "DELETE FROM "+there+" WHERE "+where))
	case set == "again": // in a table without a key
		s.warehouse("%s", differs(s, replace("toUInt128(_version - 1) AS _version"), "INSERT INTO "+there+" SELECT * FROM "+there+" WHERE "+where+" LIMIT 1"))
	default:
		s.warehouse("%s", differs(s, replace(value+" AS "+column), "UPDATE "+there+" SET "+set+" WHERE "+where))
	}
}

func TestVerifyFindsWhatIsPlantedAndNothingElse(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE big (id bigint PRIMARY KEY, v text, n numeric(12,2), at timestamptz);
			INSERT INTO big SELECT n, 'value ' || n, n / 7.0, '2024-01-01Z'::timestamptz + n * interval '1 second' FROM generate_series(1, 30000) n;
			CREATE TABLE texts (k text, d date, v int, PRIMARY KEY (d, k));
			INSERT INTO texts SELECT 'kü''\ ' || n, date '2020-01-01' + n % 50, n FROM generate_series(1, 2000) n;
			CREATE TABLE log (v text, n int); INSERT INTO log SELECT 'same', n % 100 FROM generate_series(1, 3000) n;
			CREATE TABLE none (id uuid PRIMARY KEY)`)
		r := s.start().streaming()
		s.exec(`INSERT INTO log VALUES ('streamed', 1), ('streamed', 1), (NULL, NULL); UPDATE big SET v = NULL WHERE id % 1000 = 0; DELETE FROM big WHERE id % 999 = 0`)
		r.here()
		for _, table := range s.verified() {
			s.found(table)
		}
		s.plant("big", "id = 777", "v = 'wrong'")
		s.plant("big", "id = 20001", "gone")
		s.plant("big", "id = 1", "id = 40000")
		s.plant("texts", "v = 5", "v = 6")
		s.plant("log", differs(s, "_version = (SELECT min(_version) FROM "+s.there("log")+")", "n = 1"), "again")
		result := s.verified()
		gone := differs(s, []string{}, []string{`missing ("1")`})
		s.found(result["public.big"], append(gone, `changed ("777") v`, `missing ("20001")`, `surplus ("40000")`)...)
		s.found(result["public.texts"], `changed ("2020-01-06", "kü'\\ 5") v`)
		s.found(result["public.log"], `counted ("same", "1") 30/31`)
		s.found(result["public.none"])
		if len(s.verified("public.none")) != 1 {
			s.Error("a table that is named is not compared alone")
		}
	})
}

// TestVerifyReadsEveryType loads every type, and then changes the source: without a
// slot nothing brings that to the target.
func TestVerifyReadsEveryType(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec("%s", samplesSetup)
		s.extendTarget()
		sent := newCarrier(s, "types", func(f form) bool { return f != readAsText })
		asText := newCarrier(s, "texts", func(f form) bool { return f == readAsText })
		for _, c := range []*carrier{sent, asText} {
			s.exec("%s", c.create()+"; "+c.insert(0))
		}
		if err := s.begin((*sync.Pipeline).Load).wait(); err != nil {
			s.Fatal(err)
		}
		for _, table := range s.verified() {
			s.found(table)
			if len(table.LeftOut) > 0 {
				s.Errorf("left out: %v", table.LeftOut)
			}
		}
		for _, c := range []*carrier{sent, asText} {
			var set []string
			want := `changed ("0")`
			for _, col := range c.columns {
				set = append(set, col.name+" = NULL")
				// A container has no NULL, and shows an empty one.
				empty := (col.values[0][1] == "[]" || col.values[0][1] == "{}") && strings.ContainsAny(col.column[:1], "AM")
				if s.transactional() || !empty {
					want += " " + col.name
				}
			}
			s.exec("UPDATE %s SET %s WHERE id = 0", c.table, strings.Join(set, ", "))
			s.found(s.verified()["public."+c.table], want)
		}
	})
}

func TestVerifyWhileRowsChange(t *testing.T) {
	onNewest(t, func(s *scene) {
		const accounts = 20000
		s.openBank(accounts)
		s.exec(`CREATE TABLE hot (id int PRIMARY KEY, n bigint); INSERT INTO hot SELECT n, 0 FROM generate_series(1, 20) n`)
		r := s.start().streaming()
		s.plant("pgbench_accounts", "aid = 19999", "abalance = 7")
		s.plant("pgbench_accounts", "aid = 19998", "gone")
		w := s.work(3, accounts/2, 7)
		hot := s.workOf(1, 8, func(conn *pgx.Conn, random *rand.Rand) error {
			_, err := conn.Exec(s.ctx, fmt.Sprintf("UPDATE hot SET n = n + 1 WHERE id <= %d", 1+random.IntN(10)))
			return err
		})
		for range 2 {
			result := s.verified()
			s.found(result["public.pgbench_accounts"], `changed ("19999") abalance`, `missing ("19998")`)
			for _, name := range []string{"public.pgbench_history", "public.pgbench_tellers", "public.hot"} {
				if table := result[name]; table.Differing > 0 || table.Verdict == verify.NotCompared {
					s.Errorf("table %s is %s (%s), and nothing was planted: %+v", name, table.Verdict, table.Reason, table.Differences)
				}
			}
		}
		hot.stop()
		w.stop()
		r.here()
		for name, table := range s.verified() {
			if name != "public.pgbench_accounts" {
				s.found(table)
			}
		}
	})
}

func TestVerifySaysWhatItDoesNotCompare(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v int, secret text); INSERT INTO t SELECT n, n, 's' FROM generate_series(1, 1000) n;
			CREATE TABLE parks (v int); ALTER TABLE parks REPLICA IDENTITY FULL; INSERT INTO parks VALUES (1), (2)`)
		wish := wishing("public.t", sync.TableWish{
			Target: s.there("renamed"), Exclude: []string{"secret"}, Where: "id % 2 = 0", Wishes: apply.Wishes{Rename: map[string]string{"v": "value"}},
		})
		r := s.start(wish).streaming()
		s.exec(`UPDATE parks SET v = 3 WHERE v = 1`)
		s.parked("public.parks", "no primary key")
		r.here()
		result := s.verified() // the configuration is asked for nothing
		s.found(result["public.t"])
		if rows := result["public.t"].SourceRows; rows != 500 {
			s.Errorf("%d rows were read, and 500 are wanted", rows)
		}
		if p := result["public.parks"]; p.Verdict != verify.NotCompared || !strings.Contains(p.Reason, "no primary key") {
			s.Errorf("a table that has failed is %s: %s", p.Verdict, p.Reason)
		}
		r.halt()
		// Nobody brings what is written now.
		s.exec(`INSERT INTO t VALUES (2000, 2, '')`)
		if behind := s.verified()["public.t"]; behind.Verdict != verify.Undecided || !strings.Contains(behind.Reason, "behind") {
			s.Errorf("a target that is behind is %s: %s", behind.Verdict, behind.Reason)
		}
		s.command("verify").exits(3, "undecided", "run --until caught-up")
		s.catchUp(wish)
		s.found(s.verified()["public.t"])
	})
}

func TestVerifyTellsByItsExitStatus(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 1000) n`)
		s.command("verify").exits(3, "no pipeline")
		s.command("load", "--table", "public.*").exits(0)
		s.command("verify").exits(0, "public.t", "equal", "1,000 rows")
		s.plant("t", "id = 5", "v = 'other'")
		s.command("verify").exits(4, "changed", `id "5"`, `v is "v5" in the source and "other" in the target`)
		s.command("verify", "--output", "json", "--limit", "0").exits(4, `"differing": 1`, `"verdict": "different"`)
		s.command("verify", "--table", "public.x").exits(2, "no table public.x", "public.t")
	})
}
