package integration

import "testing"

// theirTable is a table of somebody else's that fits, and a row of it, and tables
// that do not fit.
type theirTable struct {
	create, row string
	misfits     []misfit
}

type misfit struct {
	create, existing string
	words            []string
}

var (
	theirsInClickHouse = theirTable{
		create: `CREATE TABLE t (id Int32, v Nullable(String), _version UInt128, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY id`,
		row:    `INSERT INTO t VALUES (7, 'theirs', 0, 0)`,
		misfits: []misfit{
			{`CREATE TABLE t (id Int32, v Nullable(String)) ENGINE = MergeTree ORDER BY id`, "truncate", []string{"its engine is MergeTree, not ReplacingMergeTree"}},
			{
				`CREATE TABLE t (id Int16, v Nullable(String), _version UInt128, _deleted UInt8) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY id`,
				"append",
				[]string{"column id is Int16 there", "Int32"},
			},
		},
	}
	theirsInFamily = theirTable{
		create: `CREATE TABLE public.t (id integer PRIMARY KEY, v text)`,
		row:    `INSERT INTO public.t VALUES (7, 'theirs')`,
		misfits: []misfit{
			{`CREATE TABLE public.t (id smallint PRIMARY KEY, v text)`, "append", []string{"column id is smallint there", "integer"}},
			{`CREATE TABLE public.t (id integer PRIMARY KEY, v varchar(3))`, "truncate", []string{"column v is character varying(3) there", "text"}},
			{`CREATE TABLE public.t (id integer NOT NULL, v text PRIMARY KEY)`, "append", []string{"key"}},
			{`CREATE TABLE public.t (id integer PRIMARY KEY, v text, more integer NOT NULL)`, "append", []string{"column more"}},
		},
	}
)

func TestATargetTableThatIsThereAlready(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(oneTable + `; CREATE TABLE other (id int PRIMARY KEY)`)
		theirs := differs(s, theirsInClickHouse, theirsInFamily)
		s.makeDatabase()
		s.warehouse("%s", theirs.create)
		s.warehouse("%s", theirs.row)
		for _, command := range []string{"run", "load"} {
			s.command(command, "--table", "public.*").exits(3, "the table holds rows already", "load.existing", "truncate or append")
			s.nothingLeft("t")
		}
		s.is("their rows", s.count("t"), "1")
		s.command("run", "--table", "public.*", "--existing", "truncate", "--until", "caught-up").exits(0)
		s.equal("t", "other")
		s.command("drop").exits(0)
		for _, misfit := range theirs.misfits {
			s.dropThere("t")
			s.warehouse("%s", misfit.create)
			s.command("run", "--table", "public.*", "--existing", misfit.existing).exits(3, append(misfit.words, "public.t")...)
			s.nothingLeft("t", "other")
		}
	})
}

// What a killed start has made, and nobody remembers, is nothing that stands in the
// way of the next one, whatever has become of the source's table meanwhile.
func TestATableThatAKilledStartHasMadeIsMadeAnew(t *testing.T) {
	onNewest(t, func(s *scene) {
		run := append([]string{"run", "--table", "public.*", "--until", "caught-up"}, s.both()...)
		for _, name := range []string{"first", "later"} {
			s.exec(`CREATE TABLE %[1]s (id int PRIMARY KEY, v int, gone text); INSERT INTO %[1]s VALUES (1, 10, 'x')`, name)
			s.crashes("room-made", 1, run...).exits(-1, "killed at room-made")
			s.exec(`ALTER TABLE %[1]s ALTER COLUMN v TYPE bigint, DROP COLUMN gone; INSERT INTO %[1]s VALUES (2, 5000000000)`, name)
			s.pgsluice(run...).exits(0)
		}
		s.equal("first", "later")
	})
}
