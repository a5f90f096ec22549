package clickhouse

import (
	"context"
	"fmt"

	"github.com/pgsluice/pgsluice/change"
)

// truncate removes the rows from before a position and returns when nobody sees
// them any more. Rows from behind it, which are there when a stretch is
// replayed, stay.
//
// TRUNCATE TABLE would be the obvious statement where no newer row exists. It
// lost: when the connection breaks, the server may carry it out after the next
// attempt has written newer rows. A DELETE that comes late does no harm, and
// where it removes whole parts it reads one column and writes nothing.
func (t *Target) truncate(ctx context.Context, p *plan, at change.Position) error {
	return t.deleteWhere(ctx, p.name, fmt.Sprintf("%s < %s", versionColumn, versionOf(at)))
}

func (t *Target) deleteWhere(ctx context.Context, table, condition string) error {
	return t.statements.Exec(ctx, "ALTER TABLE "+table+" DELETE WHERE "+condition)
}
