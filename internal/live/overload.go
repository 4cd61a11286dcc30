package live

import (
	"math/rand/v2"
	"net/http"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"parley/engineio"
	"parley/internal/chat"
)

// Overload says when the server begins to refuse what it cannot do well. The zero Overload refuses nothing.
type Overload struct {
	Wait   time.Duration // how long a message may wait to be saved; 0 is not looked at
	Lag    time.Duration // how long what could run may wait for a processor; 0 is not looked at
	Memory int64         // bytes that the server may use; 0 is not looked at
}

// degree is how much the server has given up. Each gives up what those before it do too.
type degree int32

const (
	calm               degree = iota
	withoutEphemera           // typing, presence and others' receipts are not told
	withoutSearch             // searches are refused
	withoutConnections        // new connections are refused
	// New messages are refused, and all else that is to be saved: reactions, votes, pins, what was read. What takes something away, as a
	// session or a right, is not, nor is what tries a password. What was taken is acknowledged.
	withoutSends
)

// begins is from which pressure on each degree is in force; 1 is as much as the settings allow. It ends a tenth below.
var begins = [...]float64{withoutEphemera: 0.4, withoutSearch: 0.6, withoutConnections: 0.8, withoutSends: 1}

const (
	// lookEvery is how often the pressure is measured.
	lookEvery = 50 * time.Millisecond
	// fullHeap is which share of the memory may be in use after a collection: beyond it, the collector takes the time of everything else.
	fullHeap = 0.8
)

// load is how much the server has to do.
type load struct {
	o        Overload
	degree   atomic.Int32
	pressure atomic.Int64 // in thousandths
	dropped  atomic.Int64 // ephemera
	refused  atomic.Int64

	samples []metrics.Sample
	before  []uint64 // the scheduler's histogram at the last look
	lagged  time.Duration
}

func newLoad(o Overload) *load {
	return &load{o: o, samples: []metrics.Sample{
		{Name: "/sched/latencies:seconds"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
	}}
}

func (l *load) at(d degree) bool { return degree(l.degree.Load()) >= d }

// drops reports whether ephemera are dropped now, and counts one.
func (l *load) drops() bool {
	if !l.at(withoutEphemera) {
		return false
	}
	l.dropped.Add(1)
	return true
}

// refuses says why an event is refused now, if it is. The delays are jittered: who was refused together is not to come back together.
func (l *load) refuses(c cost) error {
	var from degree
	switch c {
	case searching:
		from = withoutSearch
	case message, creation, saving:
		from = withoutSends
	default:
		return nil
	}
	if !l.at(from) {
		return nil
	}
	l.refused.Add(1)
	return &chat.Error{Kind: chat.Unavailable, Message: "The server is overloaded", RetryAfter: jittered(time.Second)}
}

// turnsAway says why a new connection is refused now, if it is.
func (l *load) turnsAway() *engineio.Refusal {
	if !l.at(withoutConnections) {
		return nil
	}
	l.refused.Add(1)
	return &engineio.Refusal{
		Code: engineio.CodeForbidden, Status: http.StatusServiceUnavailable, Message: "Server is overloaded", RetryAfter: jittered(2 * time.Second),
	}
}

// jittered is between once and three times as long.
func jittered(d time.Duration) time.Duration { return d + time.Duration(rand.Int64N(int64(2*d))) }

// feel takes the pressure and decides what is given up.
func (l *load) feel(pressure float64) {
	l.pressure.Store(int64(pressure * 1000))
	now := degree(l.degree.Load())
	for now < withoutSends && pressure >= begins[now+1] {
		now++
	}
	for now > calm && pressure < begins[now]-0.1 {
		now--
	}
	l.degree.Store(int32(now))
}

// machine is the pressure on processors and memory.
func (l *load) machine() float64 {
	metrics.Read(l.samples)
	p := 0.0
	if l.o.Lag > 0 {
		l.lagged = (3*l.lagged + l.lag(l.samples[0].Value.Float64Histogram())) / 4 // one late moment is no overload
		p = l.lagged.Seconds() / l.o.Lag.Seconds()
	}
	if l.o.Memory > 0 {
		p = max(p, float64(l.samples[1].Value.Uint64()+l.samples[2].Value.Uint64())/(fullHeap*float64(l.o.Memory)))
	}
	return p
}

// lag is how long what could run has waited for a processor since the last look: half of it longer.
func (l *load) lag(h *metrics.Float64Histogram) time.Duration {
	if l.before == nil {
		l.before = make([]uint64, len(h.Counts))
	}
	total := uint64(0)
	for i, n := range h.Counts {
		total += n - l.before[i]
	}
	seen, median := uint64(0), 0.0
	for i, n := range h.Counts {
		seen += n - l.before[i]
		if seen*2 >= total && total > 0 {
			median = h.Buckets[i]
			break
		}
	}
	copy(l.before, h.Counts)
	return time.Duration(max(median, 0) * float64(time.Second))
}

// watchLoad measures the pressure, as long as the door is open.
func (d *Door) watchLoad(stop <-chan struct{}) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			d.load.feel(d.measure())
		case <-stop:
			return
		}
	}
}

// measure is the highest of the pressures: of what waits to be saved, on the processors, on memory, and of what waits for clients.
func (d *Door) measure() float64 {
	p := d.load.machine()
	if o := d.load.o; o.Wait > 0 {
		p = max(p, d.o.Chat.Waiting().Seconds()/o.Wait.Seconds())
	}
	if most := d.o.Engine.MaxOutboundBytes; most > 0 {
		p = max(p, float64(d.Outbound())/float64(most))
	}
	return p
}

// Pressure is how much there is to do: 1 is as much as the settings allow.
func (d *Door) Pressure() float64 { return float64(d.load.pressure.Load()) / 1000 }

// Degree is what the server has given up because of it: 1 ephemera, 2 searches, 3 new connections, 4 new messages, each with those before.
func (d *Door) Degree() int { return int(d.load.degree.Load()) }

// Shed is how many ephemera were dropped, and how many requests and connections refused, because of overload.
func (d *Door) Shed() (dropped, refused int64) { return d.load.dropped.Load(), d.load.refused.Load() }
