package status

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestThePageShowsWhatIsWrongFirst(t *testing.T) {
	url, _ := shows(t, nil, made(3))
	body, header := get(t, url+"/", http.StatusOK)
	mentions(t, body, "1 of 3 tables failed", "choose on_unrepresentable", "16/B374D848", "3.0 GiB", "of at most 5.0 GiB",
		"7,654,321 applied", "resync of all tables", "0 3 * * 0", "postgres://pgsluice@db:5432/shop", "7 values of price were adjusted")
	if failed, charts := strings.Index(body, "tables failed"), strings.Index(body, "<svg"); failed > charts {
		t.Error("what failed stands below the charts")
	}
	if kind := header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		t.Error(kind)
	}
}

func TestNothingOfANameOrAMessageIsHTML(t *testing.T) {
	p := made(3)
	p.Stage, p.Error, p.Hint = "waiting to try again", `<img src=x onerror=alert(1)>`, `</style><script>alert(2)</script>`
	p.Config = append(p.Config, Setting{"where", `a < '</table>'`})
	url, _ := shows(t, nil, p)
	body, header := get(t, url+"/p/shop?q=%22%3E%3Cscript%3E&phase=%3Cb%3E", http.StatusOK)
	if n := strings.Count(body, "<script>"); n != 1 {
		t.Errorf("%d scripts, and the page has one", n)
	}
	for _, tag := range []string{"<img", "<b>infinity", "<b>\"", "</table>'"} {
		if strings.Contains(body, tag) {
			t.Errorf("%s is in the page as it stands", tag)
		}
	}
	body, _ = get(t, url+"/p/shop", http.StatusOK)
	mentions(t, body, "&lt;script&gt;alert(", "&lt;img src=x")
	mentions(t, header.Get("Content-Security-Policy"), "default-src 'none'", "script-src 'sha256-", "frame-ancestors 'none'")
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	url, _ := shows(t, nil, made(3))
	body, _ := get(t, url+"/", http.StatusOK)
	for _, m := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if strings.Contains(m[1], "//") {
			t.Errorf("%s leads elsewhere", m[1])
		}
	}
}

func TestManyTablesComeInPages(t *testing.T) {
	url, _ := shows(t, nil, made(2000))
	rows := func(body string) int { return strings.Count(body, `data-of="size"`) }
	body, _ := get(t, url+"/", http.StatusOK)
	if n := rows(body); n != PerPage {
		t.Errorf("%d tables on the first page, want %d", n, PerPage)
	}
	if len(body) > 200_000 {
		t.Errorf("the page has %d bytes", len(body))
	}
	mentions(t, body, "1–100 of 2,000", "page=2&amp;", "1,998 streaming")
	if first, other := strings.Index(body, `class="name">public.&#34;&lt;script`), strings.Index(body, `class="name">public.events`); first < 0 || first > other {
		t.Error("the failed table is not the first in the list")
	}
	body, _ = get(t, url+"/?page=20", http.StatusOK)
	mentions(t, body, "1,901–2,000 of 2,000", "public.t1999", "page=19&amp;")
	body, _ = get(t, url+"/?page=1000000", http.StatusOK)
	mentions(t, body, "public.t1999")
	body, _ = get(t, url+"/?q=T19&phase=streaming", http.StatusOK)
	mentions(t, body, "1–100 of 100", "public.t1900")
	body, _ = get(t, url+"/?phase=failed", http.StatusOK)
	mentions(t, body, "1–1 of 1")
	body, _ = get(t, url+"/?q=nosuchtable", http.StatusOK)
	mentions(t, body, "0–0 of 0")
}

func TestOfManyFailedTablesTheFirstAreOnTop(t *testing.T) {
	p := made(0)
	for i := range 500 {
		p.Tables = append(p.Tables, Table{Relation: fmt.Sprintf("public.t%d", i), Phase: Failed, Reason: strings.Repeat("x", 100_000)})
	}
	url, _ := shows(t, nil, p)
	body, _ := get(t, url+"/", http.StatusOK)
	mentions(t, body, "501 of 503 tables failed", "All 501 of them", "?phase=failed#tables")
	if len(body) > 400_000 {
		t.Errorf("the page has %d bytes", len(body))
	}
}

func TestSeveralPipelinesAreOnOnePage(t *testing.T) {
	other := made(5)
	other.Name, other.Tables = "other", other.Tables[1:]
	url, _ := shows(t, nil, made(3), other)
	body, _ := get(t, url+"/", http.StatusOK)
	mentions(t, body, `id="p-shop"`, `id="p-other"`, `href="./p/other"`, "1 of 3 tables failed")
	if strings.Contains(body, "<svg") {
		t.Error("the first page of several has charts")
	}
	body, _ = get(t, url+"/p/other", http.StatusOK)
	mentions(t, body, `<svg`, `href="../p/shop"`, "public.t0004")
	if strings.Contains(body, "tables failed") {
		t.Error("what failed in the one is shown with the other")
	}
	get(t, url+"/p/third", http.StatusNotFound)
	get(t, url+"/elsewhere", http.StatusNotFound)
}

func TestBeforeAnythingHasBegun(t *testing.T) {
	url, _ := shows(t, nil)
	body, _ := get(t, url+"/", http.StatusOK)
	mentions(t, body, "No pipeline has begun yet")
	body, _ = get(t, url+"/status", http.StatusOK)
	mentions(t, body, "[]")
	get(t, url+"/readyz", http.StatusServiceUnavailable)
	get(t, url+"/metrics", http.StatusOK)
	url, _ = shows(t, nil, Pipeline{Name: "new", Running: true, Stage: "starting"})
	body, _ = get(t, url+"/", http.StatusOK)
	mentions(t, body, "starting", "none yet", "no commit yet")
}

func TestNothingCanBeChanged(t *testing.T) {
	url, _ := shows(t, nil, made(3))
	for _, path := range []string{"/", "/p/shop", "/metrics", "/status", "/readyz", "/healthz"} {
		answer, err := http.Post(url+path, "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %s", path, answer.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTheSamplesAreBounded(t *testing.T) {
	h := &history{rings: map[string]*ring{}}
	p := made(3)
	at := time.Now()
	for i := range 2*Samples + 7 {
		p.Applied = int64(i)
		h.look(at.Add(time.Duration(i)*time.Second), []Pipeline{p})
	}
	samples := h.of(p.Name)
	if len(samples) != Samples {
		t.Fatalf("%d samples", len(samples))
	}
	for i := 1; i < len(samples); i++ {
		if !samples[i].at.After(samples[i-1].at) {
			t.Fatalf("sample %d is older than the one before", i)
		}
	}
	if last := samples[len(samples)-1]; last.applied != float64(p.Applied) {
		t.Errorf("the last sample has %f rows", last.applied)
	}
	h.look(at, nil)
	if len(h.rings) != 0 {
		t.Error("samples of a pipeline that is no more are kept")
	}
}

func TestTheSamplerLooksByItself(t *testing.T) {
	_, s := shows(t, func(o *Options) { o.Every = time.Millisecond }, made(3))
	tick, deadline := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for len(s.history.of("shop")) < 3 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("there are no samples")
		}
	}
}
