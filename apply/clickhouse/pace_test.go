package clickhouse

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceHoldsTheRateAfterABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(20)
		start := time.Now()
		const batches, parts = 100, 5
		for range batches {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.spend(parts)
		}
		took := time.Since(start).Seconds()
		// A second's worth is free, and the last batch is not paid for yet.
		if least := (batches*parts - 20 - parts) / 20.0; took < least-0.1 || took > least+1.1 {
			t.Errorf("%d parts at 20 a second took %.2f s", batches*parts, took)
		}
		<-time.After(time.Hour) // by the bubble's clock
		idle := time.Now()
		for range 4 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.spend(parts)
		}
		if time.Since(idle) != 0 {
			t.Error("a rested target was made to wait")
		}
		p.spend(1000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestPaceWithoutABoundNeverWaits(t *testing.T) {
	p := newPacer(0)
	p.spend(1e9)
	if err := p.wait(t.Context()); err != nil {
		t.Error(err)
	}
}
