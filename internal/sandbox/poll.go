package sandbox

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is short beside the start of a server (hundreds of milliseconds) and long beside one look at it.
const pollEvery = 10 * time.Millisecond

// defaultPatience bounds a start when the caller's context has no deadline: a slow machine needs some seconds, and
// a server that is not there after a minute will not come.
const defaultPatience = time.Minute

// poll calls look at once and then again and again until it reports true, fails, or ctx ends.
func poll(ctx context.Context, look func() (bool, error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		switch done, err := look(); {
		case err != nil:
			return err
		case done:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// patient gives ctx a deadline if it has none.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, defaultPatience)
}
