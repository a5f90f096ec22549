package greenplum

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/postgres"
)

func TestTheContractIsKept(t *testing.T) {
	for name, server := range dsns(t) {
		t.Run(name, func(t *testing.T) {
			// Greenplum 6 tells who has waited for a table that is dropped then
			// that there is none of the name.
			again := func(err error) bool { return name == "Greenplum" && postgres.Code(err) == undefinedTable }
			applytest.Run(t, applytest.Subject{
				Unversioned: true, Again: again,
				Name: func(table string) string { return Name("public", table) },
				New:  func(t *testing.T) applytest.Warehouse { return &warehouse{dsn: database(t, server)} },
			})
		})
	}
}

// warehouse is a database.
type warehouse struct{ dsn string }

func (w *warehouse) Open(ctx context.Context) (apply.Target, error) {
	return Open(ctx, Options{DSN: w.dsn, Pipeline: "shop", Log: slog.New(slog.DiscardHandler)})
}

// Read asks as any user would.
func (w *warehouse) Read(ctx context.Context, table *apply.Table) ([][]string, error) {
	columns := make([]string, len(table.Relation.Columns))
	for i, c := range table.Relation.Columns {
		columns[i] = fmt.Sprintf("coalesce(%s::text, '%s')", change.AlwaysQuote(c.Name), applytest.Null)
	}
	schema, name, err := parseName(table.Name)
	if err != nil {
		return nil, err
	}
	return read(ctx, w.dsn, "SELECT "+strings.Join(columns, ", ")+" FROM "+quoted(schema, name))
}
