package integration

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// greenplumEnv names the variable with the DSN of a real Greenplum, of a user who
// may make databases: everything runs there too, and what only a Greenplum shows.
// Where it is empty, Greenplum is not in the table of targets.
const greenplumEnv = "PGSLUICE_TEST_GREENPLUM"

// startStandIns starts servers of their own for the targets: what is written to
// them does not stand in the log that a source's slots read.
func startStandIns() error {
	majors, err := sandbox.Majors()
	if err != nil {
		return err
	}
	servers.standIns = map[int]*sandbox.Postgres{}
	for _, major := range []int{slices.Min(majors), slices.Max(majors)} {
		if servers.standIns[major] != nil {
			continue
		}
		p, err := sandbox.StartPostgres(context.Background(), sandbox.PostgresOptions{
			Major: major, Password: targetPassword,
			Settings: map[string]string{"max_connections": "200", "wal_level": "minimal", "max_wal_senders": "0", "max_replication_slots": "0"},
		})
		if err != nil {
			return err
		}
		servers.standIns[major] = p
		role := fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", targetUser, targetPassword)
		if err := standInOf(major).administer(context.Background(), "postgres", role); err != nil {
			return err
		}
	}
	return nil
}

// standIn is the PostgreSQL that a source writes to: the newest writes to the
// oldest, and the others to the newest.
func standIn(source int) target {
	newest := slices.Max(majorsFrom(0))
	if source < newest {
		return standInOf(newest)
	}
	return standInOf(slices.Min(majorsFrom(0)))
}

// standInOf is written to by a user who has no rights but over his own database.
func standInOf(major int) family {
	return family{
		label: fmt.Sprintf("PostgreSQL %d", major), number: major * 10000, scheme: "postgres", host: servers.standIns[major].Addr(),
		user: url.UserPassword(targetUser, targetPassword), admin: url.UserPassword("postgres", targetPassword), maintenance: "postgres",
	}
}

// namedTarget is written to by the newest source alone, which has the most that a
// Greenplum does not know.
func namedTarget(source int) target {
	if servers.greenplum == nil || source != slices.Max(majorsFrom(0)) {
		return nil
	}
	return *servers.greenplum
}

func namedGreenplum(dsn string) (*family, error) {
	if dsn == "" {
		return nil, nil
	}
	named, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("%s is no DSN", greenplumEnv)
	}
	f := &family{label: "Greenplum", scheme: "greenplum", host: named.Host, user: named.User, admin: named.User, maintenance: strings.TrimPrefix(named.Path, "/")}
	conn, err := pgx.Connect(context.Background(), f.as("postgres", f.admin, f.maintenance))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", greenplumEnv, err)
	}
	err = conn.QueryRow(context.Background(), "SELECT current_setting('server_version_num')::int").Scan(&f.number)
	_ = conn.Close(context.Background())
	return f, err
}
