package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/socketio/client"
)

// asker is a client that has joined.
type asker struct {
	*client.Client
	t     *testing.T
	heard chan string // texts of messages
}

func (s *server) asker(token string) *asker {
	s.t.Helper()
	c, err := client.Dial(s.t.Context(), s.url(), client.Options{Auth: map[string]string{"token": token}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	a := &asker{c, s.t, make(chan string, 1000)}
	c.OnAny(func(event string, args []json.RawMessage) {
		var m struct{ Text string }
		if event == "new-message" && json.Unmarshal(args[0], &m) == nil {
			a.heard <- m.Text
		}
	})
	return a
}

func (a *asker) ask(event string, payload, answer any) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 10*time.Second)
	defer cancel()
	args, err := a.EmitWithAck(ctx, event, payload)
	if err == nil {
		err = json.Unmarshal(args[0], answer)
	}
	if err != nil || !strings.Contains(string(args[0]), `"success":true`) {
		a.t.Fatalf("%s: %s, %v", event, args, err)
	}
}

// The server is killed at the moment at which many messages are due, when the first of them has been sent: each is sent, once.
func TestScheduledMessagesAreSentOnceWhateverHappens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		t.Parallel() // most of it is waiting
		s := buildServer(t)
		if o.URL != "" {
			s.env = []string{"DATABASE_URL=" + o.URL}
		}
		s.start()
		a := s.asker("")
		var joined struct{ Token string }
		a.ask("user-join", map[string]string{"username": "Ana"}, &joined)
		const times, each = 3, 30
		begin := time.Now().Add(3 * time.Second)
		for i := range times * each {
			at := begin.Add(time.Duration(i/each) * 5 * time.Second).UTC()
			a.ask("message-schedule", map[string]any{"text": fmt.Sprintf("%d of minute %d", i%each, i/each), "clientId": fmt.Sprint(i), "at": at}, &struct{}{})
		}
		killed := 0
		for minute := range times {
			for deadline := time.After(60 * time.Second); ; {
				select {
				case text := <-a.heard:
					if !strings.HasSuffix(text, fmt.Sprint("minute ", minute)) {
						continue
					}
				case <-deadline:
					t.Fatalf("nothing of minute %d is sent", minute)
				}
				break
			}
			s.kill()
			killed++
			s.start()
			a = s.asker(joined.Token)
			a.ask("user-join", map[string]any{}, &struct{}{})
		}
		counts := map[string]int{}
		for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			var page struct{ Messages []struct{ Text string } }
			a.ask("room-history", map[string]any{"limit": 300}, &page)
			var own struct {
				Items []struct {
					Kind string
					Gone bool
				}
			}
			a.ask("personal-sync", map[string]any{"version": 0}, &own)
			clear(counts)
			for _, m := range page.Messages {
				counts[m.Text]++
			}
			if len(counts) == times*each && len(own.Items) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d are sent, %d still wait", len(counts), times*each, len(own.Items))
			}
		}
		for text, n := range counts {
			if n != 1 {
				t.Errorf("%q was sent %d times", text, n)
			}
		}
		t.Logf("%d kills, %d messages, each sent once", killed, len(counts))
	})
}
