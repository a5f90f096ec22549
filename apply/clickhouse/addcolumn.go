package clickhouse

import "context"

func (t *Target) addColumn(ctx context.Context, p *plan, i int, empty bool) error { return errNotYet }
