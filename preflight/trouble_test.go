package preflight

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgsluice/pgsluice/internal/fault"
)

// trouble is something that a check has to find, and that is gone when what the
// finding prints has been done.
type trouble struct {
	name         string
	since, until int    // majors; 0 for any
	role         string // options of the role that checks; empty for the superuser
	setup        string // statements, as the superuser
	patterns     []string
	wish         func(*Source)

	check, on string
	level     fault.Level
	seen, fix string // words of both

	// also are other checks that the same thing fails.
	also []string
	// A fix that is not SQL is done here, or else by otherwise, which takes the
	// place of wish, or by other patterns.
	mend          func(*scene)
	otherwise     func(*Source)
	otherPatterns []string
}

// pretending has the check take the server for one of another version.
func pretending(version int) func(*Source) {
	return func(s *Source) { s.Catalog.Version = version }
}

func (tr trouble) isSQL() bool {
	return tr.mend == nil && tr.otherwise == nil && tr.otherPatterns == nil
}

func runTroubles(t *testing.T, all []trouble) {
	for _, tr := range all {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			onEveryMajor(t, tr.since, tr.until, func(s *scene) { s.meets(tr) })
		})
	}
}

// meets has the trouble found, mended as the finding says, and not found again.
func (s *scene) meets(tr trouble) {
	s.Helper()
	if tr.role != "" {
		s.as(tr.role)
	}
	if tr.setup != "" {
		s.exec(tr.setup)
	}
	f := s.finds(tr)
	wish, patterns := tr.wish, tr.patterns
	switch {
	case tr.isSQL():
		s.apply(f.Fix)
	case tr.mend != nil:
		tr.mend(s)
	}
	if tr.otherwise != nil {
		wish = tr.otherwise
	}
	if tr.otherPatterns != nil {
		patterns = tr.otherPatterns
	}
	s.passes(tr.check, patterns, wish)
}

// finds checks, and wants the trouble found and no other.
func (s *scene) finds(tr trouble) fault.Finding {
	s.Helper()
	found := s.check(tr.patterns, tr.wish)
	var it fault.Finding
	for _, f := range s.wrong(found) {
		switch {
		case f.Check == tr.check && f.On == s.fill(tr.on):
			it = f
		case !slices.Contains(tr.also, f.Check):
			s.Errorf("found besides: %+v", f)
		}
	}
	if it.Check == "" {
		s.Fatalf("%s on %q is not found; found:\n%s", tr.check, s.fill(tr.on), list(found))
	}
	if it.Level != tr.level {
		s.Errorf("level %s, want %s", it.Level, tr.level)
	}
	if !strings.Contains(it.Seen, s.fill(tr.seen)) || tr.seen == "" {
		s.Errorf("seen: %s\nwant: … %s …", it.Seen, s.fill(tr.seen))
	}
	if !strings.Contains(it.Fix, s.fill(tr.fix)) {
		s.Errorf("fix: %s\nwant: … %s …", it.Fix, s.fill(tr.fix))
	}
	return it
}

// apply runs a fix as it is printed.
func (s *scene) apply(fix string) {
	s.Helper()
	restart := false
	for line := range strings.SplitSeq(fix, "\n") {
		if _, err := s.admin.PgConn().Exec(s.Context(), line).ReadAll(); err != nil {
			s.Fatalf("the fix does not run: %s: %v", line, err)
		}
		restart = restart || strings.Contains(line, "restart PostgreSQL")
	}
	if restart {
		s.restart()
	}
}

func (s *scene) restart() {
	s.Helper()
	if err := s.server.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.admin = s.connect(s.server.DSN(s.name))
}

// passes wants the check to say that all is well, and no other to say otherwise.
// What was mended may take a moment to be seen: a session to end, a setting to be
// read.
func (s *scene) passes(check string, patterns []string, wish func(*Source)) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; {
		found := s.check(patterns, wish)
		wrong := s.wrong(found)
		well := slices.ContainsFunc(found, func(f fault.Finding) bool { return f.Check == check && f.Level == fault.LevelOK })
		if len(wrong) == 0 && well {
			return
		}
		if time.Now().After(deadline) || s.Failed() {
			s.Fatalf("mended, and not well (%s):\n%s", check, list(found))
		}
	}
}

func list(found fault.Findings) string {
	var s strings.Builder
	for _, f := range found {
		fmt.Fprintf(&s, "%-8s %s %s: %s\n         fix: %s\n", f.Level, f.Check, f.On, f.Seen, f.Fix)
	}
	return s.String()
}
