package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// Tables are copied anew again and again under a workload: a reader sees all rows at
// any moment, and in the end both sides are equal.
func TestResyncsOnASchedule(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.openBank(2000)
		s.exec(`CREATE TABLE never (id int PRIMARY KEY); INSERT INTO never SELECT generate_series(1, 500)`)
		config := filepath.Join(s.dir(), "scheduled.yaml")
		text := fmt.Sprintf("name: %s\nsource: {dsn: %q}\ntarget: {dsn: %q}\ntables: [\"public.*\"]\nstream: {flush_interval: 20ms}\nschedule: {resync: \"@every 3s\"}\n", s.name, s.sourceDSN(), s.targetDSN())
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
		w := s.work(1, 2000, 9)
		p := s.pgsluice("run", "-c", config)
		p.says("msg=streaming")
		runs := regexp.MustCompile(`a scheduled run has ended.*outcome="5 tables copied"`)
		s.eventually("three runs", func() bool {
			if n := s.count("never"); n != "500" {
				s.Fatalf("a reader sees %s rows", n)
			}
			return len(runs.FindAllString(p.said(), -1)) >= 3
		})
		w.stop()
		p.signal(syscall.SIGTERM)
		p.exits(0)
		s.pgsluice("run", "-c", config, "--until", "caught-up").exits(0)
		s.equal(append(bankTables, "never")...)
		s.pgsluice("status", "-c", config).exits(0, "scheduled resync", "5 tables copied")
	})
}
