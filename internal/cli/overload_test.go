package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/internal/db/dbtest"
	"parley/socketio/client"
)

// probe is one thing that was tried while the pressure grew.
type probe struct {
	tick    int
	refused bool
}

// firstRefused is the tick of the first that was refused, or beyond.
func firstRefused(probes []probe) int {
	for _, p := range probes {
		if p.refused {
			return p.tick
		}
	}
	return 1 << 20
}

// When messages wait longer and longer to be saved, ephemera go first, then searches, new connections, new messages. What was accepted
// before is acknowledged however long it takes, and nothing else is in the log; and when the pressure is gone, all is as before.
func TestOverloadIsMetInOrder(t *testing.T) {
	cluster, err := dbtest.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	s := start(t, "--rate-limit=off", "--overload-wait=3s", "--database-url="+cluster.URL("postgres"))
	const ticks = 24
	senders, seekers := make([]*person, ticks), make([]*person, ticks)
	for i := range ticks {
		senders[i], seekers[i] = s.join(fmt.Sprint("sender ", i)), s.join(fmt.Sprint("seeker ", i))
	}
	late := s.join("Late") // has nothing else on the way
	var mu sync.Mutex
	var sends, searches, dials []probe
	var running sync.WaitGroup
	acked := map[string]bool{}
	cluster.Signal(syscall.SIGSTOP)
	going := sync.OnceFunc(func() { cluster.Signal(syscall.SIGCONT) })
	defer going()
	for tick := range ticks {
		try := func(probes *[]probe, do func() (refused bool)) {
			answered := make(chan struct{})
			mu.Lock()
			at := len(*probes)
			*probes = append(*probes, probe{tick: tick})
			mu.Unlock()
			running.Go(func() {
				defer close(answered)
				refused := do()
				mu.Lock()
				(*probes)[at].refused = refused
				mu.Unlock()
			})
			select {
			case <-answered:
			case <-time.After(200 * time.Millisecond): // it waits for the database
			}
		}
		try(&sends, func() bool {
			text := fmt.Sprintf("no. %d.", tick)
			r := senders[tick].ask("chat-message", reply{"text": text, "clientId": text})
			if r["success"] == true {
				mu.Lock()
				acked[text] = true
				mu.Unlock()
				return false
			}
			return overloaded(t, r)
		})
		try(&dials, func() bool {
			c, err := client.Dial(t.Context(), s.url, client.Options{})
			if err == nil {
				c.Close()
			}
			var no *client.HTTPError
			return errors.As(err, &no) && no.Status == http.StatusServiceUnavailable
		})
		try(&searches, func() bool {
			r := seekers[tick].ask("search", reply{"query": "no"})
			return r["success"] != true && overloaded(t, r)
		})
		if err := seekers[tick].Emit("typing-indicator", reply{"typing": true}); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		enough := len(sends) > 1 && sends[tick].refused && sends[tick-1].refused
		mu.Unlock()
		if enough {
			break
		}
	}
	// Whatever else would be saved is refused with the messages; what takes something away is not.
	for _, event := range []string{"message-react", "poll-vote", "message-pin", "room-read", "message-save", "draft-set"} {
		if r := late.ask(event, reply{}); !overloaded(t, r) {
			t.Errorf("%s: %v", event, r)
		}
	}
	if r := late.ask("session-revoke", reply{"sessionId": 7}); r["code"] != "invalid" { // it is looked at
		t.Errorf("session-revoke: %v", r)
	}
	if values, _ := s.scrape(); values["parley_overload_dropped_total"] == 0 {
		t.Error("no ephemera were dropped")
	}
	going()
	running.Wait()
	atSearch, atDial, atSend := firstRefused(searches), firstRefused(dials), firstRefused(sends)
	if t.Logf("searches are refused from tick %d, connections from %d, messages from %d on; %d messages were accepted before", atSearch, atDial, atSend,
		len(acked)); atSearch > atDial || atDial > atSend || atSearch == atSend || atSend >= ticks {
		t.Errorf("that is no order: %v %v %v", searches, dials, sends)
	}
	if len(acked) == 0 {
		t.Error("nothing was accepted")
	}
	s.calm()
	after := s.join("Afterwards")
	after.must("chat-message", reply{"text": "as before"})
	after.must("search", reply{"query": "before"})
	text := fmt.Sprint(after.must("room-history", reply{"limit": 100}))
	for i, p := range sends {
		if one := fmt.Sprintf("no. %d.", i); strings.Contains(text, "text:"+one) != acked[one] || acked[one] == p.refused {
			t.Errorf("%s was acknowledged: %v, refused: %v, and is in the log: %v", one, acked[one], p.refused, !acked[one])
		}
	}
}

// overloaded reports whether an answer is the refusal of a server that has too much to do, which says when to come again.
func overloaded(t *testing.T, r reply) bool {
	t.Helper()
	after, _ := r["retryAfter"].(float64)
	if r["code"] != "unavailable" || after < 1 || after > 3 {
		t.Errorf("%v", r)
	}
	return r["error"] == "The server is overloaded"
}

// calm waits until nothing is refused any more.
func (s *server) calm() {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if values, _ := s.scrape(); values["parley_overload_degree"] == 0 {
			return
		}
	}
	s.t.Fatal("it is overloaded for ever")
}
