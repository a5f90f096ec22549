package clickhouse

import "sync"

// blockPool keeps blocks for reuse: their columns have grown to the size that a
// full block needs. What it may hold in all is bounded, whatever the number of
// tables; the longest unused goes first.
type blockPool struct {
	mu    sync.Mutex
	free  []*block
	bytes int
}

const (
	poolBytes = 128 << 20
	// A block that a single huge value blew up is not worth keeping.
	poolBlockBytes = 48 << 20
)

func (p *blockPool) get(plan *plan) *block {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.free) - 1; i >= 0; i-- {
		if b := p.free[i]; b.plan == plan {
			p.remove(i)
			return b
		}
	}
	return newBlock(plan)
}

func (p *blockPool) put(b *block) {
	b.reset()
	for _, c := range b.columns {
		c.uncount()
	}
	size := b.capacity()
	if size > poolBlockBytes {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
	p.bytes += size
	for p.bytes > poolBytes {
		p.remove(0)
	}
}

// forget drops the blocks of a plan that nobody will ask for again.
func (p *blockPool) forget(plan *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.free) - 1; i >= 0; i-- {
		if p.free[i].plan == plan {
			p.remove(i)
		}
	}
}

func (p *blockPool) remove(i int) {
	p.bytes -= p.free[i].capacity()
	copy(p.free[i:], p.free[i+1:])
	p.free[len(p.free)-1] = nil
	p.free = p.free[:len(p.free)-1]
}
