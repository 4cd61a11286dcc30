package live

import (
	"net/netip"
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
	free   cost = iota
	saving      // no limit of its own, but something is saved: an overloaded server refuses it with the messages
	message
	creation
	signIn
	searching
)

// limits are those that belong to people and addresses, not to connections. They hold on all nodes together: see [limits.spent].
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
		return l.signIns.take(Network(who.address()))
	case searching:
		return l.searches.take(who.person().UserID)
	}
	return 0, true
}

// all names the limits for the other nodes.
func (l *limits) all() map[string]*keyedLimits {
	return map[string]*keyedLimits{"message": l.messages, "creation": l.creations, "sign-in": l.signIns, "account": l.accounts, "search": l.searches}
}

// spent returns what was taken here since the last time, by limit and key: the other nodes take it off their own limiters, which may
// come to owe something. So over any longer time a limit is the same however many nodes one uses; at once, before they have heard of
// each other, each gives its burst. Without Redis each has its own.
func (l *limits) spent() map[string]map[string]int {
	out := map[string]map[string]int{}
	for name, k := range l.all() {
		if taken := k.spent(); len(taken) > 0 {
			out[name] = taken
		}
	}
	return out
}

// charge takes what was taken on another node.
func (l *limits) charge(spent map[string]map[string]int) {
	all := l.all()
	for name, keys := range spent {
		if k := all[name]; k != nil { // a node of another version may have others
			k.charge(keys)
		}
	}
}

// share makes the limits remember what is taken, for spent.
func (l *limits) share() {
	for _, k := range l.all() {
		k.share()
	}
}

func (l *limits) close() {
	for _, k := range l.all() {
		k.close()
	}
}

// spentEvery is how often the nodes tell each other what was taken.
const spentEvery = 100 * time.Millisecond

func (d *Door) tellSpent(stop <-chan struct{}) {
	if d.o.Nodes == nil {
		return
	}
	d.limits.share()
	t := time.NewTicker(spentEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if spent := d.limits.spent(); len(spent) > 0 {
				d.tellNodes(nodeMessage{Spent: spent})
			}
		case <-stop:
			return
		}
	}
}

// Network is whose limits an address counts against: an IPv6 address's are those of its /64, of which every line has at least one, and in which
// whoever has it has more addresses than could be counted.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// keyedLimits is a limit for each of many.
type keyedLimits struct {
	rate Rate
	stop chan struct{}
	once sync.Once

	mu    sync.Mutex
	of    map[string]*rate.Limiter
	taken map[string]int // since it was told; nil when nobody is to be told
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
	wait, ok := take(l.limiter(key))
	if ok && l.taken != nil {
		l.taken[key]++
	}
	return wait, ok
}

func (l *keyedLimits) limiter(key string) *rate.Limiter {
	lim := l.of[key]
	if lim == nil {
		lim = l.rate.limiter()
		l.of[key] = lim
	}
	return lim
}

func (l *keyedLimits) share() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = map[string]int{}
}

func (l *keyedLimits) spent() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.taken) == 0 {
		return nil
	}
	out := l.taken
	l.taken = map[string]int{}
	return out
}

func (l *keyedLimits) charge(taken map[string]int) {
	if l.rate.Count == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range taken {
		lim := l.limiter(key)
		for n > 0 {
			some := min(n, lim.Burst())
			lim.ReserveN(time.Now(), some)
			n -= some
		}
	}
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
