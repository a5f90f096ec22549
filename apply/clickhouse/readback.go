package clickhouse

import (
	"context"
	"errors"

	"github.com/pgsluice/pgsluice/apply"
)

type readback struct{}

var errNotYet = errors.New("not built yet")

func (t *Target) readBack(ctx context.Context, p *plan, tb *apply.TableBatch) (*readback, error) {
	return nil, errNotYet
}

func (r *readback) append(b *block, row *apply.Row) error { return errNotYet }
