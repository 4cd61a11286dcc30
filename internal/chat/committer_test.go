package chat

import (
	"testing"
	"time"
)

// However many tell what they have read, what is written is in the next transaction, and only a few cursors with it; overload is not felt
// by how long cursors wait.
func TestWhatIsWrittenDoesNotWaitForCursors(t *testing.T) {
	m := &committer{queue: make(chan *operation, maxQueued), cursors: make(chan *operation, maxCursors)}
	fill := func(written, cursors int) {
		for range cursors {
			m.cursors <- &operation{cursor: true, queued: time.Now().Add(-time.Hour)}
		}
		for range written {
			m.queue <- &operation{queued: time.Now().Add(-time.Minute)}
		}
	}
	count := func(ops []*operation) (written, cursors int) {
		for _, op := range ops {
			if op.cursor {
				cursors++
			} else {
				written++
			}
		}
		return written, cursors
	}
	fill(10, 100)
	ops := m.gather(<-m.cursors)
	if written, cursors := count(ops); written != 10 || cursors != cursorsAtATime {
		t.Errorf("%d written and %d cursors, want 10 and %d", written, cursors, cursorsAtATime)
	}
	if waited := time.Since(*since(ops)); waited < time.Minute || waited > 2*time.Minute {
		t.Errorf("the first of what is written has waited %v", waited)
	}
	if written, cursors := count(m.gather(<-m.cursors)); written != 0 || cursors != cursorsAtATime {
		t.Errorf("%d written and %d cursors, want 0 and %d", written, cursors, cursorsAtATime)
	}
	fill(2*maxBatch, 0)
	ops = m.gather(<-m.queue)
	if written, cursors := count(ops); written != maxBatch || cursors != 0 {
		t.Errorf("%d written and %d cursors, want %d and 0", written, cursors, maxBatch)
	}
	for len(m.queue) > 0 {
		<-m.queue
	}
	if waited := time.Since(*since(m.gather(<-m.cursors))); waited > time.Minute {
		t.Errorf("overload is felt by cursors that have waited %v", waited)
	}
}
