package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

// farDate is a date that no Date32 holds, nor, as [narrow] wants it, a column of
// the PostgreSQL family, which holds whatever the source does.
const farDate = "5874897-12-31"

// narrow makes column d of the tables unable to hold farDate.
func (s *scene) narrow(tables ...string) func(*plan) {
	return func(p *plan) {
		for _, table := range tables {
			wishing(table, differs(s, sync.TableWish{}, sync.TableWish{Wishes: apply.Wishes{Types: map[string]string{"d": "varchar(10)"}}}))(p)
		}
	}
}

// While a table has failed, the others go on, and it comes back when the value
// has been changed.
func TestAValueThatCannotBeHeld(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, d date); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1, '2024-01-01')`)
		r := s.start(s.narrow("public.t")).streaming()
		s.exec(`BEGIN; INSERT INTO other VALUES (1); INSERT INTO t VALUES (42, '%s'); INSERT INTO other VALUES (2); COMMIT`, farDate)
		s.parked("public.t", append([]string{"column d", farDate}, differs(s, []string{"key (42)", "Date32", "on_unrepresentable"}, nil)...)...)
		r.here()
		r.halt()
		s.equal("other")
		if phase := s.state().Tables["public.other"].Phase; phase != apply.Streaming {
			s.Errorf("table other is %s", phase)
		}
		s.command("status").exits(0, "public.t failed", "column d", farDate)
		s.exec(`UPDATE t SET d = NULL WHERE id = 42`)
		s.catchUp(s.narrow("public.t"))
		s.equal("t", "other")
	})
}
