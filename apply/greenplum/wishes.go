package greenplum

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// synonyms are names of types that PostgreSQL has for one that has a shorter or a
// more usual one.
var synonyms = map[string]string{
	"int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision", "bool": "boolean",
	"character varying": "varchar", "character": "char", "varbit": "bit varying", "decimal": "numeric",
	"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "time without time zone": "time", "time with time zone": "timetz",
}

var typeName = regexp.MustCompile(`^([a-z0-9_ ]+?) ?(\([0-9, -]+\))?((?: with(?:out)? time zone)?) ?((?:\[\])*)$`)

// usualName writes a type's name in the way that plans do, as far as that can be
// told without the server.
func usualName(name string) string {
	name = strings.TrimPrefix(strings.Join(strings.Fields(name), " "), "pg_catalog.")
	m := typeName.FindStringSubmatch(strings.ToLower(name))
	if m == nil {
		return name
	}
	base := m[1] + m[3]
	if usual, ok := synonyms[base]; ok {
		base = usual
	}
	return base + strings.ReplaceAll(m[2], " ", "") + m[4]
}

// sameName says whether two names are surely those of one type.
func sameName(a, b string) bool { return a == b || usualName(a) == usualName(b) }

// systemColumns are those that every table has (src/include/access/sysattr.h),
// gp_segment_id in Greenplum alone. oid was one of them until PostgreSQL 12.
var systemColumns = []string{"tableoid", "ctid", "xmin", "cmin", "xmax", "cmax"}

func (s *server) isSystemColumn(name string) bool {
	return slices.Contains(systemColumns, name) || s.distributes() && name == "gp_segment_id" || s.number < 120000 && name == "oid"
}

// longestName is NAMEDATALEN - 1. A longer one would be cut.
const longestName = 63

// checkNames sees that the table's and its columns' names can be had, and are
// their own.
func (p *plan) checkNames(s *server) error {
	for _, name := range []string{p.schema, p.name} {
		if len(name) > longestName {
			return fault.Usage(tooLong("the target's name", name), "choose another name with target.table or `target`")
		}
	}
	names := map[string]string{}
	for _, c := range p.columns {
		bare, source := c.bare(), c.source.Name
		other, twice := names[bare]
		names[bare] = source
		switch {
		case bare == "":
			return fault.Usage(fmt.Errorf("column %s is to have no name", change.QuoteIdent(source)), "write a name in `rename`, or nothing at all")
		case len(bare) > longestName:
			return fault.Usage(tooLong("the name of column "+change.QuoteIdent(source), bare), "choose another name in `rename`")
		case strings.ContainsRune(bare, 0):
			return fault.Usage(fmt.Errorf("the name of column %s has a zero byte in it", change.QuoteIdent(source)), "choose another name in `rename`")
		case twice:
			return fault.Usage(fmt.Errorf("columns %s and %s would both be named %s", change.QuoteIdent(other), change.QuoteIdent(source), change.QuoteIdent(bare)),
				"choose another name in `rename`")
		case s.isSystemColumn(bare):
			judge := fault.Precondition
			if bare != source {
				judge = fault.Usage
			}
			return judge(fmt.Errorf("a column would be named %s, which is a system column in the target", bare),
				"rename the column, in the source or with `rename`, or leave it out with `exclude`")
		}
	}
	return nil
}

func tooLong(what, name string) error {
	return fmt.Errorf("%s would be %d bytes long, and the target cuts names at %d: %s", what, len(name), longestName, name)
}

// place decides how the table keeps its rows, and on which node each lies.
func (s *server) place(p *plan, opts *Options) error {
	w := &p.table.Wishes
	if len(w.OrderBy) > 0 || w.PartitionBy != "" {
		return fault.Usage(errors.New("order_by and partition_by are for ClickHouse"), "leave them out: in Greenplum distributed_by says where rows lie")
	}
	var err error
	kind, compression := opts.Storage, opts.Compression
	if w.Storage != "" {
		if kind = w.Storage; w.Storage != opts.Storage && w.Storage == heap {
			compression = "" // it was meant for another storage
		}
	}
	if w.Compression != "" {
		compression = w.Compression
	}
	if p.storage, err = s.storageOf(kind, compression); err != nil {
		return err
	}
	if err := s.distribute(p, w); err != nil {
		return err
	}
	p.unique = len(p.key) > 0 && s.canBeUnique(p.storage) && (!s.distributes() || len(p.distribution) > 0)
	if len(p.key) > 0 && !p.unique {
		why := "append-optimised tables of this server have none"
		if s.canBeUnique(p.storage) {
			why = "rows cannot be distributed by any of its columns"
		}
		for _, i := range p.key {
			if p.columns[i].wish != "" { // two keys can be one to another type
				return fault.Usage(fmt.Errorf("column %s is in the key, and cannot be %s: %s, so that nothing would tell of keys that become one",
					change.QuoteIdent(p.columns[i].source.Name), p.columns[i].wish, why), "leave it as it is, or wish for text")
			}
			p.columns[i].losses = append(p.columns[i].losses, "the primary key: "+why+"; pgsluice keeps rows apart by it all the same")
		}
	}
	return nil
}

// distribute chooses the distribution key: the columns wished for, or those of the
// key by whose values the server can distribute.
func (s *server) distribute(p *plan, w *apply.Wishes) error {
	switch {
	case !s.distributes() && len(w.DistributedBy) > 0:
		return fault.Usage(fmt.Errorf("distributed_by is for Greenplum, and the target is %s", s.product), "leave it out")
	case !s.distributes():
		return nil
	case len(w.DistributedBy) == 0:
		for _, i := range p.key {
			if s.distributesBy(p.columns[i]) {
				p.distribution = append(p.distribution, i)
			}
		}
		return nil
	}
	for _, name := range w.DistributedBy {
		i := slices.IndexFunc(p.columns, func(c *column) bool { return c.source.Name == name })
		switch {
		case i < 0:
			return fault.Usage(fmt.Errorf("distributed_by names column %s, which is not there", change.QuoteIdent(name)), "name columns as the source does")
		case len(p.key) > 0 && !slices.Contains(p.key, i):
			return fault.Usage(fmt.Errorf("distributed_by names column %s, which is not in the key: rows of one key would lie on several nodes", change.QuoteIdent(name)),
				"distribute by columns of the key: "+strings.Join(p.sourceNames(p.key), ", "))
		case !s.distributesBy(p.columns[i]):
			return fault.Usage(fmt.Errorf("distributed_by names column %s, and the target cannot distribute rows by values of %s", change.QuoteIdent(name), p.columns[i].ddl),
				"distribute by other columns")
		case slices.Contains(p.distribution, i):
			return fault.Usage(fmt.Errorf("distributed_by names column %s twice", change.QuoteIdent(name)), "name it once")
		}
		p.distribution = append(p.distribution, i)
	}
	return nil
}

// distributesBy says whether rows can be distributed by values of the column. Of a
// type that the user wants the server has to say it.
func (s *server) distributesBy(c *column) bool { return c.typ == nil || s.hashes(c.typ) }

// names are the target's columns at the places, quoted; sourceNames the source's.
func (p *plan) names(places []int) []string {
	names := make([]string, len(places))
	for k, i := range places {
		names[k] = p.columns[i].name
	}
	return names
}

func (p *plan) sourceNames(places []int) []string {
	names := make([]string, len(places))
	for k, i := range places {
		names[k] = change.QuoteIdent(p.columns[i].source.Name)
	}
	return names
}
