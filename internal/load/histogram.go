package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets that are at most 1.6 % wide. It is written to by all clients at once without a lock.
type histogram struct {
	buckets [histogramBuckets]atomic.Uint64
}

const (
	subBits          = 6 // 64 buckets per power of two
	histogramBuckets = (40 - subBits) << subBits
)

func bucketOf(d time.Duration) int {
	v := uint64(max(d.Microseconds(), 0))
	if v < 2<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min(shift<<subBits+int(v>>shift), histogramBuckets-1)
}

// bucketValue is the middle of a bucket.
func bucketValue(i int) time.Duration {
	if i < 2<<subBits {
		return time.Duration(i) * time.Microsecond
	}
	shift := i>>subBits - 1
	low := (i - shift<<subBits) << shift
	return time.Duration(low+(1<<shift)/2) * time.Microsecond
}

func (h *histogram) record(d time.Duration) { h.buckets[bucketOf(d)].Add(1) }

// counts is a histogram at one time.
type counts [histogramBuckets]uint64

func (h *histogram) read() *counts {
	var c counts
	for i := range h.buckets {
		c[i] = h.buckets[i].Load()
	}
	return &c
}

// since is what has come after an earlier reading.
func (c *counts) since(before *counts) *counts {
	out := *c
	for i := range out {
		out[i] -= before[i]
	}
	return &out
}

// add adds what was counted elsewhere; nil is nothing.
func (c *counts) add(more *counts) {
	if more != nil {
		for i, v := range more {
			c[i] += v
		}
	}
}

func (c *counts) total() (n uint64) {
	for _, v := range c {
		n += v
	}
	return n
}

// at is the duration that a share of all is not above; 0 when there are none.
func (c *counts) at(share float64) time.Duration {
	total := c.total()
	if total == 0 {
		return 0
	}
	rank, seen := uint64(share*float64(total-1)), uint64(0)
	for i, v := range c {
		if seen += v; seen > rank {
			return bucketValue(i)
		}
	}
	return bucketValue(histogramBuckets - 1)
}

// Latency is the distribution of a latency.
type Latency struct {
	Count                             uint64
	P50, P90, P95, P99, P999, Highest time.Duration
}

func (c *counts) latency() Latency {
	return Latency{c.total(), c.at(0.5), c.at(0.9), c.at(0.95), c.at(0.99), c.at(0.999), c.at(1)}
}
