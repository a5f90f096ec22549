package integration

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/sync"
)

// ddlRhythm is how schema changes, all of them, meet batches, starts and failures.
type ddlRhythm struct {
	name string
	// everywhere: on each PostgreSQL, and not on the newest alone.
	everywhere bool
	tell       func(s *scene, changes []schemaChange)
}

var ddlRhythms = []ddlRhythm{
	{"with rows in its transaction", true, func(s *scene, changes []schemaChange) {
		r := s.start().streaming()
		for _, c := range changes {
			s.exec("BEGIN; %s; %s; %s; COMMIT", c.sql(`INSERT INTO $t (id) VALUES (70)`, ""), c.sql(c.ddl, ""), c.sql(c.after, usualRows))
		}
		r.here()
		s.equalChanged(changes)
		r.halt()
		s.copiedAsExpected(changes)
	}},
	{"without a row behind it", true, func(s *scene, changes []schemaChange) {
		r := s.start().streaming()
		for _, c := range changes {
			s.exec("BEGIN; %s; COMMIT", c.sql(c.ddl, ""))
		}
		r.noticed()
		s.equalChanged(changes)
		for _, c := range changes {
			s.exec("%s", c.sql(c.after, usualRows))
		}
		r.here()
		s.equalChanged(changes)
		r.halt()
		s.copiedAsExpected(changes)
	}},
	{"between two starts", false, func(s *scene, changes []schemaChange) {
		for _, c := range changes {
			s.exec("BEGIN; %s; %s; COMMIT", c.sql(`INSERT INTO $t (id) VALUES (70)`, ""), c.sql(c.ddl, ""))
		}
		s.catchUp()
		s.equalChanged(changes)
		for _, c := range changes {
			s.exec("%s", c.sql(c.after, usualRows))
		}
		s.catchUp()
		s.equalChanged(changes)
		s.copiedAsExpected(changes)
	}},
	{"all in one transaction, in batches of a row", false, func(s *scene, changes []schemaChange) {
		r := s.start(func(p *plan) { p.MaxRows = 1 }).streaming()
		all := []string{"BEGIN"}
		for _, c := range changes {
			all = append(all, c.sql(`INSERT INTO $t (id) VALUES (70)`, ""), c.sql(c.ddl, ""))
		}
		for _, c := range changes {
			all = append(all, c.sql(c.after, usualRows))
		}
		s.exec("%s", strings.Join(append(all, "COMMIT"), ";\n"))
		r.here()
		s.equalChanged(changes)
		r.halt()
		s.copiedAsExpected(changes)
	}},
	{"killed before the next row", false, func(s *scene, changes []schemaChange) {
		r := s.start().streaming()
		for i, c := range changes {
			s.exec("BEGIN; %s; %s; COMMIT", c.sql(`INSERT INTO $t (id) VALUES (70)`, ""), c.sql(c.ddl, ""))
			if i%15 == 14 {
				r.abort()
				r = s.start().streaming()
			}
		}
		r.abort()
		for _, c := range changes {
			s.exec("%s", c.sql(c.after, usualRows))
		}
		s.catchUp()
		s.equalChanged(changes)
	}},
	{"with dropped columns kept, and killed in between", false, func(s *scene, changes []schemaChange) {
		keep := func(p *plan) { p.KeepDropped = true }
		r := s.start(keep).streaming()
		for _, c := range changes {
			s.exec("BEGIN; %s; %s; COMMIT", c.sql(`INSERT INTO $t (id) VALUES (70)`, ""), c.sql(c.ddl, ""))
		}
		r.noticed()
		r.abort()
		for _, c := range changes {
			s.exec("%s", c.sql(c.after, usualRows))
		}
		s.catchUp(keep)
		for _, c := range changes { // what is kept is not the source's any more
			s.equalTo(c.table(), s.there(c.table()), generatedOf(s, c.table())...)
		}
	}},
	{"cut off behind each call", false, func(s *scene, changes []schemaChange) {
		var cuts []applytest.Fault
		for nth := 1; nth <= 3; nth++ {
			for _, method := range []applytest.Method{applytest.Alter, applytest.Swap, applytest.Apply, applytest.Commit, applytest.Remember} {
				cuts = append(cuts, applytest.Fault{Method: method, Nth: nth, Kind: applytest.FailAfter})
			}
		}
		struck := 0
		for n, cut := range cuts {
			for _, c := range changes[n*len(changes)/len(cuts) : (n+1)*len(changes)/len(cuts)] {
				s.exec("BEGIN; %s; %s; COMMIT", c.sql(`INSERT INTO $t (id) VALUES (70)`, ""), c.sql(c.ddl, ""))
				s.exec("%s", c.sql(c.after, usualRows))
			}
			if s.cutOff(cut) {
				struck++
			}
		}
		s.catchUp()
		s.equalChanged(changes)
		if struck < len(cuts)/2 {
			s.Errorf("%d of %d calls were struck", struck, len(cuts))
		}
	}},
}

// TestSchemaChangesAreFollowed does every change to a table of its own, in one
// pipeline, in every rhythm.
func TestSchemaChangesAreFollowed(t *testing.T) {
	for _, rhythm := range ddlRhythms {
		t.Run(rhythm.name, func(t *testing.T) {
			told := func(s *scene) {
				changes := s.changesFor()
				for _, c := range changes {
					s.exec("%s", c.sql(c.setup, usualTable))
				}
				s.catchUp()
				rhythm.tell(s, changes)
				for _, c := range changes {
					if state := s.state().Tables["public."+c.table()]; state.Phase != apply.Streaming {
						s.Errorf("%s: the table is %s: %s", c.name, state.Phase, state.Reason)
					}
				}
			}
			if rhythm.everywhere {
				onEveryMajor(t, 12, told)
			} else {
				onNewest(t, told)
			}
		})
	}
}

// equalChanged compares the tables, and their columns.
func (s *scene) equalChanged(changes []schemaChange) {
	s.Helper()
	for _, c := range changes {
		s.sameColumns(c.table())
		s.equalTo(c.table(), s.there(c.table()), generatedOf(s, c.table())...)
	}
	if s.Failed() {
		s.FailNow()
	}
}

// sameColumns wants a table's columns to be the source's, in any order.
func (s *scene) sameColumns(table string) {
	s.Helper()
	here := s.ask(`SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'public.%s'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, table)
	there := s.ask(`SELECT string_agg(c, ' ' ORDER BY c) FROM unnest(string_to_array('%s', ' ')) c WHERE c NOT IN ('_version', '_deleted')`, s.columnsThere(table))
	s.is("columns of "+table, there, here)
}

// generatedOf are the columns that the stream does not bring.
func generatedOf(s *scene, table string) []string {
	s.Helper()
	return strings.Fields(s.ask(`SELECT coalesce(string_agg(attname, ' '), '') FROM pg_attribute WHERE attrelid = 'public.%s'::regclass AND attgenerated <> ''`, table))
}

// cutOff runs the pipeline until a call fails as the script has it, and takes it away
// then. It says whether that happened before it had everything.
func (s *scene) cutOff(script ...applytest.Fault) bool {
	s.Helper()
	r := s.start(faults(script...), func(p *plan) { p.UntilCaughtUp, p.MaxRows = true, 3 })
	defer r.abort()
	struck := false
	s.eventually("the run is cut off or ends", func() bool {
		struck = r.Progress().Stage == sync.Waiting
		select {
		case <-r.done:
			return true
		default:
			return struck
		}
	})
	return struck
}
