package status

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile("../docs/operations/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

var named = regexp.MustCompile(`pgsluice_[a-z_]+`)

// known says whether a metric is one of those promised, or a part of one.
func known(name string) bool {
	for _, part := range []string{"", "_bucket", "_sum", "_count"} {
		whole, cut := strings.CutSuffix(name, part)
		if _, ok := promised[whole]; ok && cut && (part == "" || strings.HasPrefix(whole, "pgsluice_batch_")) {
			return true
		}
	}
	return false
}

func TestTheDocumentationNamesEveryMetricAndNoOther(t *testing.T) {
	text := read(t, "monitoring.md")
	for name, labels := range promised {
		var behind []string
		for label := range strings.FieldsSeq(labels) {
			if label != "pipeline" {
				behind = append(behind, "`"+label+"`")
			}
		}
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\|([^|]*)\\|").FindStringSubmatch(text)
		if row == nil {
			t.Errorf("monitoring.md does not say what %s is", name)
			continue
		}
		said := strings.FieldsFunc(row[1], func(r rune) bool { return r == ' ' || r == ',' })
		slices.Sort(said)
		if !slices.Equal(said, behind) {
			t.Errorf("monitoring.md says that %s has the labels %q, and it has %q", name, said, behind)
		}
	}
	for _, name := range named.FindAllString(text, -1) {
		if !known(name) {
			t.Errorf("monitoring.md names %s, which there is not", name)
		}
	}
}

func TestTheAlertsAreOfMetricsThatThereAre(t *testing.T) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, "alerts.yml")))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	text, n := read(t, "monitoring.md"), 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			n++
			if r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%s has no summary or no severity", r.Alert)
			}
			if !strings.Contains(text, "**"+r.Alert) {
				t.Errorf("monitoring.md does not say what to do about %s", r.Alert)
			}
			of(t, r.Alert, r.Expr)
		}
	}
	if n == 0 {
		t.Error("there are no alerts")
	}
}

func TestTheDashboardIsOfMetricsThatThereAre(t *testing.T) {
	var file struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &file); err != nil {
		t.Fatal(err)
	}
	shown, taken, ids := "", map[[2]int]string{}, map[int]bool{}
	for _, p := range file.Panels {
		if len(p.Targets) == 0 || p.Title == "" || ids[p.ID] {
			t.Errorf("panel %q shows nothing, or has no title or the number of another", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			of(t, p.Title, target.Expr)
			shown += target.Expr + "\n"
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Errorf("panel %s lies on %q, or outside", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	for name := range promised {
		if !strings.Contains(shown, name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// of wants an expression to be of metrics that there are.
func of(t *testing.T, what, expr string) {
	t.Helper()
	for _, name := range named.FindAllString(expr, -1) {
		if !known(name) {
			t.Errorf("%s is of %s, which there is not", what, name)
		}
	}
	if !strings.Contains(expr, "pgsluice") {
		t.Errorf("%s is not of pgsluice: %s", what, expr)
	}
}
