package status

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile is a name as PostgreSQL allows it.
const hostile = `public."<script>alert('x')</script> & ""quoted"""`

// made is a pipeline of which everything that can be shown is there.
func made(tables int) Pipeline {
	p := Pipeline{
		Name: "shop", Slot: "pgsluice_shop", Publication: "pgsluice_shop", Running: true, Stage: Streaming, Since: time.Now().Add(-90 * time.Minute),
		Watermark: "16/B374D848", LastCommit: time.Now().Add(-time.Second), LagBytes: 123_456, LagSeconds: 0.25,
		RetainedBytes: 3 << 30, RetainedLimit: 5 << 30, ReadyLag: time.Minute,
		Attempts: 2, Errors: map[string]int64{"connection": 3}, Loaded: 1_234_567, Applied: 7_654_321, Batches: 40,
		BatchRows:    Histogram{Bounds: []float64{1, 10, 100}, Counts: []uint64{10, 10, 10, 10}, Sum: 5000},
		BatchSeconds: Histogram{Bounds: []float64{0.01, 0.1, 1}, Counts: []uint64{30, 10, 0, 0}, Sum: 0.7},
		Schedule: []Schedule{{
			What: "resync of all tables", At: "0 3 * * 0", Next: time.Now().Add(30 * time.Hour), Last: time.Now().Add(-138 * time.Hour),
			Took: 12 * time.Minute, Outcome: "3 tables, 1,234,567 rows",
		}},
		Config: []Setting{{"source.dsn", "postgres://pgsluice@db:5432/shop"}, {"stream.flush_interval", "500ms"}},
	}
	p.Tables = append(p.Tables,
		Table{Relation: hostile, Target: "odd", Phase: Failed, Reason: "value <b>infinity</b> of column price", Hint: "choose on_unrepresentable: null or clamp", Rows: 10},
		Table{Relation: "public.events", Target: "events", Phase: "copying", Rows: 250, OfRows: 1000, Bytes: 5 << 20},
		Table{
			Relation: "public.prices", Target: "prices", Phase: Streaming, Rows: 10, Inserted: 5, Updated: 4, Deleted: 3, Truncated: 2,
			Adjusted: []Adjustment{{Column: "price", Reason: "numeric is NaN", Count: 7}},
		})
	for i := len(p.Tables); i < tables; i++ {
		p.Tables = append(p.Tables, Table{Relation: fmt.Sprintf("public.t%04d", i), Target: fmt.Sprintf("t%04d", i), Phase: Streaming, Rows: int64(i), Inserted: int64(i)})
	}
	return p
}

// shows serves a view, with options that change may change, until the test ends.
func shows(t *testing.T, change func(*Options), all ...Pipeline) (address string, s *Server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{View: func() []Pipeline { return append([]Pipeline(nil), all...) }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&o)
	}
	if s, err = Serve(listener, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return "http://" + listener.Addr().String(), s
}

// get wants a status and gives what came with it.
func get(t *testing.T, url string, code int) (body string, header http.Header) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != code {
		t.Fatalf("%s: %s, want %d\n%s", url, answer.Status, code, raw)
	}
	return string(raw), answer.Header
}

// mentions wants each of the words in a text.
func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%.3000s", w, text)
		}
	}
}
