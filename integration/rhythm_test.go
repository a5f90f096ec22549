package integration

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
)

// A rhythm is how changes meet batches, restarts and failures. Whatever the
// rhythm, the target has to end as the source did.
type rhythm struct {
	name string
	// together: all steps are one transaction.
	together bool
	// starts: each step is caught up with by a run of its own.
	starts bool
	// streams: one run is under way, and each step is waited for.
	streams bool
	settle  func(*plan)
	// everywhere: on each PostgreSQL, and not on the newest alone.
	everywhere bool
}

var rhythms = []rhythm{
	{name: "a start for each step", starts: true},
	{name: "a batch for each step", streams: true, everywhere: true},
	{name: "one transaction", together: true},
	{name: "batches of one row", settle: func(p *plan) { p.MaxRows = 1 }},
	{name: "one transaction in batches of one row", together: true, settle: func(p *plan) { p.MaxRows = 1 }},
	{name: "failing after each write", settle: func(p *plan) {
		p.MaxRows = 3
		var script []applytest.Fault
		for _, nth := range []int{1, 3} {
			script = append(script, applytest.Fault{Method: applytest.Apply, Nth: nth, Kind: applytest.FailAfter},
				applytest.Fault{Method: applytest.Commit, Nth: nth, Kind: applytest.FailAfter})
		}
		faults(script...)(p)
	}},
}

// story is a source's history. Each step is statements that can be one
// transaction or part of one.
type story struct {
	setup  string
	steps  []string
	tables []string
	// check looks at more than that both sides are equal.
	check func(*scene)
}

// inEveryRhythm tells the story in each rhythm on the newest PostgreSQL, and in
// the one that has most to do with the server on the others.
func inEveryRhythm(t *testing.T, since int, st story) {
	t.Helper()
	for n, r := range rhythms {
		t.Run(r.name, func(t *testing.T) {
			if !r.everywhere {
				inTurns(t, n, func(s *scene) { s.tell(st, r) })
				return
			}
			onEveryMajor(t, since, func(s *scene) { s.tell(st, r) })
		})
	}
}

func (s *scene) tell(st story, r rhythm) {
	s.Helper()
	s.exec("%s", st.setup)
	var settle []func(*plan)
	if r.settle != nil {
		settle = append(settle, r.settle)
	}
	s.catchUp()
	steps := st.steps
	if r.together {
		steps = []string{"BEGIN;\n" + strings.Join(steps, ";\n") + ";\nCOMMIT"}
	}
	var under *running
	if r.streams {
		under = s.start(settle...).streaming()
	}
	for n, step := range steps {
		s.exec("%s", step)
		switch {
		case r.streams:
			under.here()
		case r.starts:
			s.catchUp(settle...)
		default:
			continue
		}
		s.equal(st.tables...)
		if s.Failed() {
			s.Fatalf("after step %d: %s", n+1, shorten(step))
		}
	}
	if under != nil {
		under.halt()
	}
	s.catchUp(settle...)
	s.equal(st.tables...)
	for _, t := range st.tables {
		if phase := s.state().Tables["public."+t].Phase; phase != apply.Streaming {
			s.Errorf("table %s is %s", t, phase)
		}
	}
	if st.check != nil {
		st.check(s)
	}
}
