package bench

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// beside starts a second PostgreSQL, as a target.
func (r *rig) beside() *sandbox.Postgres {
	r.Helper()
	target, err := sandbox.StartPostgres(r.Context(), sandbox.PostgresOptions{
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "max_logical_replication_workers": "8"},
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = target.Stop() })
	return target
}

// in runs statements on a server, each by itself, and gives the first value of the
// last.
func (r *rig) in(server *sandbox.Postgres, database string, statements ...string) (answer string) {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), server.DSN(database))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, s := range statements {
		results, err := conn.PgConn().Exec(r.Context(), s).ReadAll()
		if err != nil {
			r.Fatalf("%s: %v", s, err)
		}
		if last := results[len(results)-1]; len(last.Rows) > 0 {
			answer = string(last.Rows[0][0])
		}
	}
	return answer
}

// into runs the program for a pipeline into a database of a PostgreSQL.
func (r *rig) into(target *sandbox.Postgres, database, command string, args ...string) took {
	r.Helper()
	return r.measure(r.program, append([]string{
		command, "--name", database, "--source", r.postgres.DSN(""), "--target", target.DSN(database), "--log-level", "error",
	}, args...)...)
}

// BenchmarkLoadIntoPostgreSQL copies a wide table into an equal one, beside two
// psql with a pipe between them.
func BenchmarkLoadIntoPostgreSQL(b *testing.B) {
	r := newRig(b, "psql")
	r.psql(lineitem, lineitemFill, "VACUUM ANALYZE lineitem", "CHECKPOINT")
	target := r.beside()
	for range b.N {
		var floor, sluice []took
		for i := range rounds {
			name := fmt.Sprintf("floor%d", i)
			r.in(target, "", "CREATE DATABASE "+name)
			r.in(target, name, lineitem, "CHECKPOINT")
			floor = append(floor, r.pipe(target, name))
			r.in(target, "", "DROP DATABASE "+name)
			name = fmt.Sprintf("load%d", i)
			r.in(target, "", "CREATE DATABASE "+name, "CHECKPOINT")
			sluice = append(sluice, r.into(target, name, "load", "--workers", "1", "--table", "public.lineitem"))
			r.mustEqual("rows", r.ask("SELECT count(*)::text FROM lineitem"), r.in(target, name, "SELECT count(*) FROM lineitem"))
			r.in(target, "", "DROP DATABASE "+name)
		}
		r.compare(floor, sluice, lineitemRows)
	}
}

// pipe copies with psql alone.
func (r *rig) pipe(target *sandbox.Postgres, database string) took {
	r.Helper()
	out := exec.CommandContext(r.Context(), "psql", "-q", "-d", r.postgres.DSN(""), "-c", "COPY lineitem TO STDOUT (FORMAT binary)")
	in := exec.CommandContext(r.Context(), "psql", "-q", "-d", target.DSN(database), "-c", "COPY lineitem FROM STDIN (FORMAT binary)")
	var err error
	if in.Stdin, err = out.StdoutPipe(); err != nil {
		r.Fatal(err)
	}
	var complaints strings.Builder
	in.Stderr, out.Stderr = &complaints, &complaints
	start := time.Now()
	if err := out.Start(); err != nil {
		r.Fatal(err)
	}
	errIn := in.Run()
	if err := out.Wait(); err != nil || errIn != nil {
		r.Fatalf("psql: %v %v\n%s", err, errIn, complaints.String())
	}
	return took{wall: time.Since(start)}
}

// backlogs are what BenchmarkSubscription applies: how the table is changed, and in
// how many rows.
var backlogs = []struct {
	name, sql string
	changes   int
}{
	{"1,000 transactions of 1,000 updates", `DO $$ BEGIN FOR i IN 1..1000 LOOP
		UPDATE items SET n = n + 1, at = now() WHERE id > (i % 100) * 1000 AND id <= (i % 100) * 1000 + 1000; COMMIT; END LOOP; END $$`, 1_000_000},
	{"200,000 transactions of 1 update", `DO $$ BEGIN FOR i IN 1..200000 LOOP
		UPDATE items SET n = n + 1, at = now() WHERE id = 1 + (i * 7919) % 100000; COMMIT; END LOOP; END $$`, 200_000},
}

// BenchmarkSubscription applies a backlog beside PostgreSQL's own subscription,
// between the same two servers. Both stand ready when the backlog is made, and are
// let loose one after the other.
func BenchmarkSubscription(b *testing.B) {
	for _, backlog := range backlogs {
		b.Run(backlog.name, func(b *testing.B) {
			r := newRig(b)
			target := r.beside()
			r.psql("CREATE TABLE items (id int PRIMARY KEY, n int, at timestamptz, name text)",
				"INSERT INTO items SELECT i, 0, now(), 'item ' || i FROM generate_series(1, 100000) i", "VACUUM ANALYZE items")
			for range b.N {
				var floor, sluice []took
				for i := range rounds {
					own, theirs := fmt.Sprintf("own%d", i), fmt.Sprintf("theirs%d", i)
					r.in(target, "", "CREATE DATABASE "+own, "CREATE DATABASE "+theirs)
					r.into(target, own, "run", "--table", "public.items", "--until", "caught-up")
					r.subscribe(target, theirs)
					r.psql(backlog.sql, "CHECKPOINT")
					if i%2 == 0 {
						floor = append(floor, r.subscription(target, theirs))
					}
					sluice = append(sluice, r.into(target, own, "run", "--table", "public.items", "--until", "caught-up"))
					if i%2 == 1 {
						floor = append(floor, r.subscription(target, theirs))
					}
					r.mustEqual("own", r.ask("SELECT sum(n * id::bigint)::text FROM items"), r.in(target, own, "SELECT sum(n * id::bigint) FROM items"))
					r.into(target, own, "drop")
					r.in(target, theirs, "DROP SUBSCRIPTION theirs")
					r.psql("DROP PUBLICATION theirs")
					r.in(target, "", "DROP DATABASE "+own, "DROP DATABASE "+theirs)
				}
				r.compare(floor, sluice, backlog.changes)
			}
		})
	}
}

func (r *rig) subscribe(target *sandbox.Postgres, database string) {
	r.Helper()
	r.psql("CREATE PUBLICATION theirs FOR TABLE items")
	r.in(target, database, "CREATE TABLE items (id int PRIMARY KEY, n int, at timestamptz, name text)",
		fmt.Sprintf("CREATE SUBSCRIPTION theirs CONNECTION '%s' PUBLICATION theirs WITH (binary = true)", r.postgres.DSN("")))
	r.until(time.Minute, func() bool {
		return r.in(target, database, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel") == "t"
	})
	r.in(target, database, "ALTER SUBSCRIPTION theirs DISABLE")
	r.until(time.Minute, func() bool {
		return r.ask("SELECT (NOT active)::text FROM pg_replication_slots WHERE slot_name = 'theirs'") == "true"
	})
}

// subscription lets PostgreSQL's own replication catch up.
func (r *rig) subscription(target *sandbox.Postgres, database string) took {
	r.Helper()
	want := r.ask("SELECT sum(n * id::bigint)::text FROM items")
	end := r.ask("SELECT pg_current_wal_flush_lsn()::text")
	start := time.Now()
	r.in(target, database, "ALTER SUBSCRIPTION theirs ENABLE")
	r.until(5*time.Minute, func() bool {
		return r.ask("SELECT (confirmed_flush_lsn >= '"+end+"')::text FROM pg_replication_slots WHERE slot_name = 'theirs'") == "true"
	})
	t := took{wall: time.Since(start)}
	r.mustEqual("theirs", want, r.in(target, database, "SELECT sum(n * id::bigint) FROM items"))
	return t
}
