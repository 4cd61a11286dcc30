package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"parley/socketio"
)

func TestBenchMeasuresAndChecks(t *testing.T) {
	s := start(t, "--rate-limit=off")
	page := filepath.Join(t.TempDir(), "report.html")
	printed := cli(t, 0, "bench", s.url, s.url+"/", "--people=40", "--rate=60", "--ramp=500ms", "--duration=3s", "--rooms=3", "--sign-up", "--reconnects=200", "--storm", "--report="+page)
	for _, want := range []string{"40 people", "sent/s", "delivered/s", "acknowledged", "Sound: of ", "times caught up", "\nback ", page} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	if regexp.MustCompile(`messages +0 sent|, 0 acknowledged|deliveries +0,| 0 cut on| 0 times|\nback +0|; 0 acknowledged messages were read`).MatchString(printed) {
		t.Errorf("something was not done:\n%s", printed)
	}
	if strings.Contains(printed, "HELD THIS TEST BACK") {
		t.Errorf("there are no limits:\n%s", printed)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<polyline", "Deliveries a second", "p99", "Sound: of "} {
		if !strings.Contains(string(html), want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if outside := regexp.MustCompile(`(src|href|url\()\s*=?\s*["']?http`).FindString(string(html)); outside != "" {
		t.Errorf("the page needs %s", outside)
	}
}

func TestBenchSaysWhatHeldItBack(t *testing.T) {
	s := start(t, "--rate-limit=3/m", "--connections-per-ip=15")
	printed := cli(t, 0, "bench", s.url, "--people=30", "--rate=60", "--ramp=200ms", "--duration=4s", "--direct=0", "--report=")
	for _, want := range []string{"HELD THIS TEST BACK", "PARLEY_CONNECTIONS_PER_IP", "PARLEY_RATE_LIMIT", "15 at the same time", "429 Too many connections"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
}

func TestBenchFailsInWords(t *testing.T) {
	closed := start(t, "--no-guests")
	for want, args := range map[string][]string{
		"Guests are not admitted": {closed.url},
		"cannot connect":          {"http://127.0.0.1:1"},
		"must be like":            {"localhost:3000"},
	} {
		if printed := cli(t, 1, append([]string{"bench", "--people=2", "--report="}, args...)...); !strings.Contains(printed, want) {
			t.Errorf("no %q in %s", want, printed)
		}
	}
}

// slowLog is the log of a server of one room that is too busy, for a while, to tell who comes back what they have missed. While somebody is
// away something is said.
type slowLog struct {
	mu      sync.Mutex
	events  []reply
	refused int // how often it still refuses
}

func (l *slowLog) add(s *socketio.Server, clientID string) (reply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := len(l.events) + 1
	e := reply{"roomId": "general", "seq": seq, "id": fmt.Sprint("id", seq), "clientId": clientID}
	l.events = append(l.events, e)
	return reply{"success": true, "roomId": "general", "seq": seq, "messageId": e["id"]}, s.To("general").Emit("new-message", e)
}

func (l *slowLog) since(raw json.RawMessage) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var asked struct{ AfterSeq int }
	if err := json.Unmarshal(raw, &asked); err != nil {
		return err
	}
	if l.refused--; l.refused >= 0 {
		return reply{"success": false, "code": "unavailable", "error": "The server cannot read right now", "retryAfter": 0.1}
	}
	events := []reply{}
	for _, e := range l.events[asked.AfterSeq:] {
		events = append(events, reply{"event": "new-message", "payload": e})
	}
	return reply{"success": true, "roomId": "general", "lastSeq": len(l.events), "events": events}
}

// Who is not told yet what they have missed has not lost it: they ask until they are.
func TestBenchAsksAServerAgainThatIsTooBusy(t *testing.T) {
	l := &slowLog{refused: 3}
	io := socketio.NewServer(socketio.Options{})
	io.On("user-join", func(s *socketio.Socket, in *socketio.Event) {
		if _, err := l.add(io, ""); err != nil { // nobody but who is there hears it
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		s.Join("general")
		_ = in.Ack(reply{"success": true, "userId": "u", "token": "t", "rooms": []reply{{"roomId": "general", "lastSeq": len(l.events)}}})
	})
	io.On("chat-message", func(_ *socketio.Socket, in *socketio.Event) {
		var m struct{ ClientID string }
		_ = json.Unmarshal(in.Raw(0), &m)
		answer, err := l.add(io, m.ClientID)
		if err != nil {
			t.Error(err)
		}
		_ = in.Ack(answer)
	})
	io.On("room-sync", func(_ *socketio.Socket, in *socketio.Event) { _ = in.Ack(l.since(in.Raw(0))) })
	io.On("room-history", func(_ *socketio.Socket, in *socketio.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		_ = in.Ack(reply{"success": true, "messages": l.events})
	})
	web := httptest.NewServer(io)
	t.Cleanup(func() { web.Close(); _ = io.Close(context.WithoutCancel(t.Context())) })
	printed := cli(t, 0, "bench", web.URL, "--people=3", "--rate=20", "--ramp=100ms", "--duration=2s", "--direct=0", "--typing=false", "--readers=0", "--reconnects=0", "--storm", "--report=")
	for _, want := range []string{"Sound: of ", "3  room-sync: unavailable"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
}
