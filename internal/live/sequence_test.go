package live

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/chat"
)

// logs is what a sequencer reads from, and what it has delivered.
type logs struct {
	readable chan struct{} // closed when the room can be read
	heads    map[string]int64

	mu        sync.Mutex
	delivered []string
}

func (l *logs) read(ctx context.Context, room string, after int64) (entries []chat.Entry, err error) {
	if room == "room" {
		select {
		case <-l.readable:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for seq := after + 1; seq <= l.heads[room]; seq++ {
		entries = append(entries, chat.Entry{RoomID: room, Seq: seq, Kind: chat.KindMessage, Message: &chat.Message{}})
	}
	return entries, nil
}

func (l *logs) parent(_ context.Context, room string) (string, int64, error) {
	if room == "thread" {
		return "room", l.heads["room"], nil
	}
	return "", 0, nil
}

func (l *logs) deliver(e *delivery) {
	l.mu.Lock()
	l.delivered = append(l.delivered, fmt.Sprint(e.Room, " ", e.Seq))
	l.mu.Unlock()
}

func (l *logs) have() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.delivered)
}

// Nobody hears in a thread what was written after they had left its room, also when this node has not heard yet that they did.
func TestAThreadWaitsForItsRoom(t *testing.T) {
	for name, reply := range map[string]func(s *sequencer){
		"told":   func(s *sequencer) { s.offer(&delivery{Room: "thread", Seq: 2, Parent: "room", ParentSeq: 7}) },
		"untold": func(s *sequencer) { s.head("thread", 2) },
		"further": func(s *sequencer) {
			s.offer(&delivery{Room: "thread", Seq: 2, Parent: "room", ParentSeq: 6})
			s.head("room", 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &logs{readable: make(chan struct{}), heads: map[string]int64{"room": 7, "thread": 2}}
			s := newSequencer(l.deliver)
			s.read, s.parent = l.read, l.parent
			defer s.close()
			s.head("room", 5)
			s.head("thread", 1)
			reply(s)
			time.Sleep(50 * time.Millisecond) // time in which it could be delivered too early
			if got := l.have(); len(got) > 0 {
				t.Fatalf("delivered before the room was: %q", got)
			}
			close(l.readable)
			for deadline := time.Now().Add(10 * time.Second); len(l.have()) < 3 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			got := l.have()
			if i := slices.Index(got, "thread 2"); len(got) != 3 || i < 1 || name != "further" && i != 2 {
				t.Fatalf("%q", got)
			}
		})
	}
}

// A thread whose room nobody here is in waits for nothing.
func TestAThreadOfAnUnknownRoomGoesOn(t *testing.T) {
	l := &logs{}
	s := newSequencer(l.deliver)
	defer s.close()
	s.head("thread", 1)
	s.offer(&delivery{Room: "thread", Seq: 2, Parent: "room", ParentSeq: 7})
	if got := l.have(); !slices.Equal(got, []string{"thread 2"}) {
		t.Fatalf("%q", got)
	}
}

// The first that is ever said in a room is read from the log like all else, if nobody has told of it.
func TestTheFirstEntryOfALogIsDelivered(t *testing.T) {
	for name, tell := range map[string]func(s *sequencer){
		"nobody told": func(s *sequencer) { s.head("empty", 1) },
		"the second was told": func(s *sequencer) {
			s.offer(&delivery{Room: "empty", Seq: 2})
			s.head("empty", 2)
		},
	} {
		l := &logs{heads: map[string]int64{"empty": 1}}
		if name != "nobody told" {
			l.heads["empty"] = 2
		}
		s := newSequencer(l.deliver)
		s.read, s.parent = l.read, l.parent
		s.enter("empty", 0, func() {})
		tell(s)
		for deadline := time.Now().Add(10 * time.Second); len(l.have()) < int(l.heads["empty"]) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if got := l.have(); len(got) != int(l.heads["empty"]) || got[0] != "empty 1" {
			t.Errorf("%s: %q", name, got)
		}
		s.close()
	}
}

// What may get lost, as that somebody types, waits until the room has been delivered as far as it had come then, and has nothing read.
func TestWhatMayGetLostWaitsForTheRoom(t *testing.T) {
	l := &logs{heads: map[string]int64{}}
	s := newSequencer(l.deliver)
	s.read = func(context.Context, string, int64) ([]chat.Entry, error) {
		t.Error("the log was read")
		return nil, nil
	}
	defer s.close()
	told := map[string]bool{}
	s.later("nobody's", 3, func() { told["nobody's"] = true })
	s.head("room", 5)
	for _, seq := range []int64{4, 5, 6, 7} {
		s.later("room", seq, func() { told[fmt.Sprint(seq)] = true })
	}
	if !told["nobody's"] || !told["4"] || !told["5"] || told["6"] || told["7"] {
		t.Fatalf("at 5 it has told %v", told)
	}
	s.offer(&delivery{Room: "room", Seq: 6})
	if !told["6"] || told["7"] {
		t.Fatalf("at 6 it has told %v", told)
	}
	for range 2 * maxLater {
		s.later("room", 9, func() {})
	}
	if n := len(s.rooms["room"].waiting); n > maxLater {
		t.Fatalf("%d wait", n)
	}
	if s.offer(&delivery{Room: "room", Seq: 7}); !told["7"] {
		t.Fatalf("at 7 it has told %v", told)
	}
}
