package integration

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/internal/sandbox"
)

// target is a kind of warehouse, and all that tests know of it. What one of them
// asks or expects of a single kind it says with [differs].
type target interface {
	fmt.Stringer
	// product is what messages call it.
	product() string
	house
	dialect
	// open opens the scene's database as the program does, except that nothing
	// paces it.
	open(s *scene, policy apply.Policy) (apply.Target, error)
}

// house is where the databases of scenes are.
type house interface {
	dsn(database string) string
	// addr is host and port, as they stand in the DSN.
	addr() string
	// create makes a database, where that is not the program's to do.
	create(ctx context.Context, database string) error
	drop(ctx context.Context, database string) error
	// outlives says that the server is there when the tests are over.
	outlives() bool
	// read opens a database that is there.
	read(ctx context.Context, database string) (reader, error)
}

// dialect is how tables are called and read.
type dialect interface {
	// name is what a table of the source is called: [apply.Table.Name].
	name(schema, table string) string
	// from names the table of such a name in a query, for what a reader sees.
	from(name string) string
	// catalog is everything that a command which changes nothing could change,
	// of a database that may not be there.
	catalog(ctx context.Context, database string) (string, error)
	// tables are the names of those in a database that may not be there, the
	// program's own left out.
	tables(ctx context.Context, database string) ([]string, error)
	// listColumns is the query for the names and types of a table's columns, in
	// their order.
	listColumns(name string) string
	// texts are the expressions for a column's text. there is the type that it
	// has in the target.
	texts(s *scene, c comparedColumn, there string) twoTexts
}

// reader asks a database as any user would.
type reader interface {
	// query gives the rows as texts, nil for NULL.
	query(ctx context.Context, sql string) ([][]*string, error)
	close()
}

// twoTexts are the expressions that make the same text on both sides.
type twoTexts struct{ source, target string }

// targets is the table of targets. A test that is about none of them alone gets
// its scenes from onEveryMajor or onNewest, and runs on each; of gives the one
// that a source of a major writes to, nil for none.
var targets = []struct {
	name string
	of   func(major int) target
}{
	{"ClickHouse", func(int) target { return clickHouse{} }},
	{"PostgreSQL", standIn},
	{"Greenplum", namedTarget},
}

// onEveryMajor runs a test on each PostgreSQL from the given major on, at the same
// time as other tests: on the newest into each target, on an older one into one that
// the test's name chooses, unless majors, or kills, were asked for. Then it is each into each.
func onEveryMajor(t *testing.T, since int, test func(*scene)) {
	t.Helper()
	majors, turn := majorsFrom(since), turn(int(crc32.ChecksumIEEE([]byte(t.Name()))%2))
	onEachPair(t, majors, func(major int, target string) bool { return slices.Contains(newestOf(majors), major) || turn(target) }, test)
}

// inTurns runs the nth of many variants of a test about the source, or about the
// program's own steps: on the newest PostgreSQL, into one target and the next variant
// into the other, with the same exceptions.
func inTurns(t *testing.T, n int, test func(*scene)) {
	t.Helper()
	onEach(t, newestOf(majorsFrom(0)), turn(n), test)
}

func turn(n int) func(target string) bool {
	if os.Getenv(sandbox.MajorsEnv) != "" || os.Getenv(killsEnv) != "" {
		return anyTarget
	}
	return func(target string) bool { return isClickHouse(target) == (n%2 == 0) }
}

// onNewest runs a test whose subject does not depend on the source's version.
func onNewest(t *testing.T, test func(*scene)) {
	t.Helper()
	onEach(t, newestOf(majorsFrom(0)), anyTarget, test)
}

// onClickHouse runs a test whose subject is ClickHouse itself: its engines,
// order, partitions, types or values that only it cannot hold.
func onClickHouse(t *testing.T, test func(*scene)) {
	t.Helper()
	onEach(t, newestOf(majorsFrom(0)), isClickHouse, test)
}

// onClickHouseOfEveryMajor does so on each PostgreSQL.
func onClickHouseOfEveryMajor(t *testing.T, since int, test func(*scene)) {
	t.Helper()
	onEach(t, majorsFrom(since), isClickHouse, test)
}

// onFamily runs a test whose subject only the PostgreSQL family has: transactions,
// types of the user's own, values in the target's own words.
func onFamily(t *testing.T, test func(*scene)) {
	t.Helper()
	onEach(t, newestOf(majorsFrom(0)), isFamily, test)
}

// onFamilyOfEveryMajor does so on each PostgreSQL.
func onFamilyOfEveryMajor(t *testing.T, since int, test func(*scene)) {
	t.Helper()
	onEach(t, majorsFrom(since), isFamily, test)
}

// onGreenplum runs a test whose subject is Greenplum itself, where there is one.
func onGreenplum(t *testing.T, test func(*scene)) {
	t.Helper()
	onEach(t, newestOf(majorsFrom(0)), func(target string) bool { return target == "Greenplum" }, test)
}

func anyTarget(string) bool           { return true }
func isClickHouse(target string) bool { return target == "ClickHouse" }
func isFamily(target string) bool     { return !isClickHouse(target) }

// onEverySource runs a test that writes to no target.
func onEverySource(t *testing.T, since int, test func(*scene)) {
	t.Helper()
	t.Parallel()
	for _, major := range majorsFrom(since) {
		t.Run("PostgreSQL "+strconv.Itoa(major), func(t *testing.T) {
			t.Parallel()
			test(newScene(t, major, servers.postgres[major], nil))
		})
	}
}

func onEach(t *testing.T, majors []int, wanted func(target string) bool, test func(*scene)) {
	t.Helper()
	onEachPair(t, majors, func(_ int, target string) bool { return wanted(target) }, test)
}

func onEachPair(t *testing.T, majors []int, wanted func(major int, target string) bool, test func(*scene)) {
	t.Helper()
	t.Parallel()
	for _, major := range majors {
		for _, kind := range targets {
			to := kind.of(major)
			if to == nil || !wanted(major, kind.name) {
				continue
			}
			t.Run(fmt.Sprintf("PostgreSQL %d to %s", major, to), func(t *testing.T) {
				t.Parallel()
				test(newScene(t, major, servers.postgres[major], to))
			})
		}
	}
}

func majorsFrom(since int) []int {
	var majors []int
	for major := range servers.postgres {
		if major >= since {
			majors = append(majors, major)
		}
	}
	slices.Sort(majors)
	return majors
}

func newestOf(majors []int) []int { return majors[len(majors)-1:] }

// differs is what is one thing in ClickHouse and another in the PostgreSQL family.
func differs[T any](s *scene, clickHouse, family T) T {
	if isClickHouse(s.target.String()) {
		return clickHouse
	}
	return family
}

// transactional says that a reader of the target sees whole transactions.
func (s *scene) transactional() bool { return differs(s, false, true) }

// database is the scene's in the target. A server that outlives the tests may hold
// those of others.
func (s *scene) database() string  { return fmt.Sprintf("%s_copy_%d", s.name, os.Getpid()) }
func (s *scene) targetDSN() string { return s.target.dsn(s.database()) }

// there is what a table of schema public is called in the target.
func (s *scene) there(table string) string { return s.target.name("public", table) }

// from names it in a query.
func (s *scene) from(table string) string { return s.target.from(s.there(table)) }

// query gives what a query of the target's database returns.
func (s *scene) query(sql string) [][]*string {
	s.Helper()
	if s.reader == nil {
		var err error
		if s.reader, err = s.target.read(s.ctx, s.database()); err != nil {
			s.Fatal(err)
		}
	}
	rows, err := s.reader.query(s.ctx, sql)
	if err != nil {
		s.Fatalf("%s: %v", shorten(sql), err)
	}
	return rows
}

// warehouse is the same as one text: values divided by tabs and rows by line ends.
func (s *scene) warehouse(sql string, args ...any) string {
	s.Helper()
	if len(args) > 0 {
		sql = fmt.Sprintf(sql, args...)
	}
	var lines []string
	for _, row := range s.query(sql) {
		values := make([]string, len(row))
		for i, v := range row {
			if values[i] = `\N`; v != nil {
				values[i] = *v
			}
		}
		lines = append(lines, strings.Join(values, "\t"))
	}
	return strings.Join(lines, "\n")
}

// count is how many rows a reader sees of a table, those under a condition where
// one is given.
func (s *scene) count(table string, where ...string) string {
	s.Helper()
	sql := "SELECT count(*) FROM " + s.from(table)
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return s.warehouse("%s", sql)
}

// tablesThere are the names of the target's tables.
func (s *scene) tablesThere() []string {
	s.Helper()
	names, err := s.target.tables(s.ctx, s.database())
	if err != nil {
		s.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// columnsThere are the names of a table's columns, divided by spaces.
func (s *scene) columnsThere(table string) string {
	s.Helper()
	return s.columnsOfName(s.there(table), 0)
}

// typesThere are their types, divided by semicolons.
func (s *scene) typesThere(table string) string {
	s.Helper()
	return s.columnsOfName(s.there(table), 1)
}

func (s *scene) columnsOfName(name string, which int) string {
	s.Helper()
	var all []string
	for _, row := range s.query(s.target.listColumns(name)) {
		all = append(all, *row[which])
	}
	return strings.Join(all, []string{" ", "; "}[which])
}

// typesOfName are the types of a table's columns, by their names.
func (s *scene) typesOfName(name string) map[string]string {
	s.Helper()
	types := map[string]string{}
	for _, row := range s.query(s.target.listColumns(name)) {
		types[*row[0]] = *row[1]
	}
	return types
}

// makeDatabase is for tests that make tables before the program does; where the
// database is the program's to make, it has not done that yet.
func (s *scene) makeDatabase() {
	s.Helper()
	if s.transactional() {
		return
	}
	if _, err := queryClickHouse(s.ctx, "", "CREATE DATABASE "+s.database()); err != nil {
		s.Fatal(err)
	}
}

// dropThere removes a table from the target behind the program's back.
func (s *scene) dropThere(table string) {
	s.Helper()
	s.warehouse("DROP TABLE %s", differs(s, quoteClickHouse(s.there(table))+" SYNC", s.there(table)))
}

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
