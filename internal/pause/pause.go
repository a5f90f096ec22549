// Package pause waits between two tries.
package pause

import (
	"context"
	"time"
)

// For waits so long, or until the context ends, which is its error then: the cause.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
