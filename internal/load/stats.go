package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/socketio/client"
)

// stats is what is counted while people talk.
type stats struct {
	attempts, online, disconnects, cuts, caughtUp          atomic.Int64
	sent, acked, refused, unknown, nobody, delivered, told atomic.Int64
	typed, reads, readBack, failures, behind               atomic.Int64
	connect, join, ack, delivery, back                     histogram
	mu                                                     sync.Mutex
	errors, connects                                       map[string]int // by event and code; by reason
}

// failed counts a request that did not succeed.
func (s *stats) failed(event, code string) {
	s.failures.Add(1)
	s.mu.Lock()
	s.errors[event+": "+code]++
	s.mu.Unlock()
}

// refusedConnection counts a connection that did not come about, under the server's words for it.
func (s *stats) refusedConnection(err error) {
	reason := err.Error()
	var refusal *client.HTTPError
	if errors.As(err, &refusal) {
		reason = strings.TrimSpace(fmt.Sprintf("%d %s", refusal.Status, refusalWords(refusal.Body)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.connects[reason]; !known && len(s.connects) >= 20 {
		reason = "other"
	}
	s.connects[reason]++
}

// refusalWords are the words of a refusal: JSON, a line of text, or a proxy's own page, which has none that count.
func refusalWords(body string) string {
	var told struct{ Message string }
	if json.Unmarshal([]byte(body), &told) == nil {
		return told.Message
	}
	if len(body) > 100 || strings.ContainsAny(body, "<\n") {
		return ""
	}
	return body
}

// Second is one second of the run.
type Second struct {
	At                              time.Duration // since the start, at its end
	People                          int           // joined
	Sent, Acked, Delivered, Refused float64       // messages a second
	Told                            float64       // other events a second
	Ack, Delivery                   Latency       // of this second's
	Target                          Target

	ack, delivery *counts
}

// sampler turns the counters into seconds.
type sampler struct {
	s                                     *stats
	at                                    time.Duration
	sent, acked, delivered, refused, told int64
	ack, delivery                         *counts
}

func (m *sampler) next(now time.Duration) Second {
	took := (now - m.at).Seconds()
	m.at = now
	rate := func(last *int64, value int64) float64 {
		n := value - *last
		*last = value
		return float64(n) / took
	}
	out := Second{
		At: now, People: int(m.s.online.Load()),
		Sent: rate(&m.sent, m.s.sent.Load()), Acked: rate(&m.acked, m.s.acked.Load()), Delivered: rate(&m.delivered, m.s.delivered.Load()),
		Refused: rate(&m.refused, m.s.refused.Load()), Told: rate(&m.told, m.s.told.Load()),
	}
	ack, delivery := m.s.ack.read(), m.s.delivery.read()
	out.ack, out.delivery = ack.since(m.ack), delivery.since(m.delivery)
	out.Ack, out.Delivery = out.ack.latency(), out.delivery.latency()
	m.ack, m.delivery = ack, delivery
	return out
}
