package status

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// One answer is the whole page: nothing else is fetched, from here or elsewhere.
var (
	page = template.Must(template.New("page").Funcs(template.FuncMap{
		"count": asCount, "size": sizeOf, "seconds": seconds, "roughly": roughly, "moment": moment, "clip": clipped,
		"age": func(t time.Time) string { return roughly(max(0, time.Since(t))) },
	}).Parse(pageHTML))
	// policy lets the browser run and fetch only what the page brings with it,
	// whatever a name or a message may hold.
	policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; img-src data:; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'", hashed(pageCSS), hashed(pageJS))
)

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func asCount(n any) string {
	switch n := n.(type) {
	case int:
		return count(int64(n))
	case int64:
		return count(n)
	}
	return fmt.Sprint(n)
}

// sheet is all that the page is made of.
type sheet struct {
	Title string
	// Root is the way from the page to the first one: behind a proxy that need not
	// be /.
	Root      string
	At        string
	Others    []string
	Failed    int
	Pipelines []shown
	Style     template.CSS
	Script    template.JS
}

// shown is a pipeline on the page: the Whole of it, or what is said where there
// are several.
type shown struct {
	Pipeline
	Root      string
	Whole     bool
	Mood      string
	Rate      string
	Phases    string
	NearLimit bool
	Charts    []chart

	TableCount, FailedCount int
	// Broken are the first of the failed tables.
	Broken []Table
	listing
}

const mostBroken = 5

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	all := s.view()
	sheet := &sheet{Title: "pipelines"}
	if len(all) == 1 {
		sheet.Title = all[0].Name
	}
	for i := range all {
		sheet.add(s.shown(&all[i], r, len(all) == 1))
	}
	s.print(w, sheet, all)
}

func (s *Server) single(w http.ResponseWriter, r *http.Request) {
	all := s.view()
	i := slices.IndexFunc(all, func(p Pipeline) bool { return p.Name == r.PathValue("name") })
	if i < 0 {
		plainly(w, http.StatusNotFound, "there is no such pipeline")
		return
	}
	sheet := &sheet{Title: all[i].Name, Root: "../"}
	sheet.add(s.shown(&all[i], r, true))
	s.print(w, sheet, all)
}

func (s *sheet) add(p shown) {
	p.Root = s.Root
	s.Failed += p.FailedCount
	s.Pipelines = append(s.Pipelines, p)
}

func (s *Server) print(w http.ResponseWriter, sheet *sheet, all []Pipeline) {
	sheet.At, sheet.Style, sheet.Script = moment(time.Now()), template.CSS(pageCSS), template.JS(pageJS)
	sheet.Root = cmp.Or(sheet.Root, "./")
	if len(all) > 1 {
		for i := range all {
			sheet.Others = append(sheet.Others, all[i].Name)
		}
	}
	var b bytes.Buffer
	if err := page.Execute(&b, sheet); err != nil {
		s.log.Error("the page cannot be made", "error", err)
		plainly(w, http.StatusInternalServerError, "the page cannot be made; the log says why")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	_, _ = w.Write(b.Bytes())
}

func (s *Server) shown(p *Pipeline, r *http.Request, whole bool) shown {
	failed := p.failed()
	samples := s.history.of(p.Name)
	v := shown{
		Pipeline: *p, Whole: whole, Mood: mood(p.Stage), Phases: phases(p.Tables),
		NearLimit: p.RetainedLimit > 0 && p.RetainedBytes >= p.RetainedLimit/2, TableCount: len(p.Tables),
		FailedCount: len(failed), Broken: failed[:min(len(failed), mostBroken)],
	}
	if p.Error != "" && p.Stage != Streaming {
		v.Mood = "bad"
	}
	v.Rate = rate(samples, s.every)
	if whole {
		v.Charts = charts(samples, s.every, p.RetainedLimit)
		v.listing = list(p.Tables, r.URL.Query().Get("q"), r.URL.Query().Get("phase"), r.URL.Query().Get("page"))
	}
	return v
}

// order is that of what a person looks for.
var order = []string{Failed, "copying", "pending", "copied", Streaming}

func mood(stage string) string {
	switch stage {
	case Streaming, "copied":
		return "good"
	case Failed:
		return "bad"
	case "done", "pending":
		return ""
	}
	return "busy"
}

// phases counts the tables in each.
func phases(tables []Table) string {
	in := map[string]int{}
	for i := range tables {
		in[tables[i].Phase]++
	}
	var words []string
	for _, phase := range order {
		if in[phase] > 0 {
			words = append(words, asCount(in[phase])+" "+phase)
		}
	}
	return strings.Join(words, ", ")
}

// listing is a page of a table of tables.
type listing struct {
	Query, Phase       string
	AllPhases          []string
	Shown              []row
	Matching, From, To int
	Before, After      int // pages; 0 for none
}

type row struct {
	Table
	Mood     string
	Copying  bool
	Permille int64 // of the rows that are expected, those that are copied
}

// PerPage tables are listed at a time.
const PerPage = 100

func list(tables []Table, query, phase, page string) listing {
	l := listing{Query: query, Phase: phase, AllPhases: order}
	var found []Table
	for _, t := range tables {
		if (phase == "" || t.Phase == phase) && strings.Contains(strings.ToLower(t.Relation), strings.ToLower(query)) {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b Table) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Phase), slices.Index(order, b.Phase)), cmp.Compare(a.Relation, b.Relation))
	})
	pages := max(1, (len(found)+PerPage-1)/PerPage)
	n, _ := strconv.Atoi(page)
	n = min(max(n, 1), pages)
	from, to := (n-1)*PerPage, min(n*PerPage, len(found))
	for _, t := range found[from:to] {
		r := row{Table: t, Mood: mood(t.Phase), Copying: t.Phase == "copying" && t.OfRows > 0}
		if r.Copying {
			r.Permille = min(1000, t.Rows*1000/t.OfRows)
		}
		l.Shown = append(l.Shown, r)
	}
	l.Matching, l.From, l.To = len(found), min(from+1, to), to
	if n > 1 {
		l.Before = n - 1
	}
	if n < pages {
		l.After = n + 1
	}
	return l
}
