package redis

import (
	"testing"
	"time"
)

func TestQueue(t *testing.T) {
	release := make(chan struct{})
	got := make(chan int, 10000)
	q := newQueue(100, func(batch []int) {
		<-release
		if len(batch) > maxBatch {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, n := range batch {
			got <- n
		}
	})
	if !q.add(0, 1000) {
		t.Fatal("one item may be of any size")
	}
	for waits := true; waits; time.Sleep(time.Millisecond) { // until the first batch is being handled
		q.mu.Lock()
		waits = len(q.items) > 0
		q.mu.Unlock()
	}
	n := 1
	for q.add(n, 10) {
		n++
	}
	if n != 11 {
		t.Errorf("%d items of 10 bytes in a queue for 100", n-1)
	}
	close(release)
	q.drain(5 * time.Second)
	for i := range n {
		if v := <-got; v != i {
			t.Fatalf("%d came as number %d", v, i)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes != 0 || q.idle != nil || len(got) != 0 {
		t.Errorf("left over: %d bytes, %d items", q.bytes, len(got))
	}
}
