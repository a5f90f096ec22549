package replication

import (
	"context"
	"fmt"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/crash"
	"github.com/pgsluice/pgsluice/internal/fault"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

// Operations are what a publication publishes.
type Operations struct{ Insert, Update, Delete, Truncate bool }

// All says that none is left out.
func (o Operations) All() bool { return o.Insert && o.Update && o.Delete && o.Truncate }

// String writes them as the publication's publish parameter does.
func (o Operations) String() string {
	var names []string
	for _, op := range []struct {
		on   bool
		name string
	}{{o.Insert, "insert"}, {o.Update, "update"}, {o.Delete, "delete"}, {o.Truncate, "truncate"}} {
		if op.on {
			names = append(names, op.name)
		}
	}
	return strings.Join(names, ", ")
}

// Publication is what the source says about a publication.
type Publication struct {
	ViaRoot    bool
	Operations Operations
}

// FindPublication looks a publication up; nil when there is none.
func (c *Conn) FindPublication(ctx context.Context, name string) (*Publication, error) {
	root := "false"
	if c.Version >= 130000 {
		root = "pubviaroot"
	}
	rows, err := postgres.Exec(ctx, c.pg, fmt.Sprintf(
		"SELECT %s, pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_catalog.pg_publication WHERE pubname = %s",
		root, change.QuoteLiteral(name)))
	if err != nil {
		return nil, fmt.Errorf("look up publication %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	r := rows[0]
	return &Publication{
		ViaRoot:    r[0] == "t",
		Operations: Operations{Insert: r[1] == "t", Update: r[2] == "t", Delete: r[3] == "t", Truncate: r[4] == "t"},
	}, nil
}

// Published is a table as a publication publishes it.
type Published struct {
	// Columns are the published ones; nil where the server does not tell
	// (before PostgreSQL 15), which means all but the generated ones.
	Columns []string
	// RowFilter is the publication's WHERE, empty for none.
	RowFilter string
}

// Published lists the tables of a publication by their quoted name.
func (c *Conn) Published(ctx context.Context, name string) (map[string]Published, error) {
	detail := "'', '', false"
	if c.Version >= 150000 {
		// Names are joined by a character that no identifier can hold.
		detail = "array_to_string(attnames, E'\\x01'), coalesce(rowfilter, ''), true"
		if c.Version < 160000 {
			// This one lists generated columns, which it never sends.
			detail = `array_to_string(ARRAY(
			  SELECT listed FROM unnest(attnames) AS listed WHERE NOT EXISTS (
			    SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
			    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			    WHERE n.nspname = schemaname AND c.relname = tablename AND a.attname = listed AND a.attgenerated <> '')), E'\x01'),
			  coalesce(rowfilter, ''), true`
		}
	}
	rows, err := postgres.Exec(ctx, c.pg, fmt.Sprintf(
		"SELECT schemaname, tablename, %s FROM pg_catalog.pg_publication_tables WHERE pubname = %s",
		detail, change.QuoteLiteral(name)))
	if err != nil {
		return nil, fmt.Errorf("list the tables of publication %s: %w", name, err)
	}
	tables := make(map[string]Published, len(rows))
	for _, r := range rows {
		p := Published{RowFilter: r[3]}
		if r[4] == "t" {
			p.Columns = strings.Split(r[2], "\x01")
		}
		tables[change.QuoteIdent(r[0])+"."+change.QuoteIdent(r[1])] = p
	}
	return tables, nil
}

// PublicationTable names a table for a publication statement.
type PublicationTable struct {
	Schema, Name string
	// Partitioned roots stand for their leaves; of other tables ONLY the table
	// itself is meant, not what inherits from it.
	Partitioned bool
	// Where is the condition on the rows, empty for all; PostgreSQL 15 and later.
	Where string
}

func (t PublicationTable) sql() string {
	name := t.name()
	if t.Where != "" {
		name += " WHERE (" + t.Where + ")"
	}
	return name
}

func (t PublicationTable) name() string {
	name := change.AlwaysQuote(t.Schema) + "." + change.AlwaysQuote(t.Name)
	if t.Partitioned {
		return name
	}
	return "ONLY " + name
}

func joinTables(tables []PublicationTable) string {
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = t.sql()
	}
	return strings.Join(list, ", ")
}

// CreatePublicationSQL is the statement that CreatePublication runs on a server
// of the version.
func CreatePublicationSQL(version int, name string, ops Operations, tables []PublicationTable) string {
	with := "publish = '" + ops.String() + "'"
	if version >= 130000 {
		with += ", publish_via_partition_root = true"
	}
	if version >= 180000 {
		with += ", publish_generated_columns = stored"
	}
	return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (%s)", change.AlwaysQuote(name), joinTables(tables), with)
}

// AddToPublicationSQL is the statement that adds tables to a publication.
func AddToPublicationSQL(name string, tables []PublicationTable) string {
	return fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s", change.AlwaysQuote(name), joinTables(tables))
}

// ReplaceInPublicationSQL are the statements that give a table of a publication
// another condition. Between them the table is not published, and what happens
// to it then is not in the stream: they stand in one transaction.
func ReplaceInPublicationSQL(publication string, t PublicationTable) string {
	return fmt.Sprintf("BEGIN; ALTER PUBLICATION %s DROP TABLE %s; %s; COMMIT;", change.AlwaysQuote(publication), t.name(),
		AddToPublicationSQL(publication, []PublicationTable{t}))
}

// CreatePublication makes a publication for the tables.
func (c *Conn) CreatePublication(ctx context.Context, name string, ops Operations, tables []PublicationTable) error {
	return c.publicationStatement(ctx, "create publication "+name, CreatePublicationSQL(c.Version, name, ops, tables))
}

// AddToPublication adds tables to a publication.
func (c *Conn) AddToPublication(ctx context.Context, name string, tables []PublicationTable) error {
	return c.publicationStatement(ctx, "add tables to publication "+name, AddToPublicationSQL(name, tables))
}

func (c *Conn) publicationStatement(ctx context.Context, doing, sql string) error {
	_, err := postgres.Exec(ctx, c.pg, sql)
	if err == nil {
		crash.At("published")
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, err)
	if postgres.Code(err) == "42501" {
		return fault.Precondition(err, "GRANT CREATE ON DATABASE to the user and make it the tables' owner, or let the owner run: "+sql+";")
	}
	return err
}

// DropPublication removes a publication. One that is not there is not an error.
func (c *Conn) DropPublication(ctx context.Context, name string) error {
	if _, err := postgres.Exec(ctx, c.pg, "DROP PUBLICATION IF EXISTS "+change.AlwaysQuote(name)); err != nil {
		return fmt.Errorf("drop publication %s: %w", name, err)
	}
	return nil
}

// Now is [postgres.Written].
func (c *Conn) Now(ctx context.Context) (change.LSN, error) { return postgres.Written(ctx, c.pg) }
