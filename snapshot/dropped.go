package snapshot

import (
	"context"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

const droppedSQL = `
SELECT attrelid, attnum FROM pg_catalog.pg_attribute
WHERE attrelid = ANY($1) AND attnum > 0 AND attisdropped
ORDER BY attrelid, attnum`

// dropped reads the numbers of columns that are gone, by table.
func (c *Catalog) dropped(ctx context.Context, oids []uint32) (map[uint32][]int16, error) {
	numbers := map[uint32][]int16{}
	rows, err := c.conn.Query(ctx, droppedSQL, oids)
	if err != nil {
		return nil, postgres.Doing(err, "read the dropped columns of the source's tables")
	}
	defer rows.Close()
	for rows.Next() {
		var table uint32
		var attnum int16
		if err := rows.Scan(&table, &attnum); err != nil {
			return nil, postgres.Doing(err, "read the dropped columns of the source's tables")
		}
		numbers[table] = append(numbers[table], attnum)
	}
	return numbers, postgres.Doing(rows.Err(), "read the dropped columns of the source's tables")
}
