package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

func TestAValueThatCannotBeHeld(t *testing.T) {
	const setup = `CREATE TABLE t (id int PRIMARY KEY, d date, w timestamptz, n numeric(6,2), required date NOT NULL DEFAULT '2024-01-01');
		CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1, '2024-01-01', '2024-01-01', 1)`
	t.Run("stops the table and names it", func(t *testing.T) {
		onNewest(t, func(s *scene) {
			s.exec(setup)
			r := s.start().streaming()
			s.exec(`BEGIN; INSERT INTO other VALUES (1); INSERT INTO t VALUES (42, 'infinity'); INSERT INTO other VALUES (2); COMMIT`)
			s.parked("public.t", "column d", "key (42)", "infinity", "Date32", "on_unrepresentable")
			r.here()
			r.halt()
			s.equal("other")
			if phase := s.state().Tables["public.other"].Phase; phase != apply.Streaming {
				s.Errorf("table other is %s", phase)
			}
			s.command("status").exits(0, "public.t failed", "column d", "(42)")
			s.exec(`UPDATE t SET d = NULL WHERE id = 42`)
			s.catchUp()
			s.equal("t", "other")
		})
	})
	t.Run("becomes NULL where that is wanted", func(t *testing.T) {
		onNewest(t, func(s *scene) {
			s.exec(setup)
			null := func(p *plan) { p.policy = apply.MakeNull }
			s.exec(`INSERT INTO t VALUES (2, 'infinity', '-infinity', 'NaN')`)
			s.catchUp(null)
			s.exec(`INSERT INTO t VALUES (3, '-infinity', 'infinity', 'NaN')`)
			s.catchUp(null)
			s.is("values", s.warehouse(`SELECT id, d, w, n FROM t FINAL WHERE id > 1 ORDER BY id`), "2\t\\N\t\\N\t\\N\n3\t\\N\t\\N\t\\N")
			s.mentions(s.logged.String(), "values are adjusted", "column=d", "reason=infinity")
			s.exec(`INSERT INTO t (id, required) VALUES (4, 'infinity')`)
			if err := s.tryCatchUp(null); err == nil {
				s.Error("a column that cannot be NULL took infinity")
			}
			s.parked("public.t", "column required", "key (4)")
		})
	})
	t.Run("becomes the nearest where that is wanted", func(t *testing.T) {
		onNewest(t, func(s *scene) {
			s.exec(setup)
			clamp := func(p *plan) { p.policy = apply.Clamp }
			s.exec(`INSERT INTO t (id, d, w) VALUES (2, 'infinity', '-infinity'), (3, '0044-03-15 BC', '20000-01-01')`)
			s.catchUp(clamp)
			s.exec(`INSERT INTO t (id, d, w) VALUES (12, 'infinity', '-infinity'), (13, '0044-03-15 BC', '20000-01-01')`)
			s.catchUp(clamp)
			s.is("by COPY and by stream", s.warehouse(`SELECT id, d, w FROM t FINAL WHERE id < 10 AND id > 1 ORDER BY id`),
				s.warehouse(`SELECT id - 10, d, w FROM t FINAL WHERE id > 10 ORDER BY id`))
			s.is("values", s.warehouse(`SELECT d, w FROM t FINAL WHERE id > 10 ORDER BY id`),
				"9999-12-31\t0001-01-01 00:00:00.000000\n0001-01-01\t9999-12-31 23:59:59.999999")
		})
	})
}
