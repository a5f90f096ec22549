package preflight

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// newStandby makes a primary and a standby of it, as a copy of its files.
func newStandby(t *testing.T, major int) (primary, standby *scene) {
	t.Helper()
	home := t.TempDir()
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(home, "primary"), filepath.Join(home, "standby")
	in := func(dir, upstream string) func(*sandbox.PostgresOptions) {
		return func(o *sandbox.PostgresOptions) {
			o.Dir = dir
			if upstream != "" {
				o.Settings["primary_conninfo"] = upstream
			}
		}
	}
	primary = newServer(t, major, in(first, ""))
	primary.exec(aTable)
	if err := primary.server.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", first, second).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Whose the files are, the new one has to be too.
	sign := filepath.Join(second, "data", "standby.signal")
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", filepath.Join(second, "data", "PG_VERSION"), sign).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	start := func(dir, upstream string) *scene {
		o := healthy(major)
		in(dir, upstream)(&o)
		server, err := sandbox.StartPostgres(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(server.Kill(), server.Stop()); err != nil {
				t.Error(err)
			}
		})
		s := &scene{T: t, major: major, server: server, name: primary.name, dsn: server.DSN(primary.name)}
		s.admin = s.connect(s.dsn)
		return s
	}
	primary = start(first, "")
	host, port, err := net.SplitHostPort(primary.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return primary, start(second, fmt.Sprintf("host=%s port=%s user=postgres password=%s", host, port, password))
}

func TestAStandby(t *testing.T) {
	for _, major := range majors() {
		t.Run(major.name, func(t *testing.T) {
			t.Parallel()
			primary, standby := newStandby(t, major.number)
			// A load needs a standby that keeps what it reads.
			standby.meets(trouble{check: "standby", level: fault.LevelWarning, wish: once, seen: "what a vacuum on the primary removes can cut a long copy short", fix: "ALTER SYSTEM SET hot_standby_feedback = on;"})

			if major.number < 16 {
				standby.meets(trouble{
					check: "standby", level: fault.LevelError, seen: fmt.Sprintf("PostgreSQL %d decodes its log on a primary only", major.number), fix: "pgsluice load",
					also: []string{"publication"}, otherwise: once,
				})
				return
			}
			f := standby.finds(trouble{check: "publication", level: fault.LevelError, seen: "there is no publication {pub}, and on a standby none can be made", fix: "-- on the primary"})
			primary.apply(f.Fix)
			standby.passes("publication", nil, nil)

			primary.exec(`CREATE TABLE u (id int PRIMARY KEY)`)
			standby.arrives("u")
			f = standby.finds(trouble{check: "publication", level: fault.LevelError, seen: "does not publish table public.u", fix: "-- on the primary"})
			primary.apply(f.Fix)
			standby.passes("publication", nil, nil)
		})
	}
}

// arrives waits until a table has been replicated.
func (s *scene) arrives(table string) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; {
		var there bool
		if err := s.admin.QueryRow(s.Context(), `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&there); err != nil {
			s.Fatal(err)
		}
		if there {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("table %s does not arrive", table)
		}
	}
}
