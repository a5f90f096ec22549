package clickhouse

import (
	"fmt"

	"github.com/pgsluice/pgsluice/change"
)

// keyColumns are the columns of a key. What they send for a key tells it from
// others as the server does, however PostgreSQL wrote it.
type keyColumns struct {
	columns []*column
	scratch []byte // what the methods give, until the next call
}

func newKeyColumns(p *plan) keyColumns {
	var k keyColumns
	for _, i := range p.key {
		k.columns = append(k.columns, newColumn(p.specs[i]))
	}
	return k
}

// add puts a key behind the others, and gives its bytes.
func (k *keyColumns) add(key []change.Datum) ([]byte, error) {
	k.scratch = k.scratch[:0]
	for i, c := range k.columns {
		from := len(c.data)
		if err := c.append(key[i]); err != nil {
			return nil, fmt.Errorf("key column %s: %w", change.QuoteIdent(c.name), err)
		}
		k.scratch = append(k.scratch, c.data[from:]...)
	}
	return k.scratch, nil
}

// bytes gives the bytes of a key, in the place of all others.
func (k *keyColumns) bytes(key []change.Datum) ([]byte, error) {
	for _, c := range k.columns {
		c.reset()
	}
	return k.add(key)
}

// at gives the bytes of the key in row i.
func (k *keyColumns) at(i int) []byte {
	k.scratch = k.scratch[:0]
	for _, c := range k.columns {
		k.scratch = append(k.scratch, c.value(i)...)
	}
	return k.scratch
}
