package chat_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// Who may write where counts when a message is committed, however much is remembered of it: what another process has changed, a node or a
// command beside the server, counts for the next message.
func TestWhatOthersChangeCountsForTheNextMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		room   chat.RoomDraft
		direct bool
		change func(there *fixture, owner, ana chat.Actor, room string) error
		back   func(there *fixture, owner, ana chat.Actor, room string) error
		kind   chat.Kind
	}{
		"kicked": {
			change: func(there *fixture, owner, ana chat.Actor, room string) error {
				return there.KickMember(there.t.Context(), owner, room, ana.UserID, false, "")
			},
			back: func(there *fixture, owner, ana chat.Actor, room string) error {
				_, err := there.AddMembers(there.t.Context(), owner, room, []string{ana.UserID})
				return err
			},
			kind: chat.NotFound,
		},
		"banned": {
			change: func(there *fixture, owner, ana chat.Actor, room string) error {
				return there.KickMember(there.t.Context(), owner, room, ana.UserID, true, "")
			},
			kind: chat.NotFound,
		},
		"left": {
			change: func(there *fixture, _, ana chat.Actor, room string) error {
				return there.LeaveRoom(there.t.Context(), ana, room)
			},
			kind: chat.NotFound,
		},
		"deactivated": {
			change: func(there *fixture, owner, ana chat.Actor, _ string) error {
				_, err := there.Deactivate(there.t.Context(), owner, ana.UserID, true)
				return err
			},
			back: func(there *fixture, owner, ana chat.Actor, _ string) error {
				_, err := there.Deactivate(there.t.Context(), owner, ana.UserID, false)
				return err
			},
			kind: chat.NotFound,
		},
		"archived": {
			change: func(there *fixture, owner, _ chat.Actor, room string) error {
				yes := true
				_, err := there.UpdateRoom(there.t.Context(), owner, room, chat.RoomChange{Archived: &yes})
				return err
			},
			back: func(there *fixture, owner, _ chat.Actor, room string) error {
				no := false
				_, err := there.UpdateRoom(there.t.Context(), owner, room, chat.RoomChange{Archived: &no})
				return err
			},
			kind: chat.Forbidden,
		},
		"no moderator of the room any more": {
			room: chat.RoomDraft{Kind: chat.Announcement},
			change: func(there *fixture, owner, ana chat.Actor, room string) error {
				return there.SetRoomRole(there.t.Context(), owner, room, ana.UserID, chat.Member)
			},
			back: func(there *fixture, owner, ana chat.Actor, room string) error {
				return there.SetRoomRole(there.t.Context(), owner, room, ana.UserID, chat.Moderator)
			},
			kind: chat.Forbidden,
		},
		"blocked": {
			direct: true,
			change: func(there *fixture, owner, ana chat.Actor, _ string) error {
				_, err := there.BlockPerson(there.t.Context(), owner, ana.UserID, &chat.Block{})
				return err
			},
			back: func(there *fixture, owner, ana chat.Actor, _ string) error {
				_, err := there.BlockPerson(there.t.Context(), owner, ana.UserID, nil)
				return err
			},
			kind: chat.Forbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, o db.Options) {
				here, there := open(t, o), open(t, o)
				owner, ana := here.account("owner"), here.account("ana")
				tc.room.Name, tc.room.Members = "Room", []string{ana.UserID}
				var room string
				if tc.direct {
					r, err := here.OpenDirect(t.Context(), ana, []string{owner.UserID})
					if err != nil {
						t.Fatal(err)
					}
					room = r.ID
				} else {
					room = here.room(owner, tc.room)
				}
				if tc.room.Kind == chat.Announcement {
					if err := here.SetRoomRole(t.Context(), owner, room, ana.UserID, chat.Moderator); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					here.say(ana, room, "allowed")
				}
				if err := tc.change(there, owner, ana, room); err != nil {
					t.Fatal(err)
				}
				if _, err := here.SendMessage(t.Context(), ana, chat.Draft{RoomID: room, Text: "refused"}); kindOf(err) != tc.kind {
					t.Fatalf("%v, want %s", err, tc.kind)
				}
				here.say(owner, chat.Lobby, "elsewhere it goes on")
				if tc.back == nil {
					return
				}
				if err := tc.back(there, owner, ana, room); err != nil {
					t.Fatal(err)
				}
				here.say(ana, room, "allowed again")
			})
		})
	}
}

// A repeat is answered as the message was, whatever it would be refused for now; and those it comes with are not held up.
func TestRepeatsAmongNewMessages(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner, ana, ben := f.account("owner"), f.account("ana"), f.account("ben")
		room := f.room(owner, chat.RoomDraft{Name: "Room", Members: []string{ana.UserID, ben.UserID}})
		send := func(a chat.Actor, id string) (chat.Message, error) {
			return f.SendMessage(t.Context(), a, chat.Draft{RoomID: room, ClientID: id, Text: "text of " + id})
		}
		first, err := send(ana, "before")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.KickMember(t.Context(), owner, room, ana.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := send(ana, "after"); kindOf(err) != chat.NotFound {
			t.Fatalf("she writes where she is not: %v", err)
		}
		// Many at once, new ones and repeats: they meet in a batch.
		const each = 40
		var wg sync.WaitGroup
		ids := make([][3]string, each)
		for i := range each {
			for j, a := range []chat.Actor{owner, ben, ben} {
				wg.Go(func() {
					id := fmt.Sprint("new ", i)
					m, err := send(a, id)
					if err != nil {
						t.Errorf("%s: %v", id, err)
					}
					ids[i][j] = m.ID
				})
			}
			wg.Go(func() {
				if again, err := send(ana, "before"); err != nil || again.ID != first.ID || again.Seq != first.Seq {
					t.Errorf("a repeat is answered %+v, %v", again, err)
				}
			})
		}
		wg.Wait()
		var all []string
		for _, three := range ids {
			if three[1] != three[2] || three[0] == three[1] {
				t.Errorf("%q", three)
			}
			all = append(all, three[0], three[1])
		}
		slices.Sort(all)
		if n := len(slices.Compact(all)); n != 2*each {
			t.Errorf("%d messages of %d", n, 2*each)
		}
		if n := f.number(`SELECT count(*) FROM log WHERE kind = 'message'`); n != 2*each+1 {
			t.Errorf("%d messages are stored", n)
		}
		if n := f.number(`SELECT count(*) FROM log l JOIN rooms r ON r.id = l.room_id WHERE r.name = 'Room' AND l.seq > r.last_seq`); n != 0 {
			t.Errorf("%d entries beyond the end", n)
		}
		for id, n := range f.timesPublished() {
			if n != 1 {
				t.Errorf("%s was published %d times", id, n)
			}
		}
	})
}

func (f *fixture) timesPublished() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := map[string]int{}
	for _, m := range f.published {
		times[m.ID]++
	}
	return times
}
