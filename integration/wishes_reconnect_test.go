package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

// A column that a wish names is dropped, and then the connection is lost: the
// next attempt stops that table and no other, unless it can do without the column.
func TestAWishThatCannotBeHadAnyMoreStopsItsTableAlone(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, m int NOT NULL, secret int); ALTER TABLE t REPLICA IDENTITY FULL; CREATE TABLE other (id int PRIMARY KEY);
			INSERT INTO t VALUES (1, 1, 1)`)
		wish := differs(s, ordering("m", "id"), sync.TableWish{Wishes: apply.Wishes{Rename: map[string]string{"m": "renamed"}}})
		wish.Exclude = []string{"secret"}
		r := s.start(wishing("public.t", wish)).streaming()
		reconnect := func() {
			s.Helper()
			s.exec(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot())
			s.exec(`INSERT INTO other SELECT coalesce(max(id), 0) + 1 FROM other`)
			r.here()
		}
		s.exec(`ALTER TABLE t DROP COLUMN secret`)
		reconnect()
		s.exec(`INSERT INTO t VALUES (2, 2)`)
		r.here()
		s.equal("other")
		s.equalTo("t", s.there("t"), differs(s, "", "m"))
		s.exec(`ALTER TABLE t DROP COLUMN m`)
		reconnect()
		if s.transactional() { // only an order cannot do without its column
			s.exec(`INSERT INTO t VALUES (3)`)
			r.here()
			s.equal("t")
		} else {
			s.parked("public.t", "order_by of table public.t names column m, which it does not have")
		}
		s.is("stage", string(r.Progress().Stage), string(sync.Syncing))
		r.halt()
		s.equal("other")
	})
}
