package status

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// healthy: the process answers.
func healthy(w http.ResponseWriter, _ *http.Request) {
	plainly(w, http.StatusOK, "alive")
}

// ready answers 200 when every pipeline streams and none is far behind, and 503
// with what is not so.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	all := s.view()
	var not []string
	for i := range all {
		if why := all[i].unready(); why != "" {
			not = append(not, fmt.Sprintf("pipeline %s %s", all[i].Name, why))
		}
	}
	switch {
	case len(all) == 0:
		plainly(w, http.StatusServiceUnavailable, "no pipeline has begun yet")
	case len(not) > 0:
		plainly(w, http.StatusServiceUnavailable, strings.Join(not, "\n"))
	default:
		plainly(w, http.StatusOK, "ready")
	}
}

// unready is what stands in the way of a pipeline's being ready; empty where
// nothing does. Tables that failed do not: the others go on.
func (p *Pipeline) unready() string {
	switch {
	case !p.Running:
		return "has ended"
	case p.Stage != Streaming:
		return "does not stream: it is " + p.Stage
	case p.LagSeconds > p.ReadyLag.Seconds():
		return fmt.Sprintf("is %s behind, and ready_lag is %s", seconds(p.LagSeconds), seconds(p.ReadyLag.Seconds()))
	}
	return ""
}

func plainly(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// asJSON gives one object for one pipeline, a list for several, as `pgsluice status
// --output json` does.
func (s *Server) asJSON(w http.ResponseWriter, _ *http.Request) {
	all := s.view()
	for i := range all {
		if all[i].Tables == nil {
			all[i].Tables = []Table{}
		}
	}
	var what any = all
	switch len(all) {
	case 0:
		what = []Pipeline{}
	case 1:
		what = all[0]
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(what) // who went away meanwhile is not told
}
