package integration

import (
	"strings"
	"testing"
)

// What a database sets for every session changes neither what is read nor
// whether anything can be done.
func TestADatabasesSettingsChangeNothing(t *testing.T) {
	onEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE odd (id int PRIMARY KEY, m money, iv interval, b bytea, f float8[], tz timestamptz, tza timestamptz[], d date, n numeric, t text, r int4range, c regclass, s regtype);
			INSERT INTO odd VALUES (1, '12.34', '1 year -2 days 03:04:05.678', '\x00ff27', array[0.1, 1e300, null], '2024-03-10 02:30+00', array['2001-01-01'::timestamptz, null], '2024-02-29', 1.50, 'Ω\ ''q', '[1,5)', 'odd', 'int4');
			INSERT INTO odd SELECT g, g::text::money, make_interval(secs => g * 0.001), decode(md5(g::text), 'hex'), array[g * 0.1], now(), array[now()], current_date, g * 0.1, repeat('é', g), NULL, 'pg_class', 'text' FROM generate_series(2, 50) g`)
		for setting, value := range map[string]string{
			"DateStyle": "German, DMY", "IntervalStyle": "sql_standard", "TimeZone": "America/New_York", "bytea_output": "escape",
			"extra_float_digits": "0", "search_path": "nowhere", "standard_conforming_strings": "off", "quote_all_identifiers": "on",
			"default_transaction_read_only": "on", "default_transaction_isolation": "serializable", "client_encoding": "LATIN1",
			"statement_timeout": "1s", "lock_timeout": "100ms", "idle_in_transaction_session_timeout": "1s", "enable_seqscan": "off",
		} {
			s.exec(`ALTER DATABASE "%s" SET %s = '%s'`, s.name, setting, value)
		}
		run := []string{"--table", "public.*", "--until", "caught-up"}
		s.command("run", run...).exits(0)
		s.equal("odd")
		s.exec(`INSERT INTO odd SELECT id + 1000, m, iv, b, f, tz, tza, d, n, t, r, c, s FROM odd; UPDATE odd SET t = t || '!' WHERE id < 10`)
		s.command("run", run...).exits(0)
		s.equal("odd")
		// The comparison cannot tell what it takes for the same value.
		copied, streamed := "SELECT %s FROM %s WHERE id BETWEEN 10 AND 50 ORDER BY id", "SELECT %s FROM %s WHERE id BETWEEN 1010 AND 1050 ORDER BY id"
		columns := strings.Join(strings.Fields(s.columnsThere("odd"))[1:], ", ")
		s.is("what is streamed", s.warehouse(streamed, columns, s.from("odd")), s.warehouse(copied, columns, s.from("odd")))
		s.command("drop").exits(0)
		s.nothingLeft("odd")
	})
}
