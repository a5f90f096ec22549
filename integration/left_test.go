package integration

import "slices"

// nothingLeft wants neither slot nor publication on the source, and neither
// tables, but for some of schema public, nor state in the target.
func (s *scene) nothingLeft(except ...string) {
	s.Helper()
	s.nothingOnSource()
	isExcepted := func(name string) bool {
		return slices.ContainsFunc(except, func(table string) bool { return s.there(table) == name })
	}
	for _, table := range s.tablesThere() {
		if !isExcepted(table) {
			s.Errorf("table %s is left in the target", table)
		}
	}
	if state := s.state(); state.Known() || len(state.Tables) > 0 {
		s.Errorf("state is left in the target: %+v", state)
	}
}

func (s *scene) nothingOnSource() {
	s.Helper()
	s.is("slots that are left", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "0")
	s.is("publications that are left", s.ask(`SELECT count(*) FROM pg_publication`), "0")
}
