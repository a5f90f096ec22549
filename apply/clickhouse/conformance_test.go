package clickhouse

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/apply/applytest"
)

func TestClickHouseKeepsTheContract(t *testing.T) {
	applytest.Run(t, applytest.Subject{
		Refused: numericType(5, 2), RefusedText: "NaN",
		New: func(t *testing.T) applytest.Warehouse {
			return &warehouse{dsn: startServer(t).DSN(database(t)), reader: open(t, nil)}
		},
	})
}

// warehouse is a database; reader is a connection of its own.
type warehouse struct {
	dsn    string
	reader *Target
}

func (w *warehouse) Open(ctx context.Context) (apply.Target, error) {
	return Open(ctx, Options{Pipeline: "shop", DSN: w.dsn, Log: slog.New(slog.DiscardHandler)})
}

// Read is what the manual tells readers to do: SELECT … FINAL.
func (w *warehouse) Read(ctx context.Context, table *apply.Table) ([][]string, error) {
	var columns []string
	for _, c := range table.Relation.Columns {
		columns = append(columns, fmt.Sprintf("ifNull(toString(%s), %s)", ident(c.Name), text(applytest.Null)))
	}
	rows, err := w.reader.statements.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+w.reader.tableName(table.Name)+" FINAL")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		row := make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
