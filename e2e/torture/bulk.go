package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bulk is a room in which some say more than slow clients can take.
type bulk struct {
	room     string
	speaker  *chatterer
	hearers  []*person
	sleepers []*person // who come by a link of their own
	link     *link

	said   atomic.Int64 // bytes, to each
	closed map[string]int
	behind int // of the hearers' connections, that ended
}

// padding is what makes a message 16 KB long, of 4,000 characters.
var padding = strings.Repeat("🐢", 3900)

func (t *trial) newBulk(ctx context.Context) (b *bulk, err error) {
	b = &bulk{closed: map[string]int{}}
	if b.link, err = newLink(strings.TrimPrefix(t.server.front(), "http://")); err != nil {
		return nil, err
	}
	b.speaker = &chatterer{person: t.newPerson("bulk")}
	for i := range 5 {
		p := t.newPerson(fmt.Sprint("bulk", i))
		if i < 2 {
			b.hearers = append(b.hearers, p)
		} else {
			p.at = "http://" + b.link.addr()
			b.sleepers = append(b.sleepers, p)
		}
	}
	for _, p := range b.people() {
		if err := p.connect(ctx); err != nil {
			return nil, err
		}
	}
	b.room, err = t.makeRoom(ctx, b.speaker.person, "bulk", b.people())
	return b, err
}

func (b *bulk) people() []*person {
	return slices.Concat([]*person{b.speaker.person}, b.hearers, b.sleepers)
}

// sayings is how many messages of the speaker are on their way at a time.
const sayings = 8

// talk has the speaker speak. Its end waits for the last answers, and notes what there is to say.
func (b *bulk) talk(t *trial, p *phase) (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	b.said.Store(0)
	b.closed, b.behind = map[string]int{}, 0
	var speaking sync.WaitGroup
	for range sayings {
		speaking.Go(func() {
			for ctx.Err() == nil {
				if b.speaker.chat(ctx, b.room, padding) == acked {
					b.said.Add(int64(len(padding)))
				}
			}
		})
	}
	begun := t.memory("VmRSS")
	t.forgetPeaks()
	return func() {
		stop()
		speaking.Wait()
		for _, h := range b.hearers {
			if !h.connected() {
				b.behind++
			}
		}
		p.grown = t.memory("VmHWM") - begun
		p.note = fmt.Sprintf("%d MB to each; closed: %v; fell behind of those who read: %d; memory %d MiB, at most %d MiB more", b.said.Load()/1e6,
			b.closed, b.behind, begun>>20, p.grown>>20)
	}
}

// slowDown has the sleepers read next to nothing, and waits until the server has closed all of their connections, for a reason that it names.
func (b *bulk) slowDown(t *trial) error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for _, s := range b.sleepers {
		if err := s.persist(ctx, s.catchUp); err != nil {
			return fmt.Errorf("%s cannot catch up: %w", s.name, err)
		}
	}
	before := t.closed()
	for i, p := range b.link.some(func() bool { return true }) {
		p.slowDown([]int64{1024, 10}[i%2])
	}
	for ctx.Err() == nil {
		n, now := 0, t.closed()
		for reason, count := range now {
			n += count - before[reason]
		}
		if n >= len(b.sleepers) {
			for reason, count := range now {
				if count > before[reason] {
					b.closed[reason] += count - before[reason]
				}
			}
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(errors.New("clients that do not read are not closed"), b.wakeUp())
}

// wakeUp lets the sleepers notice, and come back.
func (b *bulk) wakeUp() error {
	for _, p := range b.link.some(func() bool { return true }) {
		p.reset()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, s := range b.sleepers {
		for s.connected() && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// slowReasons are those that the server names when a client does not take what it is sent.
var slowReasons = []string{"slow consumer", "outbound memory exhausted", "write timeout", "ping timeout"}

// closed is how many connections the nodes have closed for such reasons.
func (t *trial) closed() map[string]int {
	out := map[string]int{}
	for _, n := range t.server.nodes {
		res, err := (&http.Client{Timeout: 2 * time.Second}).Get(n.url() + "/metrics") //nolint:noctx // it has a timeout
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			for _, reason := range slowReasons {
				var count int
				value, ok := strings.CutPrefix(lines.Text(), fmt.Sprintf("parley_connections_closed_total{reason=%q} ", reason))
				if _, err := fmt.Sscan(value, &count); ok && err == nil {
					out[reason] += count
				}
			}
		}
		_ = res.Body.Close() // it has been read
	}
	return out
}

// memory is the most of the nodes' memory, by what the kernel calls it, in bytes.
func (t *trial) memory(name string) (most int64) {
	for _, n := range t.server.nodes {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid)) // one that is gone has none
		_, line, _ := strings.Cut(string(text), name+":")
		var kib int64
		if _, err := fmt.Sscan(line, &kib); err == nil {
			most = max(most, kib<<10)
		}
	}
	return most
}

// forgetPeaks has the kernel measure the nodes' peaks of memory from now on.
func (t *trial) forgetPeaks() {
	for _, n := range t.server.nodes {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", n.cmd.Process.Pid), []byte("5"), 0) // else the peak is the one of its whole life
	}
}
