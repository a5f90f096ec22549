package status

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Samples are kept of each pipeline, one every [Options].Every: of what is longer
// ago, Prometheus knows.
const Samples = 600

// sample is a pipeline's numbers at a moment: totals as they stand, from which
// rates are made when they are drawn.
type sample struct {
	at                   time.Time
	loaded, applied      float64
	lagBytes, lagSeconds float64
	retained             float64
	batches              float64
	batchRows, batchSecs float64
}

func take(at time.Time, p *Pipeline) sample {
	return sample{
		at: at, loaded: float64(p.Loaded), applied: float64(p.Applied), lagBytes: float64(p.LagBytes), lagSeconds: p.LagSeconds,
		retained: float64(p.RetainedBytes), batches: float64(p.Batches), batchRows: p.BatchRows.Sum, batchSecs: p.BatchSeconds.Sum,
	}
}

// ring holds the last samples of a pipeline.
type ring struct {
	samples []sample
	next    int
}

func (r *ring) add(s sample) {
	if len(r.samples) < Samples {
		r.samples = append(r.samples, s)
		return
	}
	r.samples[r.next] = s
	r.next = (r.next + 1) % Samples
}

// inOrder gives the samples, oldest first.
func (r *ring) inOrder() []sample {
	return slices.Concat(r.samples[r.next:], r.samples[:r.next])
}

// history remembers the last samples of all pipelines.
type history struct {
	mu    sync.Mutex
	rings map[string]*ring
}

// look takes a sample of each pipeline, and forgets those that are no more.
func (h *history) look(at time.Time, all []Pipeline) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for i := range all {
		name := all[i].Name
		seen[name] = true
		if h.rings[name] == nil {
			h.rings[name] = &ring{}
		}
		h.rings[name].add(take(at, &all[i]))
	}
	maps.DeleteFunc(h.rings, func(name string, _ *ring) bool { return !seen[name] })
}

func (h *history) of(name string) []sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rings[name]; r != nil {
		return r.inOrder()
	}
	return nil
}
