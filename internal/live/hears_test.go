package live

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// subscriptions notes what is subscribed to.
type subscriptions struct{ calls []string }

func (s *subscriptions) Publish([]byte, ...string) {}
func (s *subscriptions) Subscribe(topic string)    { s.calls = append(s.calls, "+"+topic) }
func (s *subscriptions) Unsubscribe(topic string)  { s.calls = append(s.calls, "-"+topic) }
func (s *subscriptions) Healthy() bool             { return true }
func (s *subscriptions) Listen(func([]byte), func(), func([]string), []byte) {
}

// A room is listened to from the first who enters it until a while after the last has gone. Who comes back meanwhile has its head looked
// at: nobody has listened to what was told.
func TestWhatIsListenedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &subscriptions{}
		h := newHears(s)
		served := false
		serves := func(string) bool { return served }
		expect := func(look []string, calls ...string) {
			t.Helper()
			if !slices.Equal(s.calls, calls) {
				t.Fatalf("%q, want %q", s.calls, calls)
			}
			if got := h.unlooked(); !slices.Equal(got, look) {
				t.Fatalf("to look at: %q, want %q", got, look)
			}
		}
		h.changed("user:ana", serves)
		h.changed("room:one", serves) // it has gone already
		expect(nil)
		served = true
		h.changed("room:one", serves)
		expect(nil, "+one")
		h.confirmed([]string{"one", "@node", "another"})
		expect([]string{"one"}, "+one")
		served = false
		h.changed("room:one", serves)
		h.forget(serves)
		time.Sleep(keepPlace / 2)
		h.forget(serves)
		expect(nil, "+one")
		served = true
		h.changed("room:one", serves)
		expect([]string{"one"}, "+one")
		served = false
		h.forget(serves)
		time.Sleep(keepPlace / 2)
		h.forget(serves)
		expect(nil, "+one")
		time.Sleep(keepPlace)
		h.forget(serves)
		expect(nil, "+one", "-one")
		h.lookAtAll()
		expect(nil, "+one", "-one")
	})
}
