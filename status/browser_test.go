//go:build browser

package status

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// picturesEnv names the directory that pictures of the page are put into.
const picturesEnv = "PGSLUICE_TEST_PICTURES"

// lively serves pipelines that have run for half an hour, and go on: everything
// that a chart can show is in it.
func lively(t *testing.T, all ...Pipeline) string {
	t.Helper()
	url, s := shows(t, func(o *Options) { o.Every = time.Hour }, all...)
	now := time.Now()
	for n := range Samples {
		x := float64(n) / 40
		for i := range all {
			p := &all[i]
			p.Applied += int64(9000 * (1.2 + math.Sin(x)))
			p.Batches += 6
			p.BatchRows.Sum += 9000 * (1.2 + math.Sin(x))
			p.BatchSeconds.Sum += 0.3 + 0.2*math.Sin(x/3)
			p.LagSeconds = 0.4 + 0.3*math.Sin(x*2)
			p.LagBytes = int64(4e6 * (1.1 + math.Sin(x*2)))
			p.RetainedBytes = int64(2e9 + 1e9*x/15)
		}
		s.history.look(now.Add(time.Duration(n-Samples)*DefaultEvery), all)
	}
	return url
}

// chromium runs a browser on a page, and gives what it prints.
func chromium(t *testing.T, args ...string) (out string) {
	t.Helper()
	path := ""
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium: install one, or name it in CHROMIUM")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--log-level=0", "--user-data-dir=" + t.TempDir(),
	}, args...)...)
	var said bytes.Buffer
	c.Stderr = &said
	printed, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the browser says: %s", line)
		}
	}
	return string(printed)
}

// TestPictures makes pictures to be looked at, on a desk and on a phone.
func TestPictures(t *testing.T) {
	dir := os.Getenv(picturesEnv)
	if dir == "" {
		dir = t.TempDir()
	}
	waiting := made(8)
	waiting.Name, waiting.Stage, waiting.Since = "billing", "waiting to try again", time.Now().Add(-7*time.Second)
	waiting.Error, waiting.Hint = "connect to the target: dial tcp 10.1.2.3:9000: connect: connection refused", "see that the server runs, and that host and port are those of the target's DSN"
	for name, url := range map[string]string{
		"one": lively(t, made(40)) + "/", "several": lively(t, made(40), waiting) + "/", "waiting": lively(t, waiting) + "/",
		"many": lively(t, made(2000)) + "/?page=3",
	} {
		for device, window := range map[string]string{"desk": "1280,1800", "phone": "500,2600", "narrow": "390,2600"} {
			path := filepath.Join(dir, name+"-"+device+".png")
			chromium(t, "--window-size="+window, "--screenshot="+path, url)
			if info, err := os.Stat(path); err != nil || info.Size() < 10_000 {
				t.Errorf("picture %s: %v", path, err)
			}
		}
	}
}

// TestThePageRefreshesItself: the browser runs the script, and the page takes up
// what has changed.
func TestThePageRefreshesItself(t *testing.T) {
	var looks atomic.Int64
	url, _ := shows(t, func(o *Options) {
		o.Every = time.Hour
		o.View = func() []Pipeline {
			p := made(3)
			p.Watermark = fmt.Sprintf("0/%d", looks.Add(1))
			return []Pipeline{p}
		}
	})
	dom := chromium(t, "--virtual-time-budget=10000", "--dump-dom", url+"/")
	for _, old := range []string{"0/1<", "0/2<"} {
		if strings.Contains(dom, old) {
			t.Errorf("the page still shows its first watermark, %s", old)
		}
	}
	mentions(t, dom, "<dd>0/")
	if looks.Load() < 4 {
		t.Errorf("the page was asked for %d times", looks.Load()-1)
	}
}

// promtool has Prometheus's own checker read something.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("there is no promtool: it comes with Prometheus")
	}
	c := exec.CommandContext(t.Context(), path, args...)
	c.Stdin = strings.NewReader(input)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusTakesTheMetrics(t *testing.T) {
	url, _ := shows(t, nil, made(2000))
	body, _ := get(t, url+"/metrics", 200)
	promtool(t, body, "check", "metrics")
}

func TestPrometheusTakesTheAlerts(t *testing.T) {
	promtool(t, "", "check", "rules", "../docs/operations/alerts.yml")
	promtool(t, "", "test", "rules", "testdata/alerts_test.yml")
}

func TestPrometheusTakesTheDashboard(t *testing.T) {
	var file struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &file); err != nil {
		t.Fatal(err)
	}
	var rules []map[string]string
	for _, p := range file.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$pipeline", ".*").Replace(target.Expr)
			rules = append(rules, map[string]string{"record": fmt.Sprintf("panel%d", len(rules)), "expr": expr})
		}
	}
	raw, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yml") // JSON is YAML
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", path)
}
