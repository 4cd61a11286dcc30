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
	Messages  Rate // of one person, on all their connections: sending, editing, deleting
	Events    Rate // of one connection
	Searches  Rate // of one person
	Creations Rate // of one person: making and changing rooms, joining, inviting
	SignIns   Rate // of one address: whatever tries a password or a token
	Account   Rate // of one address at one account
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

// cost is which limit an event counts against, besides its connection's.
type cost int

const (
	free cost = iota
	message
	creation
	signIn
	searching
)

// limits are those that belong to people and addresses, not to connections.
type limits struct {
	messages, creations, signIns, accounts, searches *keyedLimits
}

func newLimits(r Rates) *limits {
	return &limits{newKeyedLimits(r.Messages), newKeyedLimits(r.Creations), newKeyedLimits(r.SignIns), newKeyedLimits(r.Account), newKeyedLimits(r.Searches)}
}

func (l *limits) take(c cost, who *client) (time.Duration, bool) {
	switch c {
	case message:
		return l.messages.take(who.person().UserID)
	case creation:
		return l.creations.take(who.person().UserID)
	case signIn:
		return l.signIns.take(who.address())
	case searching:
		return l.searches.take(who.person().UserID)
	}
	return 0, true
}

func (l *limits) close() {
	for _, k := range []*keyedLimits{l.messages, l.creations, l.signIns, l.accounts, l.searches} {
		k.close()
	}
}

// keyedLimits is a limit for each of many.
type keyedLimits struct {
	rate Rate
	stop chan struct{}
	once sync.Once

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newKeyedLimits(r Rate) *keyedLimits {
	l := &keyedLimits{rate: r, stop: make(chan struct{}), of: map[string]*rate.Limiter{}}
	if r.Count > 0 {
		go l.sweepLoop()
	}
	return l
}

func (l *keyedLimits) take(key string) (time.Duration, bool) {
	if l.rate.Count == 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lim := l.of[key]
	if lim == nil {
		lim = l.rate.limiter()
		l.of[key] = lim
	}
	return take(lim)
}

// sweepLoop forgets whoever has all their tokens back: a full limiter is like none.
func (l *keyedLimits) sweepLoop() {
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

func (l *keyedLimits) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, lim := range l.of {
		if lim.Tokens() >= float64(lim.Burst()) {
			delete(l.of, key)
		}
	}
}

func (l *keyedLimits) close() { l.once.Do(func() { close(l.stop) }) }
