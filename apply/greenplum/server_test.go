package greenplum

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/typemap"
)

// pretended is a server without a connection: of a product and a version, with the
// types that those have.
func pretended(p product, release string, number int) *server {
	s := &server{
		product: p, release: release, number: number, database: "shop", user: "etl", encoding: "UTF8", xml: true,
		catalog: catalog{types: map[string]typeFact{}, extensions: map[string]map[string]typeFact{}, hashable: map[uint32]bool{}},
	}
	since := map[string]int{"macaddr8": 100000, "jsonpath": 120000, "xid8": 130000, "pg_snapshot": 130000}
	unhashed := map[string]bool{"money": true, "tsvector": true, "json": true, "xml": true, "point": true}
	for _, t := range typemap.Known() {
		if t.Extension == "" && number >= since[t.Name] {
			s.types[t.Name] = typeFact{oid: t.OID, array: t.OID + 50000, receives: true, schema: "pg_catalog", kind: change.KindBase}
			s.hashable[t.OID] = !unhashed[t.Name]
		}
	}
	s.types["int4range"] = typeFact{oid: 3904, array: 3905, receives: true, schema: "pg_catalog", kind: change.KindRange}
	s.extensions["citext"] = map[string]typeFact{"citext": {oid: 17000, array: 17001, receives: true, schema: "public", kind: change.KindBase}}
	s.extensions["ltree"] = map[string]typeFact{"ltree": {oid: 17010, array: 17011, schema: "My Extensions", kind: change.KindBase}}
	return s
}

func greenplum6() *server { return pretended(greenplum, "6.24.3", 90426) }

func TestServersAreToldByWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		version     string
		distributes bool
		product     product
		release     string
	}{
		{"PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc", false, postgreSQL, "18.4"},
		{"PostgreSQL 9.4.26 (Greenplum Database 6.24.3 build commit:25d3498a400ca5230e81abb94861f23389315213) on x86_64-unknown-linux-gnu", true, greenplum, "6.24.3"},
		{"PostgreSQL 12.12 (Greenplum Database 7.1.0 build commit:e7c2b1f14bb42a1018ac57d14f4436880e0a0515 Open Source) on x86_64-pc-linux-gnu", true, greenplum, "7.1.0"},
		{"PostgreSQL 14.4 (Cloudberry Database 1.5.4 build commit:45f7ef2a1f) on x86_64-pc-linux-gnu", true, cloudberry, "1.5.4"},
		{"PostgreSQL 14.4 (Apache Cloudberry 2.0.0-incubating build commit:a071e3f8aa638786f01bbd08307b6474a1ba6997) on x86_64-pc-linux-gnu", true, cloudberry, "2.0.0"},
		{"PostgreSQL 9.4.26 (Greenplum Database 6.6.0 build dev) (AnalyticDB for PostgreSQL 6.6.2.0) on x86_64-unknown-linux-gnu", true, analyticDB, "6.6.2.0"},
		{"PostgreSQL 12.12 (adbpg 7.0.5.1) on x86_64", true, analyticDB, "7.0.5.1"},
		{"PostgreSQL 14.4 (Something Else 3) on x86_64", true, relative, ""},
	} {
		p, release := productOf(c.version, c.distributes)
		if p != c.product || release != c.release {
			t.Errorf("%s: %s %q", c.version, p, release)
		}
	}
}

func TestARealServerIsDetected(t *testing.T) {
	onEveryServer(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, nil).server
		if err := s.supported(); err != nil {
			t.Error(err)
		}
		if got := query(t, dsn, "SELECT version()")[0][0]; !strings.Contains(got, s.postgreSQLVersion()) || s.distributes() != strings.Contains(got, "Greenplum") {
			t.Errorf("%s is said to be %s", got, s.version())
		}
		if s.encoding != "UTF8" || s.standby || s.readOnly || s.floatDatetimes || !s.types["int4"].receives || s.types["int4"].array != 1007 || !s.hashable[23] {
			t.Errorf("%+v", s)
		}
		if got := s.check(); got.Worst() != fault.LevelOK || len(got) != 1 {
			t.Errorf("%+v", got)
		}
		t.Log(s.version(), s.features())
	})
}

func TestWhatAServerCannotBeIsSaid(t *testing.T) {
	for _, c := range []struct {
		change func(*server)
		level  fault.Level
		seen   string
	}{
		{func(s *server) { s.number = 80300 }, fault.LevelError, "too old: Greenplum 6"},
		{func(s *server) { s.product, s.number = postgreSQL, 110000 }, fault.LevelError, "too old: PostgreSQL 12"},
		{func(s *server) { s.role = "utility" }, fault.LevelError, "gp_role is utility"},
		{func(s *server) { s.encoding = "LATIN1" }, fault.LevelError, "encoding is LATIN1"},
		{func(s *server) { s.encoding = "SQL_ASCII" }, fault.LevelWarning, "SQL_ASCII"},
		{func(s *server) { s.floatDatetimes = true }, fault.LevelError, "integer_datetimes"},
		{func(s *server) { s.standby = true }, fault.LevelError, "takes no writes"},
	} {
		s := greenplum6()
		c.change(s)
		all := s.check()
		last := all[len(all)-1]
		if all.Worst() != c.level || !strings.Contains(last.Seen, c.seen) || last.Fix == "" {
			t.Errorf("want %q: %+v", c.seen, all)
		}
	}
}

func TestStorageIsSaidInTheServersWords(t *testing.T) {
	seven, berry, plain := pretended(greenplum, "7.1.0", 120012), pretended(cloudberry, "2.0.0", 140004), pretended(postgreSQL, "18", 180000)
	for _, c := range []struct {
		server            *server
		kind, compression string
		want              string // or what is wrong
	}{
		{greenplum6(), "", "", ""},
		{greenplum6(), "ao_row", "", "WITH (appendoptimized=true, orientation=row, compresstype=zstd)"},
		{greenplum6(), "ao_column", "zstd:5", "WITH (appendoptimized=true, orientation=column, compresstype=zstd, compresslevel=5)"},
		{greenplum6(), "ao_column", "rle_type:2", "WITH (appendoptimized=true, orientation=column, compresstype=rle_type, compresslevel=2)"},
		{greenplum6(), "ao_row", "none", "WITH (appendoptimized=true, orientation=row, compresstype=none)"},
		{seven, "ao_row", "zlib:6", "USING ao_row WITH (compresstype=zlib, compresslevel=6)"},
		{berry, "ao_column", "lz4", "USING ao_column WITH (compresstype=lz4)"},
		{plain, "heap", "none", ""},
		{plain, "ao_row", "", "PostgreSQL has no storage ao_row"},
		{plain, "", "zstd", "is for append-optimised tables"},
		{berry, "ao", "", `"ao" is no storage`},
		{berry, "ao_row", "rle_type", "is for storage ao_column"},
		{berry, "ao_row", "zstd:20", `has no level "20": levels are 1 to 19`},
		{berry, "ao_row", "zstd:x", `has no level "x"`},
		{berry, "ao_row", "gzip", `"gzip" is no compression`},
	} {
		st, err := c.server.storageOf(c.kind, c.compression)
		got := c.server.storageClause(st)
		if err != nil {
			if got = err.Error(); !fault.IsUsage(err) || fault.Hint(err) == "" {
				t.Errorf("%s %s: %v (%s)", c.kind, c.compression, err, fault.Hint(err))
			}
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s %s: %q, want %q", c.kind, c.compression, got, c.want)
		}
	}
}
