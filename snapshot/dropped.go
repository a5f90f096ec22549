package snapshot

import "context"

const droppedSQL = `
SELECT attrelid, attnum FROM pg_catalog.pg_attribute
WHERE attrelid = ANY($1) AND attnum > 0 AND attisdropped
ORDER BY attrelid, attnum`

// dropped reads the numbers of columns that are gone, by table.
func (c *Catalog) dropped(ctx context.Context, oids []uint32) (map[uint32][]int16, error) {
	numbers := map[uint32][]int16{}
	var table uint32
	var attnum int16
	err := c.each(ctx, "read the dropped columns of the source's tables", droppedSQL, []any{oids}, []any{&table, &attnum}, func() {
		numbers[table] = append(numbers[table], attnum)
	})
	return numbers, err
}
