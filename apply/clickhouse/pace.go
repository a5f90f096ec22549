package clickhouse

import (
	"context"
	"sync"
	"time"
)

// pacer is a bucket of tokens, one for each new part, that may run into debt: a
// batch is never held up half-way, but the next one waits until the debt of the
// last is paid. While it waits the batch grows, and so many tables make batches
// larger, not merges slower.
type pacer struct {
	rate float64 // parts per second; 0: without bound

	mu      sync.Mutex
	balance float64
	at      time.Time // when balance was right
}

func newPacer(rate float64) *pacer {
	return &pacer{rate: rate, balance: max(rate, 1), at: time.Now()}
}

// spend takes parts from the balance.
func (p *pacer) spend(parts float64) {
	if p.rate <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill()
	p.balance -= parts
}

// fill adds what has come in since the last look; a second's worth is kept at
// most.
func (p *pacer) fill() {
	now := time.Now()
	p.balance = min(p.balance+now.Sub(p.at).Seconds()*p.rate, max(p.rate, 1))
	p.at = now
}

// missing is how long it takes until the balance is positive.
func (p *pacer) missing() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill()
	if p.balance > 0 {
		return 0
	}
	return max(time.Duration((-p.balance/p.rate)*float64(time.Second)), time.Millisecond)
}

// Pace implements [apply.Pacer]: it returns when the parts of earlier batches
// are paid for.
func (t *Target) Pace(ctx context.Context) error { return t.pace.wait(ctx) }

func (p *pacer) wait(ctx context.Context) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	for {
		d := p.missing()
		if d == 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
