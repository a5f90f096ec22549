package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// BenchmarkVerify compares ten million rows with their source, beside the load that
// brought them, and then finds four rows that are not right. It is to stay below
// 300 MiB.
func BenchmarkVerify(b *testing.B) {
	const rows, most = 10_000_000, 300 << 20
	r := newRig(b, "psql")
	r.psql(`CREATE TABLE orders (id bigint PRIMARY KEY, customer int, amount numeric(12,2), at timestamptz, note text);
		CREATE TABLE log (at timestamptz, what text)`,
		fmt.Sprintf(`INSERT INTO orders SELECT i, i %% 10007, i / 100.0, '2024-01-01Z'::timestamptz + i * interval '1 second', md5(i::text) FROM generate_series(1, %d) i`, rows),
		`INSERT INTO log SELECT '2024-01-01Z', 'event ' || i % 1000 FROM generate_series(1, 1000000) i`, "VACUUM ANALYZE", "CHECKPOINT")
	for range b.N {
		var load, verify []took
		for i := range rounds {
			name := fmt.Sprintf("verify%d", i)
			load = append(load, r.sluice("load", name, "--table", "public.*"))
			verify = append(verify, r.sluice("verify", name))
			if i < rounds-1 {
				r.warehouse("DROP DATABASE " + name)
			}
		}
		r.compare(load, verify, rows)
		for _, t := range verify {
			if t.peak > most {
				b.Errorf("a comparison took %d MiB", t.peak>>20)
			}
		}
		name := fmt.Sprintf("verify%d", rounds-1)
		r.plantFour(name)
		r.findsFour(name)
		r.warehouse("DROP DATABASE " + name)
	}
}

// plantFour changes a value, takes a row away, adds one, and repeats one of the table
// without a key.
func (r *rig) plantFour(database string) {
	r.Helper()
	for _, row := range []struct{ table, replace, where string }{
		{"orders", "amount + 0.01 AS amount", "id = 7654321"},
		{"orders", "1 AS _deleted", "id = 1234567"},
		{"orders", "10000001 AS id", "id = 1"},
		{"log", "toUInt128(_version - 1) AS _version", "_version = (SELECT min(_version) FROM " + database + ".log)"},
	} {
		table := database + "." + row.table
		r.warehouse(fmt.Sprintf("INSERT INTO %[1]s SELECT * REPLACE (%[2]s) FROM (SELECT * FROM %[1]s FINAL WHERE %[3]s)", table, row.replace, row.where))
	}
}

// findsFour wants those and no other.
func (r *rig) findsFour(database string) {
	r.Helper()
	started := time.Now()
	out, err := exec.CommandContext(r.Context(), r.program, "verify", "--name", database, "--source", r.postgres.DSN(""),
		"--target", r.clickhouse.DSN(database), "--log-level", "error", "--output", "json").Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 4 {
		r.Fatalf("verify: %v\n%s", err, out)
	}
	var found struct {
		Tables []struct {
			Relation    string
			Differing   int
			Differences []struct {
				Kind string
				Row  []struct{ Value string }
			}
		}
	}
	if err := json.Unmarshal(out, &found); err != nil {
		r.Fatal(err)
	}
	kinds := map[string]string{}
	for _, t := range found.Tables {
		for _, d := range t.Differences {
			kinds[d.Kind] += t.Relation + " " + d.Row[0].Value
		}
	}
	want := map[string]string{"changed": "public.orders 7654321", "missing": "public.orders 1234567", "surplus": "public.orders 10000001"}
	for kind, row := range want {
		r.mustEqual(kind, row, kinds[kind])
	}
	if kinds["counted"] == "" || len(kinds) != 4 || found.Tables[0].Differing != 1 || found.Tables[1].Differing != 3 {
		r.Errorf("found: %s", out)
	}
	r.Logf("four faults are found in %v", time.Since(started).Round(time.Millisecond))
}
