package clickhouse

import (
	"context"
	"strings"

	"github.com/pgsluice/pgsluice/apply"
)

// createTable is the statement that makes the table of a plan.
func (p *plan) createTable(end string) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + p.name + " (\n")
	for _, s := range p.specs {
		b.WriteString("    " + ident(s.name) + " " + s.ddl + ",\n")
	}
	b.WriteString("    " + ident(versionColumn) + " " + versionSpec.ddl + ",\n")
	b.WriteString("    " + ident(deletedColumn) + " " + deletedSpec.ddl + "\n")
	b.WriteString(")\nENGINE = ReplacingMergeTree(" + ident(versionColumn) + ", " + ident(deletedColumn) + ")\n")
	if by := p.table.Wishes.PartitionBy; by != "" {
		b.WriteString("PARTITION BY " + by + "\n")
	}
	b.WriteString("ORDER BY (" + idents(p.orderBy()) + ")")
	b.WriteString(end)
	return b.String()
}

// orderBy is what tells rows apart: the key, or where the source has none the
// row's position. The user may want another order, with the same columns where
// there is a key, and with any before the position where there is none.
func (p *plan) orderBy() []string {
	var names []string
	for _, wish := range p.table.Wishes.OrderBy {
		for _, s := range p.specs {
			if s.source == wish {
				names = append(names, s.name)
			}
		}
	}
	switch {
	case len(p.key) == 0:
		return append(names, versionColumn)
	case len(names) > 0:
		return names
	}
	return p.keyNames()
}

// keyNames are the key's columns in the order of the source's key.
func (p *plan) keyNames() []string {
	names := make([]string, len(p.key))
	for place, i := range p.key {
		names[place] = p.specs[i].name
	}
	return names
}

// tableSettings end a CREATE TABLE, but for a comment. See docs/decisions/0003.
func (t *Target) tableSettings() string {
	if t.address.durable {
		return "\nSETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
	}
	return ""
}

func (t *Target) tableEnd() string {
	if t.opts.Pipeline == "" {
		return t.tableSettings()
	}
	return t.tableSettings() + "\nCOMMENT " + text(apply.MadeBy(t.opts.Pipeline))
}

func (t *Target) createDatabase(ctx context.Context) error {
	there, err := t.hasDatabase(ctx)
	if err != nil || there {
		return err // without asking for a right that is not needed
	}
	return t.statements.Exec(ctx, t.createDatabaseStatement())
}

func (t *Target) createDatabaseStatement() string {
	return "CREATE DATABASE IF NOT EXISTS " + ident(t.address.database)
}

func (t *Target) hasDatabase(ctx context.Context) (bool, error) {
	var there uint64
	err := t.statements.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = "+text(t.address.database)).Scan(&there)
	return there > 0, err
}
