package bench

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// rig is a source, a target and the program under measurement.
type rig struct {
	*testing.B
	postgres   *sandbox.Postgres
	clickhouse *sandbox.ClickHouse
	program    string
}

// The servers are set up as one would for real work, except that the source does
// not sync to disk.
func newRig(b *testing.B, programs ...string) *rig {
	b.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			b.Fatalf("%s is needed to measure against: it comes with PostgreSQL's client programs (Debian: apt-get install postgresql-client postgresql-contrib; pgbench and pg_recvlogical are in the package postgresql)", p)
		}
	}
	r := &rig{B: b}
	ctx := b.Context()
	var err error
	r.postgres, err = sandbox.StartPostgres(ctx, sandbox.PostgresOptions{
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "30min"},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.postgres.Stop() })
	if r.clickhouse, err = sandbox.StartClickHouse(ctx, sandbox.ClickHouseOptions{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.clickhouse.Stop() })
	r.program = filepath.Join(b.TempDir(), "pgsluice")
	build := exec.Command("go", "build", "-o", r.program, "github.com/pgsluice/pgsluice/cmd/pgsluice")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return r
}

// psql runs statements on the source, each by itself.
func (r *rig) psql(statements ...string) {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.postgres.DSN(""))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, s := range statements {
		if _, err := conn.Exec(r.Context(), s); err != nil {
			r.Fatalf("%s: %v", s, err)
		}
	}
}

// ask gives the first value of a query on the source.
func (r *rig) ask(query string) string {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.postgres.DSN(""))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var v string
	if err := conn.QueryRow(r.Context(), query).Scan(&v); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return v
}

// warehouse gives the answer of the target.
func (r *rig) warehouse(query string) string {
	r.Helper()
	resp, err := http.Post("http://"+r.clickhouse.HTTPAddr()+"/", "text/plain", strings.NewReader(query))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.Fatalf("%s: %v %s", query, err, body)
	}
	return strings.TrimSpace(string(body))
}

// took is what a program cost.
type took struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

// measure runs a program to its end, its output to nowhere.
func (r *rig) measure(name string, args ...string) took {
	r.Helper()
	c := exec.CommandContext(r.Context(), name, args...)
	var complaints strings.Builder
	c.Stderr = &complaints
	start := time.Now()
	if err := c.Run(); err != nil {
		r.Fatalf("%s: %v\n%s", name, err, complaints.String())
	}
	t := took{wall: time.Since(start), cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.peak = usage.Maxrss << 10
	}
	return t
}

// sluice runs the program under measurement for a pipeline with a database of
// its own in the target.
func (r *rig) sluice(command, pipeline string, args ...string) took {
	r.Helper()
	return r.measure(r.program, append([]string{
		command, "--name", pipeline, "--source", r.postgres.DSN(""), "--target", r.clickhouse.DSN(pipeline), "--log-level", "error",
	}, args...)...)
}

func (r *rig) mustEqual(what, source, target string) {
	r.Helper()
	if source != target {
		r.Fatalf("%s: %q in PostgreSQL, %q in ClickHouse", what, source, target)
	}
}

func median[T int64 | time.Duration | float64](v []T) T {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

func percentile(v []time.Duration, p float64) time.Duration {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[min(int(float64(len(s))*p), len(s)-1)]
}

func walls(t []took) []time.Duration {
	w := make([]time.Duration, len(t))
	for i := range t {
		w[i] = t[i].wall
	}
	return w
}

// compare reports how long the contender takes beside the floor.
func (r *rig) compare(floor, contender []took, rowsOrChanges int) {
	var peak int64
	var cpu []time.Duration
	for _, t := range contender {
		peak = max(peak, t.peak)
		cpu = append(cpu, t.cpu)
	}
	r.ReportMetric(0, "ns/op")
	r.ReportMetric(float64(median(walls(contender)))/float64(median(walls(floor))), "x-floor")
	r.ReportMetric(float64(median(cpu).Nanoseconds())/float64(rowsOrChanges), "cpu-ns/row")
	r.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	for i := range floor {
		r.Logf("round %d: floor %v, pgsluice %v", i+1, floor[i].wall.Round(time.Millisecond), contender[i].wall.Round(time.Millisecond))
	}
}
