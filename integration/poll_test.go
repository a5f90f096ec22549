package integration

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"
)

// patience is far beyond what anything here takes; it bounds a test that waits
// for something that never comes.
const patience = 3 * time.Minute

// poll asks until the condition holds.
func poll(ctx context.Context, most time.Duration, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %v", most)
		}
	}
}

// eventually waits until the condition holds.
func (s *scene) eventually(what string, holds func() bool) {
	s.Helper()
	if err := poll(s.ctx, patience, func() (bool, error) { return holds(), nil }); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// journal keeps what is written to it; many may write at once.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// String is everything so far.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
