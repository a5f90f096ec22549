package integration

import (
	"slices"
	"strings"
)

// nothingLeft wants neither slot nor publication on the source, and neither
// tables nor state in the target.
func (s *scene) nothingLeft(except ...string) {
	s.Helper()
	s.nothingOnSource()
	tables, err := queryClickHouse(s.ctx, "", "SELECT name FROM system.tables WHERE database = '"+s.name+"' AND name <> '_pgsluice_state' ORDER BY name")
	if err != nil {
		s.Fatal(err)
	}
	for _, table := range strings.Fields(string(tables)) {
		if !slices.Contains(except, table) {
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
