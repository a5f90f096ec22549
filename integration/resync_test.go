package integration

import (
	"fmt"
	"strings"
	"testing"
)

// The value that stops the table is one that only ClickHouse cannot hold.
func TestATableIsBroughtBackByResync(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, d date); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1, '2024-01-01'); INSERT INTO other VALUES (1)`)
		r := s.start().streaming()
		s.exec(`INSERT INTO t VALUES (2, '%s'); INSERT INTO other VALUES (2)`, farDate)
		s.parked("public.t", farDate)
		s.exec(`UPDATE t SET d = NULL WHERE id = 2; INSERT INTO t VALUES (3, NULL)`)
		s.command("resync", "--table", "public.nobody").exits(2, "has no table public.nobody", "public.other, public.t")
		s.command("resync", "--table", "public.t").exits(0)
		s.equal("t", "other")
		// Also one that streams, and all of them.
		s.exec(`INSERT INTO t VALUES (4, NULL)`)
		s.command("resync").exits(0)
		r.here()
		s.equal("t", "other")
		s.is("tables in the target", fmt.Sprint(s.tablesThere()), "[other t]")
		r.halt()
		// And where nothing runs, the command does.
		s.exec(`INSERT INTO t VALUES (5, NULL)`)
		s.command("resync", "--table", "public.t").exits(0)
		s.equal("t", "other")
	})
}

// While a table is copied anew its readers see all of the earlier rows.
func TestReadersKeepTheirRowsDuringAResync(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 50000) n`)
		r := s.start().streaming()
		done := make(chan struct{})
		asked := s.pgsluice(append([]string{"resync"}, s.both()...)...)
		go func() { defer close(done); <-asked.done }()
		looks := 0
		for open := true; open; looks++ {
			select {
			case <-done:
				open = false
			default:
			}
			if n := s.count("t"); n != "50000" {
				s.Fatalf("a reader sees %s rows", n)
			}
		}
		asked.exits(0)
		s.Logf("%d looks", looks)
		r.here()
		s.equal("t")
		r.halt()
	})
}

func TestASlotThatIsGoneIsMadeAnewByResync(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 100) n`)
		s.catchUp()
		s.ask(`SELECT pg_drop_replication_slot('%s')`, s.slot())
		s.exec(`DELETE FROM t WHERE id < 50; UPDATE t SET v = 'y' WHERE id = 50`)
		s.command("run", "--table", "public.*").exits(1, "is gone from the source", "pgsluice resync")
		s.command("resync").exits(0)
		s.equal("t")
		s.exec(`INSERT INTO t VALUES (101, 'z')`)
		s.catchUp()
		s.equal("t")
	})
}

// A command that is killed leaves what was, or what the next start makes good.
func TestResyncIsKilledAtItsPoints(t *testing.T) {
	for n, point := range crashPoints(t) {
		if point.file != "sync/resync.go" {
			continue
		}
		t.Run(point.name, func(t *testing.T) {
			inTurns(t, n, func(s *scene) {
				s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 1000) n; CREATE TABLE other (id int); INSERT INTO other VALUES (1)`)
				s.catchUp()
				s.exec(`DELETE FROM t WHERE id < 50; UPDATE t SET v = 'y' WHERE id < 100; INSERT INTO other VALUES (2)`)
				// One table goes on from the slot, all of them from a new one.
				command := append([]string{"resync"}, s.both()...)
				if strings.HasPrefix(point.name, "resync-") {
					command = append(command, "--table", "public.t")
				}
				s.crashes(point.name, 1, command...).exits(-1, "killed at "+point.name)
				s.is("rows in the target", s.count("t"), "1000")
				s.exec(`INSERT INTO t VALUES (1001, 'after'); INSERT INTO other VALUES (3)`)
				s.catchUp()
				s.equal("t", "other")
				s.is("slots", s.ask(`SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE database = current_database()`), s.slot())
				s.pgsluice(command...).exits(0)
				s.equal("t", "other")
				s.is("tables in the target", fmt.Sprint(len(s.tablesThere())), "2")
			})
		})
	}
}
