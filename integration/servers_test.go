package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// The servers ask for these passwords, so that every DSN holds one and every
// output of the program can be searched for it.
const (
	sourcePassword = "pg-s3cret-of-the-source"
	targetUser     = "warehouse"
	targetPassword = "ch-s3cret-of-the-target"
)

// servers are shared by all tests.
var servers struct {
	postgres   map[int]*sandbox.Postgres
	clickhouse *sandbox.ClickHouse
	// standIns are targets: the oldest and the newest of the majors.
	standIns map[int]*sandbox.Postgres
	// greenplum is the one that greenplumEnv names; nil for none.
	greenplum *family
}

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait more than they compute, so more of them than there are
	// cores can be under way. A number on the command line wins.
	if !given("test.parallel") {
		_ = flag.Set("test.parallel", strconv.Itoa(concurrentTests))
	}
	code, err := 1, startServers()
	if err == nil {
		code = m.Run()
		fmt.Fprint(os.Stderr, typesCounted(), tossedLine())
	}
	if err = errors.Join(err, stopServers(), removeProgram()); err == nil && code == 0 {
		// Toxiproxy leaves a link behind whose connection ends while it holds bytes back.
		err = goleak.Find(goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
			goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const concurrentTests = 6

func given(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

func startServers() error {
	var group errgroup.Group
	group.Go(func() (err error) {
		servers.postgres, err = sandbox.StartMajors(context.Background(), func(major int) sandbox.PostgresOptions {
			return sandbox.PostgresOptions{
				Major: major, Password: sourcePassword,
				Settings: map[string]string{
					"max_connections": "200", "max_wal_senders": "60", "max_replication_slots": "60", "max_worker_processes": "20",
					// Deadlocks of the workloads are to end soon.
					"deadlock_timeout": "100ms",
				},
			}
		})
		return err
	})
	group.Go(func() (err error) {
		servers.clickhouse, err = sandbox.StartClickHouse(context.Background(),
			sandbox.ClickHouseOptions{User: targetUser, Password: targetPassword})
		return err
	})
	group.Go(startStandIns)
	group.Go(func() (err error) {
		servers.greenplum, err = namedGreenplum(os.Getenv(greenplumEnv))
		return err
	})
	return group.Wait()
}

// stopServers throws them away: an orderly shutdown would be a waste of seconds.
func stopServers() error {
	var group errgroup.Group
	for _, majors := range []map[int]*sandbox.Postgres{servers.postgres, servers.standIns} {
		for _, p := range majors {
			group.Go(func() error { return errors.Join(p.Kill(), p.Stop()) })
		}
	}
	if c := servers.clickhouse; c != nil {
		group.Go(func() error { return errors.Join(c.Kill(), c.Stop()) })
	}
	return group.Wait()
}
