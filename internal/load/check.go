package load

import (
	"context"
	"maps"
	"slices"
	"time"
)

// stormOver is how much longer those may take who come back from a storm.
const stormOver = time.Minute

// settleMost is how much longer it may take while there is progress.
const settleMost = 2 * time.Minute

// settle waits until everybody who is connected has all that was acknowledged, and says who has not: after a time in which nobody was
// told anything, or a long time altogether. A server that is slow has lost nothing.
func (t *tester) settle() {
	still := settleWithin
	if t.o.Storm {
		still += stormOver
	}
	begun, last, since := time.Now(), int64(-1), time.Now()
	for {
		behind := t.behind(false)
		if behind == 0 {
			return
		}
		if so := t.stats.delivered.Load() + t.stats.acked.Load(); so != last {
			last, since = so, time.Now()
		}
		if time.Since(since) > still || time.Since(begun) > still+settleMost {
			t.behind(true)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// behind counts what the people lack who are connected; with tell it is a problem.
func (t *tester) behind(tell bool) (n int) {
	heads := map[string]int64{}
	for _, p := range t.people {
		if p.busy.Load() {
			n++ // their message may still be under way
			continue
		}
		if !p.online.Load() {
			if p.stormed.Load() != 0 {
				n++ // they are on their way back
			}
			continue
		}
		p.mu.Lock()
		for room, at := range p.places {
			head, known := heads[room]
			if !known {
				head = t.truth.head(room)
				heads[room] = head
			}
			if !at.known || at.last >= head {
				continue
			}
			n++
			switch {
			case !tell:
			case p.catching.Load() > 0: // the server has not told them yet: it is slow, but nothing is known to be lost
				t.stats.behind.Add(1)
			default:
				t.truth.problem("lost", "%s is at %d of %s, which goes to %d", p.userID, at.last, room, head)
			}
		}
		p.mu.Unlock()
	}
	return n
}

const (
	readRooms = 50 // rooms that are read back
	readPages = 10 // pages of a room
	pageSize  = 300
)

// readBack reads the rooms' newest messages and looks for what was acknowledged.
func (t *tester) readBack() {
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	read := map[string]bool{}
	for _, p := range t.people {
		if !p.online.Load() || len(read) >= readRooms {
			continue
		}
		rooms := []string{p.room}
		if d := p.direct.Load(); d != nil {
			rooms = append(rooms, *d)
		}
		for _, room := range rooms {
			if !read[room] {
				read[room] = true
				t.readRoom(ctx, p, room)
			}
		}
	}
}

func (t *tester) readRoom(ctx context.Context, p *person, room string) {
	r := t.truth.room(room)
	r.mu.Lock()
	acked := maps.Clone(r.acked)
	r.mu.Unlock()
	if len(acked) == 0 {
		return
	}
	first := slices.Min(slices.Collect(maps.Keys(acked)))
	found, before := map[int64]string{}, int64(0)
	for range readPages {
		request := map[string]any{"roomId": room, "limit": pageSize}
		if before > 0 {
			request["beforeSeq"] = before
		}
		a, err := p.patiently(ctx, "room-history", request)
		if err != nil {
			return // what could not be read proves nothing
		}
		for _, m := range a.Messages {
			found[m.Seq] = m.ID
		}
		if len(a.Messages) > 0 {
			before = a.Messages[0].Seq
		}
		if !a.HasMore || before <= first {
			before = 0
			break
		}
	}
	for seq, id := range acked {
		if seq < before {
			continue // older than what was read
		}
		t.stats.readBack.Add(1)
		if found[seq] != id {
			t.truth.problem("lost", "%d of %s was acknowledged as %s, and is read as %q", seq, room, id, found[seq])
		}
	}
}
