package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// sides is everything that a command which changes nothing could have changed:
// the catalogs of both databases.
func (s *scene) sides() string {
	s.Helper()
	source := s.ask(`SELECT concat_ws(E'\n',
		(SELECT string_agg(concat_ws(' ', c.oid, c.relname, c.relreplident, c.relfilenode), ',' ORDER BY c.oid) FROM pg_class c WHERE c.oid >= 16384),
		(SELECT string_agg(concat_ws(' ', a.attrelid, a.attname), ',' ORDER BY a.attrelid, a.attnum) FROM pg_attribute a WHERE a.attrelid >= 16384),
		(SELECT string_agg(p::text, ',') FROM pg_publication p), (SELECT string_agg(r.prrelid::text, ',' ORDER BY r.oid) FROM pg_publication_rel r),
		(SELECT string_agg(concat_ws(' ', slot_name, CASE WHEN NOT active THEN confirmed_flush_lsn END), ',' ORDER BY slot_name) FROM pg_replication_slots WHERE database = current_database()))`)
	target, err := s.target.catalog(s.ctx, s.database())
	if err != nil {
		s.Fatal(err)
	}
	return source + "\n" + target
}

// changesNothing runs the command and wants both sides to be as they were.
func (s *scene) changesNothing(args ...string) *process {
	s.Helper()
	before := s.sides()
	p := s.pgsluice(args...)
	p.wait()
	if after := s.sides(); after != before {
		s.Errorf("%s changed\n%s\nto\n%s", strings.Join(args, " "), before, after)
	}
	return p
}

type checkedPipeline struct {
	Pipeline, Command, Level string
	Findings                 []struct{ Level, Check, On, Seen, Fix string }
}

func (s *scene) checked(p *process) (c checkedPipeline) {
	s.Helper()
	if err := json.Unmarshal([]byte(p.out.String()), &c); err != nil {
		s.Fatalf("%v in %s", err, &p.out)
	}
	return c
}

func TestCheckGathersWhatIsInTheWay(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY, v text); CREATE TABLE keyless (v text)`)
		both := s.both()
		good := append([]string{"check", "--table", "public.*"}, both...)
		p := s.changesNothing(good...).exits(0, s.name+", for pgsluice run", "0 errors", "warning", "public.keyless has no primary key", "fix: ALTER TABLE")
		if strings.Contains(p.said(), "\x1b") {
			s.Errorf("there is colour without a terminal:\n%q", p.said())
		}
		c := s.checked(s.changesNothing(append(good, "--output", "json")...).exits(0))
		if c.Pipeline != s.name || c.Command != "run" || c.Level != "warning" || len(c.Findings) < 2 {
			s.Errorf("%+v", c)
		}
		if c := s.checked(s.changesNothing(append(good, "--load", "--output", "json")...).exits(0)); c.Command != "load" {
			s.Errorf("%+v", c)
		}
		s.nothingLeft()

		// One mistake of each sort, and all of them are told.
		config := s.configure(fmt.Sprintf(`source: {dsn: '%s'}
tables:
  - public.*
  - {name: public.t, exclude: [id], target: clash}
  - {name: public.other, where: nonsense = 1, target: clash}
  - {name: public.keyless, target: clash}
  - {name: public.nowhere, exclude: [x]}`, s.sourceDSN()))
		words := []string{"column id, which is part of its key", "nonsense", "would both be written to " + s.there("clash"), "public.nowhere"}
		s.changesNothing("check", "-c", config).exits(3, append(words, "5 errors")...)
		c = s.checked(s.changesNothing("check", "-c", config, "--output", "json").exits(3))
		for _, w := range words {
			if !slices.ContainsFunc(c.Findings, func(f struct{ Level, Check, On, Seen, Fix string }) bool {
				return f.Level == "error" && strings.Contains(f.Seen, w) && f.Check != ""
			}) {
				s.Errorf("no error says %q: %+v", w, c.Findings)
			}
		}
		s.changesNothing("check", "-c", config, "--output", "xml").exits(2, "xml")

		// Several pipelines are a list.
		second := filepath.Join(s.dir(), "second.yaml")
		text := fmt.Sprintf("name: second\nsource: {dsn: '%s'}\ntarget: {dsn: '%s'}\ntables: [public.t]\n", s.sourceDSN(), s.targetDSN())
		if err := os.WriteFile(second, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
		var list []checkedPipeline
		two := s.changesNothing("check", "-c", config, "-c", second, "--output", "json").exits(3)
		if err := json.Unmarshal([]byte(two.out.String()), &list); err != nil || len(list) != 2 || list[0].Level != "error" || list[1].Pipeline != "second" || list[1].Level == "error" {
			s.Errorf("%v: %+v", err, list)
		}
		s.nothingLeft()
	})
}

func TestCheckLooksAtOneSideWithoutTheOther(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE keyless (v text)`)
		nobody := s.nobody()
		noSource, noTarget := s.sourceAt(nobody), s.targetAt(nobody)
		check := func(source, target string) *process {
			return s.changesNothing(append([]string{"check", "--table", "public.*"}, s.flags(source, target)...)...)
		}
		connects := "connect to " + s.target.product() + " at " + nobody
		check(noSource, s.targetDSN()).exits(3, "connect to PostgreSQL at "+nobody, "refused", "fix: see that the server runs")
		check(s.sourceDSN(), noTarget).exits(3, connects, "public.keyless has no primary key")
		check(noSource, noTarget).exits(3, "connect to PostgreSQL at "+nobody, connects, "2 errors")
	})
}

// What check finds is what a run is refused for.
func TestARunIsRefusedForWhatCheckFinds(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)`)
		role, dsn := s.role("")
		seen := []string{"may not replicate", "may not read", "public.t", "public.other", "GRANT SELECT", fmt.Sprintf(`ALTER ROLE "%s" REPLICATION`, role)}
		for _, command := range []string{"check", "run"} {
			s.changesNothing(append([]string{command, "--table", "public.*"}, s.flags(dsn, s.targetDSN())...)...).exits(3, seen...)
		}
		s.nothingLeft()
		p := s.plan()
		p.Source = dsn
		found, err := sync.New(p.Config, nil).Check(s.ctx, false)
		if err != nil || found.Worst() != fault.LevelError {
			s.Errorf("%v, %+v", err, found)
		}
	})
}
