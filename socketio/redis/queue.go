package redis

import (
	"sync"
	"time"
)

// maxBatch bounds what a queue hands over at once.
const maxBatch = 512

// queue hands items over in order and in batches, on a goroutine that exists only while there are any.
type queue[T any] struct {
	limit  int // bytes that may wait
	handle func([]T)

	mu    sync.Mutex
	items []sized[T]
	bytes int
	idle  chan struct{} // closed when nothing is left; nil while nothing is
}

type sized[T any] struct {
	item T
	size int
}

func newQueue[T any](limit int, handle func([]T)) *queue[T] {
	return &queue[T]{limit: limit, handle: handle}
}

// add reports false when too much waits already. One item may be of any size.
func (q *queue[T]) add(item T, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes > 0 && q.bytes+size > q.limit {
		return false
	}
	q.items = append(q.items, sized[T]{item, size})
	q.bytes += size
	if q.idle == nil {
		q.idle = make(chan struct{})
		go q.run()
	}
	return true
}

func (q *queue[T]) run() {
	for batch := q.next(); batch != nil; batch = q.next() {
		q.handle(batch)
	}
}

func (q *queue[T]) next() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.items), maxBatch)
	if n == 0 {
		q.items = nil
		close(q.idle)
		q.idle = nil
		return nil
	}
	batch := make([]T, n)
	for i, s := range q.items[:n] {
		batch[i] = s.item
		q.bytes -= s.size
	}
	clear(q.items[:n])
	q.items = q.items[n:]
	return batch
}

// drain waits until nothing is left, or the timeout has passed.
func (q *queue[T]) drain(timeout time.Duration) {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-time.After(timeout):
	}
}
