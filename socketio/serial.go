package socketio

import "sync"

// serial runs functions in order, one at a time, on a goroutine that exists only while there is something to run.
type serial struct {
	limit int // of functions that wait

	mu      sync.Mutex
	queue   []func()
	running bool
}

// do queues fn, and reports false when too many wait already.
func (q *serial) do(fn func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= q.limit {
		return false
	}
	q.queue = append(q.queue, fn)
	if !q.running {
		q.running = true
		go q.run()
	}
	return true
}

func (q *serial) run() {
	for {
		q.mu.Lock()
		batch := q.queue
		q.queue = nil
		q.running = len(batch) > 0
		q.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, fn := range batch {
			fn()
		}
	}
}
