package status

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gathered are the metrics of pipelines, by name.
func gathered(t *testing.T, all ...Pipeline) map[string]*dto.MetricFamily {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(collector(func() []Pipeline { return all })); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return byName
}

// promised are the metrics, with their labels.
var promised = map[string]string{
	"pgsluice_source_lag_bytes":              "pipeline",
	"pgsluice_source_retained_wal_bytes":     "pipeline",
	"pgsluice_apply_lag_seconds":             "pipeline",
	"pgsluice_rows_applied_total":            "op pipeline table",
	"pgsluice_rows_loaded_total":             "pipeline table",
	"pgsluice_batches_total":                 "pipeline",
	"pgsluice_batch_rows":                    "pipeline",
	"pgsluice_batch_apply_seconds":           "pipeline",
	"pgsluice_table_state":                   "pipeline state table",
	"pgsluice_values_adjusted_total":         "column pipeline reason table",
	"pgsluice_errors_total":                  "class pipeline",
	"pgsluice_attempts_total":                "pipeline",
	"pgsluice_last_commit_timestamp_seconds": "pipeline",
}

func TestTheMetricsAreThosePromised(t *testing.T) {
	found := gathered(t, made(3))
	for name, labels := range promised {
		f := found[name]
		if f == nil {
			t.Errorf("there is no %s", name)
			continue
		}
		var names []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			names = append(names, l.GetName())
		}
		if got := strings.Join(names, " "); got != labels {
			t.Errorf("%s has the labels %s, want %s", name, got, labels)
		}
		delete(found, name)
	}
	for name := range found {
		t.Errorf("nobody has promised %s", name)
	}
}

func TestTheMetricsSayWhatIsSo(t *testing.T) {
	other := made(3)
	other.Name, other.LagSeconds = "other", 12.5
	url, _ := shows(t, nil, made(3), other)
	body, _ := get(t, url+"/metrics", http.StatusOK)
	mentions(t, body,
		`pgsluice_source_lag_bytes{pipeline="shop"} 123456`,
		`pgsluice_apply_lag_seconds{pipeline="other"} 12.5`,
		`pgsluice_rows_applied_total{op="update",pipeline="shop",table="public.prices"} 4`,
		`pgsluice_rows_applied_total{op="truncate",pipeline="shop",table="public.prices"} 2`,
		`pgsluice_rows_loaded_total{pipeline="shop",table="public.events"} 250`,
		`pgsluice_batch_rows_bucket{pipeline="shop",le="10"} 20`,
		`pgsluice_batch_rows_bucket{pipeline="shop",le="+Inf"} 40`,
		`pgsluice_batch_rows_sum{pipeline="shop"} 5000`,
		`pgsluice_batch_apply_seconds_count{pipeline="shop"} 40`,
		`pgsluice_table_state{pipeline="shop",state="failed",table="public.\"<script>`,
		`pgsluice_values_adjusted_total{column="price",pipeline="shop",reason="numeric is NaN",table="public.prices"} 7`,
		`pgsluice_errors_total{class="connection",pipeline="shop"} 3`,
		`pgsluice_attempts_total{pipeline="shop"} 2`,
		`go_goroutines`, `process_resident_memory_bytes`)
}

func TestOddNamesDoNotHideTheOthers(t *testing.T) {
	p := made(3)
	p.Tables[1].Relation = "public.\xff\xfe"
	twice := p.Tables[2]
	twice.Rows = 77
	p.Tables = append(p.Tables, twice)
	url, _ := shows(t, nil, p)
	body, _ := get(t, url+"/metrics", http.StatusOK)
	mentions(t, body, `pgsluice_apply_lag_seconds{pipeline="shop"} 0.25`, `table="public.prices"`, "public.\uFFFD")
}

func TestReadyIsWhatStreamsAndIsNotFarBehind(t *testing.T) {
	well := made(3)
	for name, c := range map[string]struct {
		change func(*Pipeline)
		says   string
	}{
		"streaming, with a failed table": {func(*Pipeline) {}, ""},
		"just within the limit":          {func(p *Pipeline) { p.LagSeconds = 60 }, ""},
		"far behind":                     {func(p *Pipeline) { p.LagSeconds = 90 }, "pipeline shop is 90.0 s behind, and ready_lag is 60.0 s"},
		"behind a limit of its own":      {func(p *Pipeline) { p.ReadyLag = 100 * time.Millisecond }, "is 250 ms behind"},
		"loading":                        {func(p *Pipeline) { p.Stage = "loading" }, "pipeline shop does not stream: it is loading"},
		"standing by":                    {func(p *Pipeline) { p.Stage = "standing by" }, "it is standing by"},
		"ended":                          {func(p *Pipeline) { p.Running = false }, "pipeline shop has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			p := made(3)
			c.change(&p)
			code := http.StatusOK
			if c.says != "" {
				code = http.StatusServiceUnavailable
			}
			other := well
			other.Name = "other"
			url, _ := shows(t, nil, other, p)
			body, _ := get(t, url+"/readyz", code)
			mentions(t, body, c.says)
			if strings.Contains(body, "other") {
				t.Errorf("the other is well: %s", body)
			}
			get(t, url+"/healthz", http.StatusOK)
		})
	}
}

func TestTheJSONIsThatOfTheCommand(t *testing.T) {
	url, _ := shows(t, nil, made(3))
	body, header := get(t, url+"/status", http.StatusOK)
	var one struct {
		Pipeline string
		Running  bool
		Slot     string
		Lag      int64   `json:"lag_bytes"`
		Seconds  float64 `json:"lag_seconds"`
		Retained int64   `json:"retained_wal_bytes"`
		Tables   []struct{ Relation, Target, Phase, Reason, Hint string }
	}
	if err := json.Unmarshal([]byte(body), &one); err != nil {
		t.Fatal(err)
	}
	if one.Pipeline != "shop" || !one.Running || one.Slot != "pgsluice_shop" || one.Lag != 123456 || one.Seconds != 0.25 || one.Retained != 3<<30 ||
		len(one.Tables) != 3 || one.Tables[0].Relation != hostile || one.Tables[0].Phase != "failed" || one.Tables[0].Hint == "" {
		t.Errorf("%+v", one)
	}
	if kind := header.Get("Content-Type"); kind != "application/json" {
		t.Error(kind)
	}
	url, _ = shows(t, nil, made(0), made(0))
	body, _ = get(t, url+"/status", http.StatusOK)
	var several []map[string]any
	if err := json.Unmarshal([]byte(body), &several); err != nil || len(several) != 2 {
		t.Errorf("%v: %s", err, body)
	}
}
