package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const transactions = 300_000

// BenchmarkCatchUp applies a backlog of small pgbench transactions, beside
// pg_recvlogical, which only writes the same changes to a file.
func BenchmarkCatchUp(b *testing.B) {
	r := newRig(b, "pgbench", "pg_recvlogical")
	pgbench := func(args ...string) { r.measure("pgbench", append(args, r.postgres.DSN(""))...) }
	pgbench("-i", "-q", "-s", "10")
	for range b.N {
		// Each round has a pipeline and a slot of its own, and all of them the
		// same backlog.
		for i := range rounds {
			r.sluice("run", fmt.Sprintf("catchup%d", i), "--table", "public.pgbench_*", "--until", "caught-up")
			r.ask(fmt.Sprintf("SELECT pg_create_logical_replication_slot('floor%d', 'pgoutput')::text", i))
		}
		pgbench("-n", "-c", "4", "-t", fmt.Sprint(transactions/4))
		end := r.ask("SELECT pg_current_wal_flush_lsn()::text")
		var floor, sluice []took
		for i := range rounds {
			file := filepath.Join(b.TempDir(), "changes")
			floor = append(floor, r.measure("pg_recvlogical", "-d", r.postgres.DSN(""), "-S", fmt.Sprintf("floor%d", i), "--start", "--no-loop",
				"-o", "proto_version=1", "-o", fmt.Sprintf("publication_names=pgsluice_catchup%d", i), "-o", "binary=true", "-E", end, "-f", file))
			if err := os.Remove(file); err != nil {
				b.Fatal(err)
			}
			name := fmt.Sprintf("catchup%d", i)
			sluice = append(sluice, r.sluice("run", name, "--table", "public.pgbench_*", "--until", "caught-up"))
			r.mustEqual("balance", r.ask("SELECT sum(abalance)::text FROM pgbench_accounts"), r.warehouse("SELECT sum(abalance) FROM "+name+".pgbench_accounts FINAL"))
			r.mustEqual("history", r.ask("SELECT count(*)::text FROM pgbench_history"), r.warehouse("SELECT count() FROM "+name+".pgbench_history FINAL"))
		}
		r.compare(floor, sluice, 4*transactions)
		for i := range rounds {
			r.sluice("drop", fmt.Sprintf("catchup%d", i))
			r.ask(fmt.Sprintf("SELECT pg_drop_replication_slot('floor%d')::text", i))
		}
	}
}

// BenchmarkLatency measures from commit to visible in the target, while 500
// transactions a second go on beside the probe: to the moment at which the server
// began with the first query that saw the row, by the clock that both servers
// have. How long a query takes is not the pipeline's doing, and asking without a
// pause would keep one of two cores busy.
func BenchmarkLatency(b *testing.B) {
	for _, c := range []struct{ name, flush string }{{"defaults", "500ms"}, {"flush_interval=0", "0"}} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, "pgbench")
			r.measure("pgbench", "-i", "-q", "-s", "5", r.postgres.DSN(""))
			r.psql("CREATE TABLE probe (id bigint PRIMARY KEY, at timestamptz)")
			for range b.N {
				r.latency(c.flush)
			}
		})
	}
}

func (r *rig) latency(flush string) {
	sluice := exec.CommandContext(r.Context(), r.program, "run", "--name", "latency", "--source", r.postgres.DSN(""),
		"--target", r.clickhouse.DSN("latency"), "--table", "public.*", "--flush-interval", flush, "--log-level", "error")
	load := exec.CommandContext(r.Context(), "pgbench", "-n", "-c", "2", "-R", "500", "-T", "60", r.postgres.DSN(""))
	for _, c := range []*exec.Cmd{sluice, load} {
		if err := c.Start(); err != nil {
			r.Fatal(err)
		}
		defer func() {
			_ = c.Process.Signal(os.Interrupt)
			_ = c.Wait()
		}()
	}
	conn, err := pgx.Connect(r.Context(), r.postgres.DSN(""))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(r.Context()) }()
	var seen []time.Duration
	const warmUp, samples = 5, 60
	r.until(time.Minute, func() bool {
		return r.warehouse("SELECT count() FROM system.tables WHERE database = 'latency' AND name = 'probe'") == "1"
	})
	for i := range warmUp + samples {
		// A pause of any length, or the probes march in step with the flushes.
		<-time.After(rand.N(700 * time.Millisecond))
		var id string
		if err := conn.QueryRow(r.Context(), "INSERT INTO probe SELECT coalesce(max(id), 0) + 1, now() FROM probe RETURNING id::text").Scan(&id); err != nil {
			r.Fatal(err)
		}
		committed := time.Now()
		var at string
		r.until(time.Minute, func() bool {
			at = r.warehouse("SELECT toUnixTimestamp64Micro(now64(6)) FROM latency.probe FINAL WHERE id = " + id)
			return at != ""
		})
		if i >= warmUp {
			micros, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				r.Fatal(err)
			}
			seen = append(seen, time.UnixMicro(micros).Sub(committed))
		}
	}
	r.ReportMetric(0, "ns/op")
	r.ReportMetric(float64(median(seen).Microseconds())/1000, "p50-ms")
	r.ReportMetric(float64(percentile(seen, 0.99).Microseconds())/1000, "p99-ms")
}

func (r *rig) until(limit time.Duration, condition func() bool) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			r.Fatal("waited in vain")
		}
	}
}
