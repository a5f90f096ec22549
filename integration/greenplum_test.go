package integration

import (
	"fmt"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/sync"
)

// What only a real Greenplum shows: where rows lie, how they are stored, and that
// statements reach every segment. Where no Greenplum is named, none of these has
// a target.

// distributedBy are the columns by which a table of schema public is distributed.
func (s *scene) distributedBy(table string) string {
	s.Helper()
	return s.warehouse(`SELECT pg_get_table_distributedby(%s::regclass)`, quoteLiteral(s.there(table)))
}

func TestRowsLieByTheirKeys(t *testing.T) {
	onGreenplum(t, func(s *scene) {
		s.exec(`CREATE TABLE one (id int PRIMARY KEY, v text); CREATE TABLE two (b int, v text, a int, PRIMARY KEY (a, b)); CREATE TABLE wished (id int, tenant int, v text, PRIMARY KEY (id, tenant));
			CREATE TABLE log (v text, n int); CREATE TABLE wished_log (v text, n int);
			INSERT INTO one SELECT n, 'v' FROM generate_series(1, 3000) n; INSERT INTO two SELECT n, 'v', n % 7 FROM generate_series(1, 3000) n;
			INSERT INTO wished SELECT n, n % 50, 'v' FROM generate_series(1, 3000) n; INSERT INTO log SELECT 'v', n FROM generate_series(1, 3000) n; INSERT INTO wished_log SELECT * FROM log`)
		by := func(columns ...string) sync.TableWish {
			return sync.TableWish{Wishes: apply.Wishes{DistributedBy: columns}}
		}
		wishes := func(p *plan) {
			wishing("public.wished", by("tenant"))(p)
			wishing("public.wished_log", by("n"))(p)
		}
		tables := []string{"one", "two", "wished", "log", "wished_log"}
		s.catchUp(wishes)
		for table, want := range map[string]string{
			"one": "DISTRIBUTED BY (id)", "two": "DISTRIBUTED BY (a, b)", "wished": "DISTRIBUTED BY (tenant)", "log": "DISTRIBUTED RANDOMLY", "wished_log": "DISTRIBUTED BY (n)",
		} {
			s.is("distribution of "+table, s.distributedBy(table), want)
		}
		segments := s.warehouse(`SELECT count(*) FROM gp_segment_configuration WHERE content >= 0 AND role = 'p'`)
		for _, table := range tables {
			s.is("segments with rows of "+table, s.warehouse(`SELECT count(DISTINCT gp_segment_id) FROM %s`, s.from(table)), segments)
		}
		r := s.start(wishes).streaming()
		s.exec(`UPDATE one SET id = id + 10000 WHERE id % 3 = 0; UPDATE two SET a = a + 1, v = 'w' WHERE b % 2 = 0; UPDATE wished SET tenant = tenant + 100 WHERE id % 5 = 0;
			UPDATE wished SET v = 'w'; DELETE FROM one WHERE id < 500; DELETE FROM wished WHERE tenant = 7; INSERT INTO log SELECT 'w', n FROM generate_series(1, 500) n; INSERT INTO wished_log SELECT 'w', n FROM generate_series(1, 500) n`)
		r.here()
		s.equal(tables...)
		r.halt()
		s.catchUp(wishes)
		s.equal(tables...)
	})
}

func TestTablesAreStoredAsWanted(t *testing.T) {
	onGreenplum(t, func(s *scene) {
		stored := []struct {
			table, storage, compression string
			options                     string // of pg_class
		}{
			{"heap", "", "", ""},
			{"by_row", "ao_row", "zlib:5", "appendonly=true compresslevel=5 compresstype=zlib orientation=row"},
			{"by_column", "ao_column", "zstd", "appendonly=true compresstype=zstd orientation=column"},
			{"uncompressed", "ao_column", "none", "appendonly=true orientation=column"},
		}
		wishes := func(p *plan) {
			for _, of := range stored {
				wishing("public."+of.table, sync.TableWish{Wishes: apply.Wishes{Storage: of.storage, Compression: of.compression}})(p)
				wishing("public."+of.table+"_log", sync.TableWish{Wishes: apply.Wishes{Storage: of.storage, Compression: of.compression}})(p)
			}
		}
		var tables []string
		for _, of := range stored {
			s.exec(`CREATE TABLE %[1]s (id int PRIMARY KEY, n int, v text, big text); ALTER TABLE %[1]s ALTER big SET STORAGE EXTERNAL; CREATE TABLE %[1]s_log (v text);
				INSERT INTO %[1]s SELECT n, n, 'v' || n, repeat('big' || n, 1000) FROM generate_series(1, 500) n; INSERT INTO %[1]s_log SELECT 'v' || n FROM generate_series(1, 500) n`, of.table)
			tables = append(tables, of.table, of.table+"_log")
		}
		s.catchUp(wishes)
		for _, of := range stored {
			for _, table := range []string{of.table, of.table + "_log"} {
				s.is("storage of "+table, s.warehouse(`SELECT coalesce((SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(reloptions) o WHERE o NOT IN ('appendonly=false', 'compresslevel=1', 'compresstype=none')), '')
					FROM pg_class WHERE oid = %s::regclass`, quoteLiteral(s.there(table))), of.options)
			}
		}
		r := s.start(wishes).streaming()
		for _, of := range stored {
			s.exec(`BEGIN; UPDATE %[1]s SET n = n + 1; UPDATE %[1]s SET id = id + 1000 WHERE id %% 3 = 0; DELETE FROM %[1]s WHERE id %% 7 = 0; INSERT INTO %[1]s VALUES (5000, 1, 'new', NULL);
				INSERT INTO %[1]s_log VALUES ('new'); ALTER TABLE %[1]s ADD more int DEFAULT 3; UPDATE %[1]s SET v = 'changed', more = 4 WHERE id < 50; COMMIT`, of.table)
		}
		r.here()
		s.equal(tables...)
		s.exec(`TRUNCATE by_column; INSERT INTO by_column SELECT n, n, 'again', 'big' FROM generate_series(1, 10) n; TRUNCATE by_row_log`)
		r.here()
		r.halt()
		s.catchUp(wishes)
		s.equal(tables...)
	})
}

func TestWishesThatOnlyGreenplumCanGrant(t *testing.T) {
	onGreenplum(t, func(s *scene) {
		s.exec(`CREATE TABLE t (id int, tenant int, v text, PRIMARY KEY (id, tenant))`)
		config := func(wishes string) string {
			return s.configure(fmt.Sprintf("  storage: ao_column\nsource: {dsn: '%s'}\ntables:\n  - name: public.t\n    %s", s.sourceDSN(), wishes))
		}
		s.pgsluice("check", "-c", config("distributed_by: [v]")).exits(3, "distributed_by", "column v")
		s.pgsluice("check", "-c", config("distributed_by: [no]")).exits(3, "distributed_by", "no")
		s.pgsluice("plan", "-c", config("distributed_by: [tenant]")).exits(0, `DISTRIBUTED BY ("tenant")`, "orientation=column", "zstd")
		s.nothingLeft()
		s.pgsluice("run", "-c", config("distributed_by: [tenant]"), "--until", "caught-up").exits(0)
		s.is("distribution", s.distributedBy("t"), "DISTRIBUTED BY (tenant)")
		s.equal("t")
	})
}
