package live

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is so many per period, of which a burst may come at once. The zero Rate is no limit.
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
}

// Rates are the limits of what clients may do.
type Rates struct {
	Messages Rate // of one sender, on all their connections
	Events   Rate // of one connection
}

func (r Rate) limiter() *rate.Limiter {
	if r.Count == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(r.Count)/r.Per.Seconds()), max(1, r.Burst))
}

// take takes one token, or says how long until there is one.
func take(l *rate.Limiter) (wait time.Duration, ok bool) {
	r := l.Reserve()
	if wait = r.Delay(); wait > 0 {
		r.Cancel()
		return wait, false
	}
	return 0, true
}

// senderLimits are the message limits, which belong to people, not to connections.
type senderLimits struct {
	rate Rate
	stop chan struct{}
	once sync.Once

	mu     sync.Mutex
	byUser map[string]*rate.Limiter
}

func newSenderLimits(r Rate) *senderLimits {
	l := &senderLimits{rate: r, stop: make(chan struct{}), byUser: map[string]*rate.Limiter{}}
	if r.Count > 0 {
		go l.sweepLoop()
	}
	return l
}

func (l *senderLimits) take(userID string) (time.Duration, bool) {
	if l.rate.Count == 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lim := l.byUser[userID]
	if lim == nil {
		lim = l.rate.limiter()
		l.byUser[userID] = lim
	}
	return take(lim)
}

// sweepLoop forgets whoever has all their tokens back: a full limiter is like none.
func (l *senderLimits) sweepLoop() {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.sweep()
		case <-l.stop:
			return
		}
	}
}

func (l *senderLimits) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, lim := range l.byUser {
		if lim.Tokens() >= float64(lim.Burst()) {
			delete(l.byUser, id)
		}
	}
}

func (l *senderLimits) close() { l.once.Do(func() { close(l.stop) }) }
