package live

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"parley/engineio"
	"parley/internal/chat"
	"parley/socketio"
)

const (
	// recently is for how long after it was delivered it is looked at whether a room's last entry is still in its log.
	recently = 2 * time.Minute
	// comeBack is within which time those who are sent away are to come back.
	comeBack = 2 * time.Second
)

// lookForRewound finds rooms whose logs do not have any more what was delivered of them: the database has failed over to a copy that was
// behind, or was put back. Who has heard it is sent away, and finds out when they come back and ask what is new: see [chat.Chat.Sync].
func (d *Door) lookForRewound(ctx context.Context) {
	delivered, doubted := d.sequence.recent(d.serves)
	ids, err := d.o.Chat.EntriesAt(ctx, delivered)
	if err != nil {
		return // the next look finds them
	}
	lost := map[string]chat.Position{}
	for _, p := range delivered {
		if id, ok := ids[p.RoomID]; !ok || p.ID != "" && p.ID != id {
			lost[p.RoomID] = p
		}
	}
	for _, room := range doubted {
		if _, gone := lost[room]; !gone {
			d.sequence.trust(room)
		}
	}
	if len(lost) == 0 {
		return
	}
	heads, err := d.o.Chat.Heads(ctx, slices.Collect(maps.Keys(lost)))
	if err != nil {
		return
	}
	for room, p := range lost {
		if !d.sequence.rewind(p, heads[room]) {
			delete(lost, room)
		}
	}
	d.o.Log.Error("the database has lost what it had committed: those who have heard it begin anew", "rooms", len(lost))
	d.sendAway(func(s *socketio.Socket) bool {
		return slices.ContainsFunc(s.Rooms(), func(name string) bool {
			id, _ := roomID(name)
			_, ok := lost[id]
			return ok
		})
	})
}

// sendAway ends connections and tells each when to come back.
func (d *Door) sendAway(which func(*socketio.Socket) bool) {
	d.running.Go(func() { // it waits for what they are at
		for _, s := range d.io.Sockets() {
			if which(s) {
				wait := time.Duration(rand.Int64N(int64(comeBack)))
				d.failed("server-restarting", s.Emit("server-restarting", serverRestarting{wait.Seconds()}))
				s.Session().Finish(engineio.ReasonForcedClose)
			}
		}
	})
}

// recent is where the rooms' deliveries have ended that are served, and of which something was delivered not long ago; and which are doubted.
func (s *sequencer) recent(serves func(room string) bool) (out []chat.Position, doubted []string) {
	s.mu.Lock()
	places := maps.Clone(s.rooms)
	s.mu.Unlock()
	for room, p := range places {
		if !serves(room) {
			continue
		}
		p.mu.Lock()
		if p.known && p.last > 0 && (p.doubted || time.Since(p.begun) < recently) {
			out = append(out, chat.Position{RoomID: room, Seq: p.last, ID: p.id})
		}
		if p.doubted {
			doubted = append(doubted, room)
		}
		p.mu.Unlock()
	}
	return out, doubted
}

// contradicts reports whether another entry stands where the last one that was delivered did. The caller holds the lock.
func (p *place) contradicts(seq int64, id string) bool {
	return p.known && seq == p.last && id != "" && p.id != "" && id != p.id
}

// doubt has a room looked at. The caller holds its lock.
func (s *sequencer) doubt(p *place) {
	p.doubted = true
	select {
	case s.doubts <- struct{}{}:
	default: // it is about to be
	}
}

// trust ends the doubt of a room that has been looked at.
func (s *sequencer) trust(room string) {
	p := s.locked(room)
	p.doubted = false
	p.mu.Unlock()
}

// rewind takes a room back to where its log ends now, unless it has moved on from where it was.
func (s *sequencer) rewind(was chat.Position, head int64) bool {
	p := s.locked(was.RoomID)
	defer p.mu.Unlock()
	if p.last != was.Seq || p.id != was.ID {
		return false
	}
	p.last, p.id, p.doubted = head, "", false
	if p.filling {
		p.want = head
	}
	return true
}
