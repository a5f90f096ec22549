package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const pagePassword = "page-s3cret-of-the-page"

// watched is a run that can be looked at over HTTP.
type watched struct {
	*process
	at string // with a slash behind
}

var pageAt = regexp.MustCompile(`msg="page, metrics and health" url=(\S+)`)

// watch runs a configuration of two tables, of which public.bad does not take
// farDate, with a page.
func (s *scene) watch() *watched {
	s.Helper()
	file := filepath.Join(s.dir(), "page.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
name: %s
source: {dsn: %q}
target: {dsn: %q}
tables: [public.good, {name: public.bad%s}]
stream: {flush_interval: 20ms}
max_retained_wal: 100GiB
listen: 127.0.0.1:0
listen_auth: {user: ops, password: %s}
`, s.name, s.sourceDSN(), s.targetDSN(), differs(s, "", ", types: {d: varchar(10)}"), pagePassword), 0o600); err != nil {
		s.Fatal(err)
	}
	p := s.pgsluice("run", "-c", file)
	p.says("page, metrics and health")
	return &watched{process: p, at: pageAt.FindStringSubmatch(p.said())[1]}
}

// get asks as somebody who may, and wants no password in the answer.
func (w *watched) get(path string) (code int, body string) {
	w.s.Helper()
	r, err := http.NewRequestWithContext(w.s.ctx, http.MethodGet, w.at+path, nil)
	if err != nil {
		w.s.Fatal(err)
	}
	r.SetBasicAuth("ops", pagePassword)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		w.s.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		w.s.Fatal(err)
	}
	for _, secret := range []string{sourcePassword, targetPassword, pagePassword} {
		if strings.Contains(string(raw), secret) {
			w.s.Errorf("a password is in /%s:\n%s", path, raw)
		}
	}
	return answer.StatusCode, string(raw)
}

// shows wants words on the page.
func (w *watched) shows(words ...string) {
	w.s.Helper()
	_, body := w.get("")
	w.s.mentions(body, words...)
}

// ready waits until the pipeline is.
func (w *watched) ready() {
	w.s.Helper()
	w.s.eventually("/readyz answers 200", func() bool { code, _ := w.get("readyz"); return code == http.StatusOK })
}

// metric is a value of the pipeline's; labels as in {…}, in order. It is -1 where
// there is none.
func (w *watched) metric(name, labels string) float64 {
	w.s.Helper()
	_, body := w.get("metrics")
	if labels == "" {
		labels = fmt.Sprintf(`pipeline="%s"`, w.s.name)
	}
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, "pgsluice_"+name+"{"+labels+"} "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				w.s.Fatal(err)
			}
			return value
		}
	}
	return -1
}

// becomes waits until a metric has a value.
func (w *watched) becomes(name, labels string, value float64) {
	w.s.Helper()
	w.s.eventually(fmt.Sprintf("%s{%s} is %v", name, labels, value), func() bool { return w.metric(name, labels) == value })
}

func (w *watched) of(table, further string) string {
	return fmt.Sprintf(`%spipeline="%s",table="%s"`, further, w.s.name, table)
}

func TestARunCanBeWatched(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE good (id int PRIMARY KEY, v text); CREATE TABLE bad (id int PRIMARY KEY, d date);
			INSERT INTO good SELECT n, 'x' FROM generate_series(1, 1000) n; INSERT INTO bad VALUES (1, '2024-01-01')`)
		w := s.watch()
		if answer, err := http.Get(w.at + "metrics"); err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusUnauthorized {
			s.Errorf("without a password: %v %v", answer, err)
		}
		w.ready()
		w.becomes("rows_loaded_total", w.of("public.good", ""), 1000)
		s.watchCounts(w)
		s.watchFailure(w)
		s.watchAttempts(w)

		address := strings.TrimSuffix(strings.TrimPrefix(w.at, "http://"), "/")
		s.pgsluice(append([]string{"run", "--table", "public.*", "--listen", address}, s.both()...)...).exits(2, "listen for the page", "in use")
		w.signal(syscall.SIGHUP)
		w.says("going on with the configuration that was read again")
		w.ready()
		w.signal(syscall.SIGTERM)
		w.exits(0)
		if _, err := http.Get(w.at + "healthz"); err == nil {
			s.Error("the page answers when the run is over")
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

// watchCounts wants every change of the source counted, and what is known when
// nothing is behind.
func (s *scene) watchCounts(w *watched) {
	s.Helper()
	s.exec(`INSERT INTO good SELECT n, 'y' FROM generate_series(2001, 2010) n; UPDATE good SET v = 'z' WHERE id <= 5; DELETE FROM good WHERE id IN (6, 7, 8)`)
	for op, n := range map[string]float64{"insert": 10, "update": 5, "delete": 3, "truncate": 0} {
		w.becomes("rows_applied_total", w.of("public.good", fmt.Sprintf(`op="%s",`, op)), n)
	}
	if n := w.metric("batches_total", ""); n < 1 || w.metric("batch_rows_count", "") != n || w.metric("batch_apply_seconds_count", "") != n {
		s.Errorf("%v batches, and others in the histograms", n)
	}
	if sum := w.metric("batch_rows_sum", ""); sum != 18 {
		s.Errorf("the batches had %v rows", sum)
	}
	if took := w.metric("batch_apply_seconds_sum", ""); took <= 0 || took > 600 {
		s.Errorf("the batches took %v s", took)
	}
	if ago := float64(time.Now().Unix()) - w.metric("last_commit_timestamp_seconds", ""); ago < -1 || ago > 600 {
		s.Errorf("the last commit was %v s ago", ago)
	}
	// Somebody else's log moves on, and a pipeline that has nothing to do is not behind.
	s.exec(`CREATE TABLE elsewhere AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)`)
	w.becomes("apply_lag_seconds", "", 0)
	w.becomes("source_lag_bytes", "", 0)
	for range 20 {
		if lag := w.metric("apply_lag_seconds", ""); lag > 5 { // others keep the source busy
			s.Errorf("an idle pipeline is %v s behind", lag)
		}
	}
	s.eventually("the slot is seen to keep log", func() bool { return w.metric("source_retained_wal_bytes", "") > 0 })
	if _, body := w.get("status"); !json.Valid([]byte(body)) || !strings.Contains(body, `"rows_applied": 18`) {
		s.Error(body)
	}
}

// watchFailure wants a table that fails to be on the page, with why, and the
// pipeline ready all the same.
func (s *scene) watchFailure(w *watched) {
	s.Helper()
	w.becomes("table_state", fmt.Sprintf(`pipeline="%s",state="streaming",table="public.bad"`, s.name), 1)
	s.exec(`INSERT INTO bad VALUES (42, '%s')`, farDate)
	w.becomes("table_state", fmt.Sprintf(`pipeline="%s",state="failed",table="public.bad"`, s.name), 1)
	s.eventually("the reason is on the page", func() bool { _, body := w.get(""); return strings.Contains(body, farDate) })
	w.shows("1 of 2 tables failed", "public.bad", "column d", "What to do:", "of at most 100 GiB")
	_, body := w.get("metrics")
	if !regexp.MustCompile(`pgsluice_errors_total\{class="\w+",pipeline="` + s.name + `"\} 1\n`).MatchString(body) {
		s.Errorf("the failure is not counted:\n%s", body)
	}
	if code, body := w.get("readyz"); code != http.StatusOK {
		s.Errorf("one table failed, and /readyz says %d %s", code, body)
	}
	source, err := url.Parse(s.sourceDSN())
	if err != nil {
		s.Fatal(err)
	}
	w.shows("source.dsn", source.Host, "stream.flush_interval", "20ms", "max_retained_wal")
}

// watchAttempts wants to see that an attempt ended, and that the next one is well.
func (s *scene) watchAttempts(w *watched) {
	s.Helper()
	w.becomes("attempts_total", "", 1)
	s.exec(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot())
	w.becomes("attempts_total", "", 2)
	w.becomes("errors_total", fmt.Sprintf(`class="connection",pipeline="%s"`, s.name), 1)
	w.ready()
	if _, body := w.get("status"); strings.Contains(body, "terminating connection") {
		s.Errorf("the error of an attempt that is over stands with one that is well:\n%s", body)
	}
}
