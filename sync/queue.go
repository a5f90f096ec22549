package sync

import stdsync "sync"

// queue hands things from one goroutine to another that looks now and then.
type queue[T any] struct {
	mu    stdsync.Mutex
	items []T
}

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, item)
}

// take gives all that was put since.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	q.items = nil
	return taken
}
