package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// oddSettings are what a database can set for every session.
var oddSettings = map[string]string{
	"DateStyle": "German, DMY", "IntervalStyle": "sql_standard", "TimeZone": "America/New_York", "bytea_output": "escape",
	"extra_float_digits": "0", "search_path": "nowhere", "standard_conforming_strings": "off", "quote_all_identifiers": "on",
	"default_transaction_read_only": "on", "default_transaction_isolation": "serializable", "client_encoding": "LATIN1",
	"statement_timeout": "1s", "lock_timeout": "100ms", "idle_in_transaction_session_timeout": "1s", "enable_seqscan": "off",
	"array_nulls": "off", "xmloption": "document", "transform_null_equals": "on",
}

// What a database sets for every session, on either side, changes neither what is
// read nor whether anything can be done.
func TestADatabasesSettingsChangeNothing(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE odd (id int PRIMARY KEY, m money, iv interval, b bytea, f float8[], tz timestamptz, tza timestamptz[], d date, n numeric, t text, r int4range, c regclass, s regtype);
			INSERT INTO odd VALUES (1, '12.34', '1 year -2 days 03:04:05.678', '\x00ff27', array[0.1, 1e300, null], '2024-03-10 02:30+00', array['2001-01-01'::timestamptz, null], '2024-02-29', 1.50, 'Ω\ ''q', '[1,5)', 'odd', 'int4');
			INSERT INTO odd SELECT g, g::text::money, make_interval(secs => g * 0.001), decode(md5(g::text), 'hex'), array[g * 0.1], now(), array[now()], current_date, g * 0.1, repeat('é', g), NULL, 'pg_class', 'text' FROM generate_series(2, 50) g;
			CREATE TABLE as_text (id int PRIMARY KEY, q tsquery, l text[], x xml, b bytea, iv interval, d date); INSERT INTO as_text VALUES (1, 'a & b', '{NULL,"NULL",a}', 'no <b>document</b>', '\x00ff5c', '-1 day 2 hours', '2024-02-03')`)
		for setting, value := range oddSettings {
			s.exec(`ALTER DATABASE "%s" SET %s = '%s'`, s.name, setting, value)
		}
		s.setOddly()
		run := []string{"--table", "public.*", "--until", "caught-up"}
		s.command("run", run...).exits(0)
		s.equal("odd", "as_text")
		s.exec(`INSERT INTO odd SELECT id + 1000, m, iv, b, f, tz, tza, d, n, t, r, c, s FROM odd; UPDATE odd SET t = t || '!' WHERE id < 10;
			INSERT INTO as_text SELECT id + 1, q, l, x, b, iv, d FROM as_text; UPDATE as_text SET d = d + 1 WHERE id = 1`)
		s.command("run", run...).exits(0)
		s.equal("odd", "as_text")
		// The comparison cannot tell what it takes for the same value.
		copied, streamed := "SELECT %s FROM %s WHERE id BETWEEN 10 AND 50 ORDER BY id", "SELECT %s FROM %s WHERE id BETWEEN 1010 AND 1050 ORDER BY id"
		columns := strings.Join(strings.Fields(s.columnsThere("odd"))[1:], ", ")
		s.is("what is streamed", s.warehouse(streamed, columns, s.from("odd")), s.warehouse(copied, columns, s.from("odd")))
		s.command("drop").exits(0)
		s.nothingLeft("odd", "as_text")
	})
}

// setOddly gives a target of the PostgreSQL family the same settings, as far as it
// knows them.
func (s *scene) setOddly() {
	s.Helper()
	f, ok := s.target.(family)
	if !ok {
		return
	}
	known := strings.Fields(s.warehouse("SELECT string_agg(name, ' ') FROM pg_settings"))
	var statements []string
	for setting, value := range oddSettings {
		if slices.Contains(known, setting) {
			statements = append(statements, fmt.Sprintf("ALTER DATABASE %s SET %s = '%s'", s.database(), setting, value))
		}
	}
	if err := f.administer(s.ctx, f.maintenance, statements...); err != nil {
		s.Fatal(err)
	}
}
