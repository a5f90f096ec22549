package integration

import (
	"strings"
	"testing"
)

// TestTooManyParts has ClickHouse refuse inserts, until its merges go on.
func TestTooManyParts(t *testing.T) {
	onClickHouse(t, func(s *scene) {
		s.exec(oneTable)
		r := s.start().streaming()
		r.here()
		table := quoteClickHouse(s.there("t"))
		s.warehouse("SYSTEM STOP MERGES %s.%s", s.database(), table)
		s.warehouse("ALTER TABLE %s MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1", table)
		s.exec(`INSERT INTO t VALUES (2, 'one part more')`)
		s.eventually("the log says so, more than once", func() bool {
			said := s.logged.String()
			return strings.Count(said, "Too many parts") > 1 && strings.Contains(said, "a longer stream.flush_interval")
		})
		s.warehouse("ALTER TABLE %s RESET SETTING parts_to_throw_insert, parts_to_delay_insert", table)
		s.warehouse("SYSTEM START MERGES %s.%s", s.database(), table)
		r.here()
		r.halt()
		s.equal("t")
	})
}
