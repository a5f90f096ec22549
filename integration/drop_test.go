package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

func TestDropLeavesNothing(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable)
		s.command("drop").exits(0) // of a pipeline that never was
		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		s.command("drop").exits(0, "pipeline "+s.name+" is dropped")
		s.nothingLeft("t")
		s.is("rows that stay", s.count("t"), "1")
		s.command("drop").exits(0)

		s.command("run", "--table", "public.*", "--until", "caught-up").exits(3, "holds rows already")
		s.command("run", "--table", "public.*", "--existing", "truncate", "--until", "caught-up").exits(0)
		s.command("drop", "--with-data").exits(0)
		s.nothingLeft()

		s.command("load", "--table", "public.*").exits(0)
		s.command("drop", "--with-data").exits(0)
		s.nothingLeft()
	})
}

func TestDropWhenOneSideIsGone(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(oneTable)
		nobody := s.nobody()
		noSource, noTarget := s.sourceAt(nobody), s.targetAt(nobody)
		drop := func(source, target string, more ...string) *process {
			return s.pgsluice(append(append([]string{"drop"}, s.flags(source, target)...), more...)...)
		}

		s.command("run", "--table", "public.*", "--until", "caught-up").exits(0)
		if p := drop(noSource, s.targetDSN()); p.wait() == 0 {
			s.Error("a drop without the source ended well")
		} else {
			s.mentions(p.said(), nobody, "--force")
		}
		if !s.state().Known() {
			s.Error("the state is gone, and the source still has a slot")
		}
		drop(noSource, s.targetDSN(), "--force").exits(1, "not removed", "slot "+s.slot(), "publication "+s.slot(), nobody)
		if s.state().Known() {
			s.Error("the state is still there")
		}
		// The source is back, and what was told of can be removed.
		s.command("drop").exits(0)
		s.nothingLeft("t")

		s.command("run", "--table", "public.*", "--existing", "truncate", "--until", "caught-up").exits(0)
		if p := drop(s.sourceDSN(), noTarget); p.wait() == 0 {
			s.Error("a drop without the target ended well")
		} else {
			s.mentions(p.said(), nobody, "--force")
		}
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "1")
		drop(s.sourceDSN(), noTarget, "--force").exits(1, "not removed", "state of pipeline "+s.name, nobody)
		s.nothingOnSource()
		s.command("drop").exits(0)
		s.nothingLeft("t")
	})
}

func TestStatusTellsHowAPipelineIs(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(oneTable + `; CREATE TABLE "Odd Name" (id int PRIMARY KEY, d date)`)
		status := func() (found sync.Status) {
			s.Helper()
			p := s.command("status", "--output", "json").exits(0)
			if err := json.Unmarshal([]byte(p.out.String()), &found); err != nil {
				s.Fatalf("%v in %s", err, &p.out)
			}
			return found
		}
		if found := status(); found.Known || found.Running {
			s.Errorf("of a pipeline that never was: %+v", found)
		}
		s.command("status").exits(0, "the target knows no pipeline of this name")

		config := s.configure(fmt.Sprintf("source: {dsn: '%s'}\ntables:\n  - public.*\n%s", s.sourceDSN(),
			differs(s, "", "  - {name: 'public.\"Odd Name\"', types: {d: varchar(10)}}\n")))
		p := s.pgsluice("run", "-c", config).says("msg=streaming")
		found := status()
		if !found.Known || !found.Running || found.Slot != s.slot() || len(found.Tables) != 2 || found.Watermark == "" {
			s.Errorf("while it runs: %+v", found)
		}
		s.command("status").exits(0, "state", "running", s.slot(), "TABLE", "public.t", `public."Odd Name"`, "streaming")
		s.exec(`INSERT INTO "Odd Name" VALUES (7, '%s')`, farDate)
		s.parked(`public."Odd Name"`, "column d")
		s.command("status").exits(0, `public."Odd Name" failed: `, "column d", "what to do")
		p.signal(os.Interrupt)
		p.exits(0)

		found = status()
		if found.Running || found.Tables[0].Phase != "failed" && found.Tables[1].Phase != "failed" {
			s.Errorf("when it is stopped: %+v", found)
		}
		s.command("status").exits(0, "not running")
		lag := found.LagBytes
		s.exec(`INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(10, 300) n`)
		// The two are asked for one after the other, and others write to the log.
		if found = status(); found.LagBytes < lag+200_000 || found.RetainedBytes < 200_000 {
			s.Errorf("the lag is %d after %d, %d bytes are retained", found.LagBytes, lag, found.RetainedBytes)
		}
		gone := s.pgsluice(append([]string{"status"}, s.flags(s.sourceAt(s.nobody()), s.targetDSN())...)...)
		gone.exits(0, "source", "does not answer", "public.t")
		s.command("status", "--output", "xml").exits(2, "xml")
	})
}
