package live

import (
	"runtime"
	"testing"
	"time"

	"parley/internal/chat"
)

// What is given up is given up in order, and taken back in the reverse one, not at the very point at which it began.
func TestOverloadGivesUpInOrder(t *testing.T) {
	l := newLoad(Overload{Wait: time.Second})
	for _, step := range []struct {
		pressure                            float64
		drops, noSearch, turnsAway, noSends bool
	}{
		{pressure: 0.39}, {pressure: 0.4, drops: true}, {pressure: 0.6, drops: true, noSearch: true},
		{pressure: 0.8, drops: true, noSearch: true, turnsAway: true}, {pressure: 3, drops: true, noSearch: true, turnsAway: true, noSends: true},
		{pressure: 0.95, drops: true, noSearch: true, turnsAway: true, noSends: true}, {pressure: 0.85, drops: true, noSearch: true, turnsAway: true},
		{pressure: 0.55, drops: true, noSearch: true}, {pressure: 0.35, drops: true}, {pressure: 0.1},
	} {
		l.feel(step.pressure)
		if got := l.drops(); got != step.drops {
			t.Errorf("at %v ephemera are dropped: %v", step.pressure, got)
		}
		if got := l.refuses(searching) != nil; got != step.noSearch {
			t.Errorf("at %v searches are refused: %v", step.pressure, got)
		}
		if got := l.turnsAway() != nil; got != step.turnsAway {
			t.Errorf("at %v connections are refused: %v", step.pressure, got)
		}
		for _, c := range []cost{message, creation, saving} {
			if got := l.refuses(c) != nil; got != step.noSends {
				t.Errorf("at %v what costs %d is refused: %v", step.pressure, c, got)
			}
		}
		if l.refuses(free) != nil {
			t.Errorf("at %v what costs nothing is refused", step.pressure)
		}
	}
	l.feel(1)
	e := chat.AsError(l.refuses(message))
	if e.Kind != chat.Unavailable || e.RetryAfter < time.Second || e.RetryAfter > 3*time.Second {
		t.Errorf("%+v", e)
	}
}

// Memory and processors count as well as what waits to be saved.
func TestPressureOfTheMachine(t *testing.T) {
	runtime.GC() // what is in use is known after a collection
	l := newLoad(Overload{Memory: 1 << 18})
	if p := l.machine(); p < 1 {
		t.Errorf("a heap beyond its limit is a pressure of %v", p)
	}
	l = newLoad(Overload{Memory: 1 << 40})
	if p := l.machine(); p > 0.1 {
		t.Errorf("an empty one of %v", p)
	}
	l = newLoad(Overload{Lag: time.Nanosecond})
	for range 10 {
		l.machine()
		time.Sleep(time.Millisecond)
	}
	if p := l.machine(); p <= 0 {
		t.Errorf("with no patience at all, the lag is a pressure of %v", p)
	}
}

func TestNetworksHaveOneLimit(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "::1": "::/64", "": "", "@": "@",
	} {
		if got := Network(address); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
	g := newGuard(Admission{PerIPRate: 0.001, PerIPBurst: 2}, nil)
	for i, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1"} {
		if refused := g.admit(address) != nil; refused != (i == 2) {
			t.Errorf("%s: refused is %v", address, refused)
		}
	}
}
