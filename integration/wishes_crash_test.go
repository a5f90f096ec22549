package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/sync"
)

// Rows that left their place in the order, and values that the log left out, are
// replayed after a batch that was written and not remembered.
func TestWishesHoldThroughACrash(t *testing.T) {
	for nth := 1; nth <= 3; nth++ {
		t.Run("", func(t *testing.T) {
			onEveryMajor(t, 15, func(s *scene) {
				s.exec(`CREATE TABLE t (secret text, id int PRIMARY KEY, tenant int NOT NULL, big text); ALTER TABLE t REPLICA IDENTITY FULL;
					ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
					CREATE TABLE plain (secret text, id int PRIMARY KEY, n int, big text); ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;
					INSERT INTO t SELECT 's', n, n % 5, repeat('big' || n, 2000) FROM generate_series(1, 50) n;
					INSERT INTO plain SELECT 's', n, n % 5, repeat('big' || n, 2000) FROM generate_series(1, 50) n`)
				wish := differs(s, ordering("tenant", "id"), sync.TableWish{})
				wish.Exclude, wish.Where = []string{"secret"}, "tenant >= 0"
				wishes := func(p *plan) {
					p.MaxRows = 40
					wishing("public.t", wish)(p)
					wishing("public.plain", sync.TableWish{Exclude: []string{"secret"}})(p)
				}
				s.catchUp(wishes)
				change := func() {
					s.Helper()
					for range 3 {
						s.exec(`UPDATE t SET tenant = tenant + 1 WHERE id % 3 = 0; UPDATE t SET secret = 'x' || id; UPDATE t SET id = id + 1000, tenant = 7 WHERE id IN (SELECT min(id) FROM t);
							UPDATE t SET tenant = -1 WHERE id IN (SELECT max(id) FROM t WHERE tenant >= 0); UPDATE t SET tenant = 2 WHERE tenant = -1 AND id % 2 = 0;
							DELETE FROM t WHERE id IN (SELECT min(id) FROM t WHERE tenant >= 0)`)
						s.exec(`UPDATE plain SET n = n + 1; UPDATE plain SET id = id + 1000 WHERE id IN (SELECT min(id) FROM plain); UPDATE plain SET secret = 'x'`)
					}
				}
				change()
				if err := s.tryCatchUp(wishes, failingAt(nth)); err == nil {
					s.Log("the run was over before it was killed")
				}
				change()
				s.catchUp(wishes)
				s.equalWhere("t", s.there("t"), "tenant >= 0", "secret")
				s.equalTo("plain", s.there("plain"), "secret")
			})
		})
	}
}
