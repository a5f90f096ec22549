package sync

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff gives the pauses between attempts: doubled from the first to the last,
// and a random half of it, so that pipelines that fell together do not rise
// together.
type backoff struct{ pause time.Duration }

const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

func newBackoff() *backoff { return &backoff{firstPause} }

func (b *backoff) next() time.Duration {
	wait := b.pause/2 + rand.N(b.pause/2)
	b.pause = min(2*b.pause, lastPause)
	return wait.Round(time.Millisecond)
}

// rest waits, but not for a pipeline that is asked to stop.
func (p *Pipeline) rest(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.stop:
		return errStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
