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
		if got := l.refuses(message) != nil; got != step.noSends {
			t.Errorf("at %v messages are refused: %v", step.pressure, got)
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
