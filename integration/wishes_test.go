package integration

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/sync"
)

// wishing gives a table wishes of its own.
func wishing(table string, wish sync.TableWish) func(*plan) {
	return func(p *plan) {
		if p.Wishes == nil {
			p.Wishes = map[string]sync.TableWish{}
		}
		p.Wishes[table] = wish
	}
}

func ordering(columns ...string) sync.TableWish {
	return sync.TableWish{Wishes: apply.Wishes{OrderBy: columns}}
}

func truncating(p *plan) { p.Existing = apply.Truncate }

// verdict is what a fault makes of a run's exit status.
type verdict func(error) bool

// refusedFor wants that neither command begins with the wishes, and why. Nothing
// is left behind.
func (s *scene) refusedFor(table string, wish sync.TableWish, is verdict, words ...string) {
	s.Helper()
	s.refusedBy((*sync.Pipeline).Run, table, wish, is, words...)
	s.refusedBy((*sync.Pipeline).Load, table, wish, is, words...)
	s.nothingLeft()
}

func (s *scene) refusedBy(what func(*sync.Pipeline, ctxt) error, table string, wish sync.TableWish, is verdict, words ...string) {
	s.Helper()
	err := s.begin(what, wishing(table, wish), func(p *plan) { p.UntilCaughtUp = true }).wait()
	if err == nil || !is(err) {
		s.Errorf("with %+v: %v", wish, err)
		return
	}
	s.mentions(err.Error()+"\n"+fault.Hint(err), words...)
}

func TestExcludedColumnsStayInTheSource(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		// The excluded columns stand first, in the middle and last; large values
		// are on both sides of them.
		s.exec(`CREATE TABLE t (first text, id int PRIMARY KEY, big text, secret text, other text, last text);
			ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER secret SET STORAGE EXTERNAL;
			INSERT INTO t SELECT 'f', n, repeat('big' || n, 3000), repeat('secret', 3000), 'o' || n, 'l' FROM generate_series(1, 20) n;
			CREATE TABLE whole (secret text, id int PRIMARY KEY, big text); ALTER TABLE whole REPLICA IDENTITY FULL;
			ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
			INSERT INTO whole SELECT 's', n, repeat('big', 3000) FROM generate_series(1, 20) n`)
		without := func(p *plan) {
			wishing("public.t", sync.TableWish{Exclude: []string{"secret", "first", "last"}})(p)
			wishing("public.whole", sync.TableWish{Exclude: []string{"secret"}})(p)
		}
		same := func() {
			s.Helper()
			s.equalTo("t", s.there("t"), "secret", "first", "last")
			s.equalTo("whole", s.there("whole"), "secret")
			s.is("columns of t", s.columnsThere("t"), "id big other")
			s.is("columns of whole", s.columnsThere("whole"), "id big")
		}
		s.catchUp(without)
		same()
		r := s.start(without).streaming()
		s.exec(`UPDATE t SET other = 'changed' WHERE id < 5; UPDATE t SET secret = 'changed' WHERE id < 7; UPDATE t SET id = id + 100 WHERE id > 15;
			DELETE FROM t WHERE id = 10; INSERT INTO t VALUES ('f', 50, NULL, 's', 'new', 'l');
			UPDATE whole SET secret = NULL WHERE id < 5; UPDATE whole SET id = id + 100 WHERE id > 15; DELETE FROM whole WHERE id = 10; INSERT INTO whole VALUES (NULL, 50, 'new')`)
		r.here()
		same()
		// What happens to an excluded column is nobody's business, and what happens
		// to others is followed beside it.
		s.exec(`ALTER TABLE t ALTER first TYPE int USING 7; ALTER TABLE t DROP COLUMN secret; INSERT INTO t (id, other) VALUES (60, 'after the drop');
			ALTER TABLE whole DROP COLUMN secret; ALTER TABLE whole ADD added int DEFAULT 7; INSERT INTO whole VALUES (60, 'after', 8); UPDATE t SET other = 'again' WHERE id < 3`)
		r.here()
		// A new start finds it gone, and goes on.
		r.halt()
		r = s.start(without).streaming()
		s.exec(`ALTER TABLE t ADD secret int; INSERT INTO t (id, other, secret) VALUES (61, 'it is back', 1)`)
		r.here()
		r.halt()
		s.equalTo("t", s.there("t"), "secret", "first", "last")
		s.equal("whole")
		s.is("phase", string(s.state().Tables["public.t"].Phase), "streaming")

		// A column that is not excluded under its new name must not come in by it.
		r = s.start(func(p *plan) {
			wishing("public.t", sync.TableWish{Exclude: []string{"secret", "first", "last"}})(p)
		}).streaming()
		s.exec(`ALTER TABLE t RENAME secret TO unguarded; INSERT INTO t (id, unguarded) VALUES (70, 1)`)
		s.parked("public.t", "column secret of table public.t, which is excluded, is now named unguarded")
		r.halt()
		s.is("columns of t", s.columnsThere("t"), "id big other")
	})
}

func TestColumnsThatCannotBeExcluded(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, "Odd" text); CREATE TABLE keyless (a int, b int)`)
		s.refusedFor("public.t", sync.TableWish{Exclude: []string{"id"}}, fault.IsUsage, "column id, which is part of its key")
		s.refusedFor("public.t", sync.TableWish{Exclude: []string{"odd", "no"}}, fault.IsUsage,
			"exclude of table public.t names column odd, which it does not have", "column no, which", `its columns are id, "Odd"`)
		s.refusedFor("public.keyless", sync.TableWish{Exclude: []string{"a", "b"}}, fault.IsUsage, "leaves none of its columns", "!public.keyless")
		s.refusedFor("public.no", sync.TableWish{}, fault.IsUsage, "wishes for table public.no, and no table of that name is selected")
		s.refusedFor("public.t", sync.TableWish{Exclude: []string{"Odd"}, Wishes: apply.Wishes{Rename: map[string]string{"Odd": "even"}}}, fault.IsUsage,
			`rename of table public.t names column "Odd", which is excluded`)
		s.refusedFor("public.t", sync.TableWish{Wishes: apply.Wishes{Types: map[string]string{"no": "String"}, OnUnrepresentable: map[string]apply.Policy{"nor": apply.Clamp}}},
			fault.IsUsage, "types of table public.t names column no", "on_unrepresentable of table public.t names column nor")
	})
}

func TestATargetOfItsOwn(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO t VALUES (1)`)
		s.refusedFor("public.t", sync.TableWish{Target: s.there("other")}, fault.IsUsage, "public.other and public.t would both be written to "+s.there("other"), "a target of its own")
		rawName := s.there(`Raw "Table"`)
		raw := wishing("public.t", sync.TableWish{Target: rawName})
		s.catchUp(raw)
		s.exec(`INSERT INTO t VALUES (2)`)
		s.catchUp(raw)
		s.equalTo("t", rawName)
		s.equal("other")

		// Another name is another table: nothing is written there that the user has
		// not said yes to.
		moved := wishing("public.t", sync.TableWish{Target: s.there("moved")})
		err := s.tryCatchUp(moved)
		if err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		s.mentions(err.Error()+fault.Hint(err), "copied with other wishes", differs(s, `target (Raw "Table", now moved)`, `target (public."Raw ""Table""", now public.moved)`), "load.existing")
		s.exec(`INSERT INTO t VALUES (3)`)
		s.catchUp(moved, truncating)
		s.equalTo("t", s.there("moved"))
		s.is("rows of the table before", s.count(`Raw "Table"`), "2")
		s.exec(`INSERT INTO t VALUES (4)`)
		s.catchUp(moved)
		s.equalTo("t", s.there("moved"))
		s.is("slots", s.ask(`SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`), "1")
	})
}

func TestAnotherSetOfColumnsIsCopiedAnewWhenTheUserSaysSo(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t SELECT n, n, n FROM generate_series(1, 10) n`)
		without := func(columns ...string) func(*plan) {
			return wishing("public.t", sync.TableWish{Exclude: columns})
		}
		s.catchUp(without("a"))
		s.is("columns", s.columnsThere("t"), "id b")
		for _, other := range [][]string{nil, {"b"}, {"a", "b"}} {
			if err := s.tryCatchUp(without(other...)); err == nil || !fault.Unmet(err) {
				s.Fatalf("without %v: %v", other, err)
			} else {
				s.mentions(err.Error(), "public.t was copied with other wishes", "exclude")
			}
			if err := s.tryCatchUp(without(other...), truncating, func(p *plan) { p.Copy = false }); err == nil || !fault.Unmet(err) {
				s.Fatalf("without a copy: %v", err)
			}
		}
		// Rows that the log has from before the copy must not be taken for later ones.
		s.exec(`UPDATE t SET a = a + 100, b = b + 100; DELETE FROM t WHERE id = 3`)
		s.catchUp(without(), truncating)
		s.equal("t")
		s.exec(`UPDATE t SET a = -a; INSERT INTO t VALUES (11, 1, 2)`)
		s.catchUp()
		s.equal("t")
		// A column that is excluded and dropped can be left out of the list.
		s.catchUp(without("b"), truncating)
		s.exec(`ALTER TABLE t DROP COLUMN b; INSERT INTO t VALUES (12, 1)`)
		s.catchUp()
		s.equal("t")

		// A load compares too.
		s.command("drop", "--with-data").exits(0)
		load := func(change ...func(*plan)) error {
			return s.begin((*sync.Pipeline).Load, change...).wait()
		}
		if err := load(without("a")); err != nil {
			s.Fatal(err)
		}
		if err := load(); err == nil || !fault.Unmet(err) {
			s.Fatal(err)
		}
		if err := load(truncating); err != nil {
			s.Fatal(err)
		}
		s.equal("t")
	})
}
