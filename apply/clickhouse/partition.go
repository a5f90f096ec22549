package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/internal/fault"
)

// checkPartition refuses an expression that would put rows of one key into
// several partitions, where they never meet. The server's parser says which
// columns there are in it.
func (t *Target) checkPartition(ctx context.Context, p *plan) error {
	by := p.table.Wishes.PartitionBy
	if by == "" {
		return nil
	}
	rows, err := t.statements.Query(ctx, "EXPLAIN AST SELECT "+by)
	if err != nil {
		return fault.Usage(fmt.Errorf("partition_by %s: %w", by, err), "write an expression of ClickHouse over the key's columns, such as toYYYYMM(created_at)")
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		name, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "Identifier ")
		if !ok || len(p.key) == 0 {
			continue // rows without a key do not change, and so stay where they are
		}
		name, _, _ = strings.Cut(name, " (alias ")
		if !slices.Contains(p.keyNames(), name) {
			return fault.Usage(
				fmt.Errorf("partition_by %s: %s is not in the key (%s), so rows of one key could lie in several partitions and would never meet",
					by, change.QuoteIdent(name), idents(p.keyNames())),
				"partition by columns of the key; a column is added to it with order_by, where the source's table has REPLICA IDENTITY FULL")
		}
	}
	return rows.Err()
}

// checkSamePartition sees that a table that is there is partitioned as the user
// wants it, as the server understands the two expressions. Without a wish any
// partition will do that keeps a key together.
func (t *Target) checkSamePartition(ctx context.Context, p *plan, f *found) error {
	by := p.table.Wishes.PartitionBy
	if by == "" {
		return nil
	}
	if f.partitionKey == "" {
		return unfit(fmt.Errorf("it is not partitioned, and %s is wanted", by))
	}
	var same uint8
	err := t.statements.QueryRow(ctx, "SELECT formatQuerySingleLine("+text("SELECT ("+by+")")+") = formatQuerySingleLine("+text("SELECT ("+f.partitionKey+")")+")").Scan(&same)
	if err == nil && same == 0 {
		return unfit(fmt.Errorf("it is partitioned by (%s), and not by %s", f.partitionKey, by))
	}
	return err
}
