package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

// A directory is enough of a target, and reading rights are enough of a source.
func TestALoadIntoADirectoryByAReader(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 1000) n`)
		role, dsn := s.role("")
		s.exec(`GRANT SELECT ON t TO %s`, role)
		p := s.pgsluice("load", "--source", dsn, "--table", "public.*") // neither target nor name
		p.exits(0, "no --target is given", "embedded:./pgsluice-warehouse", "/play", "table=public.t", "rows=1000")
		if _, err := os.Stat(filepath.Join(s.dir(), "pgsluice-warehouse")); err != nil {
			s.Error(err)
		}
		s.pgsluice("status", "--source", dsn).exits(0, s.name, "one-shot load", "public.t", "copied", "1,000")
		s.pgsluice("load", "--source", dsn, "--table", "public.*").exits(3, "has loaded all of its 1 tables")
		s.pgsluice("drop", "--source", dsn, "--with-data").exits(0)
		p = s.pgsluice("load", "--source", dsn, "--table", "public.*", "--target", "embedded:elsewhere")
		p.exits(0, "table=public.t")
		s.pgsluice("status", "--source", dsn, "--target", "embedded:nowhere").exits(3, "there is no warehouse in", "nowhere")
		s.nothingOnSource()
	})
}

func TestAnEmbeddedTargetCanBeAskedWhileItRuns(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 100) n`)
		args := []string{"--name", s.name, "--source", s.sourceDSN(), "--target", "embedded:./warehouse"}
		run := append([]string{"run", "--table", "public.*", "--flush-interval", "0"}, args...)
		p := s.pgsluice(run...).says("msg=streaming")
		address := regexp.MustCompile(`http://[0-9.:]+`).FindString(p.said())
		ask := func(sql string) string {
			answer, err := web.Get(address + "/?query=" + strings.ReplaceAll(sql, " ", "%20"))
			if err != nil {
				s.Fatal(err)
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusOK {
				s.Fatalf("%s: %v %s", sql, err, text)
			}
			return strings.TrimSpace(string(text))
		}
		s.exec(`INSERT INTO t VALUES (101, 'streamed')`)
		s.eventually("the row is there", func() bool { return ask("SELECT count() FROM t FINAL") == "101" })
		status := s.pgsluice(append([]string{"status", "--output", "json"}, args...)...)
		status.exits(0)
		var found sync.Status
		if err := json.Unmarshal([]byte(status.out.String()), &found); err != nil || !found.Running {
			s.Errorf("%v: %+v", err, found)
		}
		s.pgsluice(run...).exits(3, "warehouse", "one pgsluice at a time")
		// The engine goes with the program that was killed, and the next start
		// goes on.
		p.kill()
		s.exec(`INSERT INTO t VALUES (102, 'after the kill')`)
		s.eventually("the directory is free", func() bool {
			last := s.pgsluice(append(run, "--until", "caught-up")...)
			return last.wait() == 0
		})
		s.pgsluice(append([]string{"status"}, args...)...).exits(0, "not running", "public.t", "streaming")
		s.pgsluice(append([]string{"drop", "--with-data"}, args...)...).exits(0)
		s.nothingOnSource()
	})
}
