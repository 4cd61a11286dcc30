package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

var overloadFigures = []string{
	"goodput, % of the peak", "peak, messages/s", "offered, messages/s", "refused/s", "p99 of acknowledgements, ms", "recovered after, s",
	"of that for what people still had to send, s, at least", "memory at most, MiB",
}

const (
	flooders = 1500
	// late is from when on an acknowledgement is none as it is on a server that has little to do.
	late = 500 * time.Millisecond
)

// overload measures how many of ten times as many messages as the server can take are acknowledged, and how long it takes until all is
// as before when half of what it can take is sent again. People send one message at a time, and come back with it when they are told
// to; who waits for an answer writes no other. So when it is over, all of them still have one to send, for which there is the other half:
// the slower the server is, the longer that alone takes.
func overload(g *generator, s *instance, d time.Duration) ([]float64, error) {
	figures, err := measureOverload(g, s, d)
	if err != nil {
		err = fmt.Errorf("%w; the server has closed connections: %s", err, s.closed())
	}
	return figures, err
}

func measureOverload(g *generator, s *instance, d time.Duration) ([]float64, error) {
	if err := g.connect(flooders); err != nil {
		return nil, err
	}
	f := newFlood(g)
	peak := 0.0
	for _, outstanding := range []int{16, 64, 256} {
		if err := f.closed(outstanding, d/2); err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := f.closed(outstanding, d); err != nil {
			return nil, err
		}
		peak = max(peak, float64(f.acked)/time.Since(begun).Seconds())
	}
	most := 0.0
	f.second = func() { most = max(most, s.pss()/1024) }
	if err := f.open(10*peak, d); err != nil { // it has been so for a while
		return nil, err
	}
	begun := time.Now()
	if err := f.open(10*peak, 3*d); err != nil {
		return nil, err
	}
	took := time.Since(begun).Seconds()
	goodput, offered, refused, slow := float64(f.acked)/took/peak*100, float64(f.offered)/took, float64(f.refused)/took, f.latency(0.99)
	backlog := float64(len(f.sent)) / (peak / 2)
	if err := f.open(peak/2, 5*d); err != nil {
		return nil, err
	}
	return []float64{goodput, peak, offered, refused, slow, f.recovered(), backlog, most}, nil
}

// closed says why the server has closed connections, as it counts that.
func (s *instance) closed() string {
	text, err := s.get("/metrics")
	if err != nil {
		return err.Error()
	}
	var why []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "parley_connections_closed_total{") {
			why = append(why, strings.TrimSpace(strings.TrimPrefix(line, "parley_connections_closed_total")))
		}
	}
	return strings.Join(why, ", ")
}

// flood is the people who send.
type flood struct {
	g      *generator
	sent   map[*conn]time.Time // who waits for an answer, or for being allowed to send again, and when they sent it last
	wait   []retry             // in no order
	again  bool                // whether who has an answer sends the next
	second func()              // called every second
	ticked time.Time

	acked, refused, offered int
	took                    []time.Duration
	begun                   time.Time
	good, bad               []int // acknowledged in time in each second; late or refused
}

type retry struct {
	at time.Time
	c  *conn
}

func newFlood(g *generator) *flood {
	f := &flood{g: g, sent: map[*conn]time.Time{}}
	g.onAnswer = f.answered
	return f
}

func (f *flood) forget() { f.acked, f.refused, f.offered, f.took = 0, 0, 0, nil }

func (f *flood) latency(q float64) float64 {
	if len(f.took) == 0 {
		return 0
	}
	slices.Sort(f.took)
	return float64(f.took[int(q*float64(len(f.took)-1))].Microseconds()) / 1000
}

var floodText = clientFrame(fmt.Sprintf(chatText, 7))

// send lets a client send a message, if it has none on its way.
func (f *flood) send(c *conn) error {
	f.offered++
	if _, busy := f.sent[c]; busy {
		return nil
	}
	f.sent[c] = time.Now()
	return c.write(floodText)
}

// answered takes the answer to a message.
func (f *flood) answered(c *conn, head []byte) {
	took := time.Since(f.sent[c])
	if bytes.Contains(head, []byte(`"success":true`)) {
		f.acked++
		f.took = append(f.took, took)
		delete(f.sent, c)
		if f.again {
			_ = f.send(c) // a lost connection shows at the next read
		}
	} else {
		f.refused++
		f.wait = append(f.wait, retry{time.Now().Add(retryAfter(head)), c})
		took = late
	}
	f.note(took < late)
}

// note counts by seconds what is sent openly.
func (f *flood) note(good bool) {
	if f.begun.IsZero() {
		return
	}
	second := int(time.Since(f.begun).Seconds())
	for len(f.good) <= second {
		f.good, f.bad = append(f.good, 0), append(f.bad, 0)
	}
	if good {
		f.good[second]++
	} else {
		f.bad[second]++
	}
}

// recovered is after how many seconds all but a twentieth was acknowledged in time, in each second from then on.
func (f *flood) recovered() float64 {
	for second := len(f.good) - 1; second >= 0; second-- {
		if f.bad[second]*20 > f.good[second] {
			return float64(second + 1)
		}
	}
	return 0
}

// retryAfter is when a refusal says to come again.
func retryAfter(head []byte) time.Duration {
	_, rest, _ := bytes.Cut(head, []byte(`"retryAfter":`))
	seconds, err := strconv.ParseFloat(string(bytes.TrimRight(rest, "}]")), 64)
	if err != nil {
		seconds = 1
	}
	return time.Duration(seconds * float64(time.Second))
}

// closed keeps a number of messages outstanding.
func (f *flood) closed(outstanding int, d time.Duration) error {
	f.again = true
	for i := range outstanding {
		if err := f.send(f.g.conns[i*len(f.g.conns)/outstanding]); err != nil {
			return err
		}
	}
	f.forget()
	err := f.g.until(time.Now().Add(d))
	f.again = false
	return err
}

// open lets people want to send at a rate, whatever becomes of it.
func (f *flood) open(rate float64, d time.Duration) error {
	f.forget()
	begun, done := time.Now(), 0
	f.begun, f.good, f.bad = begun, nil, nil
	for time.Since(begun) < d {
		if time.Since(f.ticked) > time.Second {
			f.ticked = time.Now()
			f.second()
		}
		for due := int(time.Since(begun).Seconds() * rate); done < due; done++ {
			if err := f.send(f.g.conns[rand.IntN(len(f.g.conns))]); err != nil { //nolint:gosec // not a secret
				return err
			}
		}
		if err := f.comeBack(); err != nil {
			return err
		}
		if err := f.g.poll(time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// comeBack lets those send again whose time has come.
func (f *flood) comeBack() (err error) {
	now := time.Now()
	f.wait = slices.DeleteFunc(f.wait, func(r retry) bool {
		due := !r.at.After(now)
		if due && err == nil {
			f.sent[r.c], err = now, r.c.write(floodText)
		}
		return due
	})
	return err
}
