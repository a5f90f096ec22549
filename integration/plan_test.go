package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

func (s *scene) planned(p *process) (plan sync.Plan) {
	s.Helper()
	if err := json.Unmarshal([]byte(p.out.String()), &plan); err != nil {
		s.Fatalf("%v in %s", err, &p.out)
	}
	return plan
}

// slotIsFree waits until the server has heard of a run's end, a moment after it.
func (s *scene) slotIsFree() {
	s.Helper()
	s.eventually("the slot is free", func() bool {
		return s.ask(`SELECT bool_or(active) FROM pg_replication_slots WHERE database = current_database()`) == "f"
	})
}

func TestPlanShowsWhatARunWouldDo(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, price numeric(12,2), secret text); INSERT INTO orders SELECT n FROM generate_series(1, 1000) n;
			CREATE TABLE keyless (v text); ANALYZE`)
		where := "    where: id > 500\n"
		if s.major < 15 {
			where = ""
		}
		config := s.configure(fmt.Sprintf("source: {dsn: '%s'}\ntables:\n  - public.*\n  - name: public.orders\n    target: sales\n    exclude: [secret]\n%s", s.sourceDSN(), where))
		text := s.changesNothing("plan", "-c", config).exits(0, "what pgsluice run would do", "PostgreSQL "+fmt.Sprint(s.major)+".", "database "+s.name,
			`CREATE PUBLICATION "`+s.slot()+`" FOR TABLE ONLY "public"."keyless", ONLY "public"."orders"`, `CREATE_REPLICATION_SLOT "`+s.slot()+`" LOGICAL pgoutput`,
			"2 tables of 2, about 1,000 rows", "public.orders -> ", "without secret", "key id", "no key", "CREATE TABLE", differs(s, "ReplacingMergeTree", "PRIMARY KEY"),
			"COLUMN", "timestamptz", differs(s, "DateTime64(6", `"at" timestamptz`), differs(s, "Decimal(12, 2)", "numeric(12,2)"))
		if s.major >= 15 {
			text.exits(0, "WHERE (id > 500)", "rows where id > 500")
		}
		plan := s.planned(s.changesNothing("plan", "-c", config, "--output", "json").exits(0))
		if plan.Command != "run" || plan.Rows != 1000 || len(plan.Tables) != 2 || plan.Tables[1].Does != sync.PlanCopy || len(plan.Tables[1].Target.Columns) != 3 {
			s.Fatalf("%+v", plan)
		}
		load := s.planned(s.changesNothing("plan", "--load", "-c", config, "--output", "json").exits(0))
		if load.Command != "load" || load.Slot != nil || load.Publication != nil {
			s.Fatalf("%+v", load)
		}
		s.nothingLeft()

		// What it shows can be executed, and there is nothing left to do then.
		s.exec(plan.Publication.Statement)
		s.makeDatabase()
		for _, t := range plan.Tables {
			for _, statement := range t.Target.Statements {
				s.warehouse("%s", statement)
			}
		}
		made := s.planned(s.changesNothing("plan", "-c", config, "--output", "json").exits(0))
		if made.Publication.Statement != "" || len(made.Tables[0].Target.Statements)+len(made.Tables[1].Target.Statements) != 0 {
			s.Errorf("%+v", made)
		}
		before := s.sides()
		s.pgsluice("run", "-c", config, "--until", "caught-up").exits(0)
		for _, line := range strings.Split(before, "\n") {
			definition, _, _ := strings.Cut(line, differs(s, "SETTINGS", " file "))
			if strings.Contains(line, "sales") && !strings.Contains(s.sides(), definition) {
				s.Errorf("the run has changed %s", line)
			}
		}
		s.slotIsFree()
		s.changesNothing("plan", "-c", config).exits(0, "go on", s.slot()+" is there already", "0 tables of 2")

		s.exec(`CREATE TABLE joins (id int PRIMARY KEY)`)
		s.exec(`DROP PUBLICATION %s`, s.slot())
		s.changesNothing("plan", "-c", config).exits(0, "slot for the copy", "TEMPORARY LOGICAL pgoutput", "1 table of 3")
	})
}

func TestCheckAndPlanLeaveNoDirectoryBehind(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(oneTable)
		for _, command := range []string{"check", "plan"} {
			for _, target := range []string{"new/warehouse", "empty"} {
				dir := filepath.Join(s.dir(), filepath.FromSlash(target))
				if target == "empty" {
					if err := os.MkdirAll(dir, 0o700); err != nil {
						s.Fatal(err)
					}
				}
				s.changesNothing(command, "--source", s.sourceDSN(), "--name", s.name, "--table", "public.*", "--target", "embedded:./"+target).exits(0, "public.t")
				if entries, _ := os.ReadDir(dir); len(entries) > 0 {
					s.Errorf("%s has left %v in %s", command, entries, dir)
				}
			}
			if _, err := os.Stat(filepath.Join(s.dir(), "new")); err == nil {
				s.Errorf("%s has made a directory", command)
			}
		}
		// One that is there is looked into, also while another process has it open.
		run := []string{"run", "--source", s.sourceDSN(), "--name", s.name, "--table", "public.*", "--target", "embedded:./there"}
		p := s.pgsluice(run...).says("msg=streaming")
		s.changesNothing("plan", "--source", s.sourceDSN(), "--name", s.name, "--table", "public.*", "--target", "embedded:./there").exits(0, "go on", "is there already")
		p.signal(os.Interrupt)
		p.exits(0)
		s.slotIsFree()
		s.changesNothing("check", "--source", s.sourceDSN(), "--name", s.name, "--table", "public.*", "--target", "embedded:./there").exits(0)
		s.pgsluice("drop", "--source", s.sourceDSN(), "--name", s.name, "--target", "embedded:./there", "--with-data").exits(0)
	})
}
