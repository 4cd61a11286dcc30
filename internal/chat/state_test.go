package chat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/chat"
)

// roomCopy is what a client knows of a room.
type roomCopy struct {
	Room     chat.Room
	Messages map[string]chat.Message
	Members  map[string]chat.RoomMember
	seq      int64
	id       string
	people   int64
}

// snapshot reads a room as a client does that knows nothing.
func (f *fixture) snapshot(a chat.Actor, room string) *roomCopy {
	f.t.Helper()
	s := &roomCopy{Messages: map[string]chat.Message{}, Members: map[string]chat.RoomMember{}}
	var err error
	if s.people, err = f.DirectoryVersion(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	if s.Room, err = f.Room(f.t.Context(), a, room); err != nil {
		f.t.Fatal(err)
	}
	s.seq, s.Room.LastSeq = s.Room.LastSeq, 0
	zero := int64(0)
	for q := (chat.HistoryQuery{RoomID: room, AfterSeq: &zero, Limit: 7}); ; {
		page, err := f.History(f.t.Context(), a, q)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, m := range page.Messages {
			s.Messages[m.ID] = m
			q.AfterSeq = &m.Seq
		}
		if !page.HasMore {
			break
		}
	}
	members, err := f.Members(f.t.Context(), a, room, "", false)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range members {
		s.Members[m.UserID] = m
	}
	s.Room.Members = len(s.Members)
	return s
}

func (s *roomCopy) clone() *roomCopy {
	c := &roomCopy{Room: s.Room, Messages: map[string]chat.Message{}, Members: map[string]chat.RoomMember{}, seq: s.seq, id: s.id, people: s.people}
	for id, m := range s.Messages {
		c.Messages[id] = m
	}
	for id, m := range s.Members {
		c.Members[id] = m
	}
	return c
}

// apply is what a client does with an entry.
func (s *roomCopy) apply(t *testing.T, e *chat.Entry) {
	t.Helper()
	if e.Seq <= s.seq {
		return
	}
	if e.Seq != s.seq+1 {
		t.Fatalf("seq %d after %d", e.Seq, s.seq)
	}
	s.seq, s.id = e.Seq, e.ID
	if e.Message != nil {
		s.Messages[e.Message.ID] = *e.Message
		for id, m := range s.Messages {
			if m.ReplyTo != nil && m.ReplyTo.ID == e.Message.ID { // a quote shows its message as it is now
				quote := *m.ReplyTo
				quote.Text = excerpt(e.Message.Text)
				m.ReplyTo = &quote
				s.Messages[id] = m
			}
		}
	}
	if e.Room != nil && (e.Kind == chat.KindUpdate || e.Kind == chat.KindCreate) {
		s.Room = *e.Room
		s.Room.LastSeq = 0
	}
	switch e.Kind {
	case chat.KindJoin, chat.KindRole:
		s.Members[e.Member.UserID] = *e.Member
	case chat.KindLeave, chat.KindKick, chat.KindBan:
		delete(s.Members, e.Member.UserID)
	}
	s.Room.Members = len(s.Members)
}

func excerpt(text string) string {
	if r := []rune(text); len(r) > 140 {
		return string(r[:140]) + "…"
	}
	return text
}

// rename is what a client does with a changed person.
func (s *roomCopy) rename(u chat.User) {
	for id, m := range s.Messages {
		if m.SenderID == u.ID {
			m.SenderName = u.Name
		}
		if m.ReplyTo != nil && m.ReplyTo.SenderID == u.ID {
			quote := *m.ReplyTo
			quote.SenderName = u.Name
			m.ReplyTo = &quote
		}
		s.Messages[id] = m
	}
	if m, ok := s.Members[u.ID]; ok {
		m.Name = u.Name
		s.Members[u.ID] = m
	}
}

// Whatever happens in a room: an old copy of it and the entries after it give what a fresh reading gives, whether the entries came
// live or by asking for them.
func TestStaleSnapshotAndEventsAreAFreshSnapshot(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		r := rand.New(rand.NewPCG(1, uint64(len(t.Name()))))
		owner := f.account("owner")
		people := []chat.Actor{owner}
		for i := range 5 {
			people = append(people, f.account(fmt.Sprintf("person-%d", i)))
		}
		room := f.room(owner, chat.RoomDraft{Name: "Everything", Kind: chat.Private, History: chat.HistoryAll})
		var stale []*roomCopy
		for step := range 600 {
			if step%60 == 0 {
				stale = append(stale, f.snapshot(owner, room))
			}
			f.randomStep(r, people, room)
		}
		fresh := f.snapshot(owner, room)
		for i, old := range stale {
			live, asked := old.clone(), old.clone()
			f.mu.Lock()
			for _, e := range f.events {
				switch {
				case e.Entry != nil && e.Entry.RoomID == room:
					live.apply(t, e.Entry)
				case e.Person != nil:
					live.rename(*e.Person)
				}
			}
			f.mu.Unlock()
			f.catchUp(owner, asked)
			for name, got := range map[string]*roomCopy{"live": live, "asked for": asked} {
				if diff := cmp.Diff(fresh, got, cmp.AllowUnexported(roomCopy{}), cmp.FilterPath(ignored, cmp.Ignore())); diff != "" {
					t.Fatalf("copy %d with events %s differs (-fresh +copy):\n%s", i, name, diff)
				}
			}
		}
		if fresh.seq < 150 {
			t.Fatalf("only %d entries: nothing was tested", fresh.seq)
		}
	})
}

// ignored are fields that name a place, not a state.
func ignored(p cmp.Path) bool { return p.String() == "id" || p.String() == "people" }

func (f *fixture) catchUp(a chat.Actor, s *roomCopy) {
	f.t.Helper()
	for {
		news, err := f.Sync(f.t.Context(), a, chat.Position{RoomID: s.Room.ID, Epoch: s.Room.Epoch, Seq: s.seq, ID: s.id})
		if err != nil || news.Reset {
			f.t.Fatalf("sync: %+v, %v", news, err)
		}
		for i := range news.Entries {
			s.apply(f.t, &news.Entries[i])
		}
		if !news.HasMore {
			break
		}
	}
	for {
		users, version, err := f.ChangedPeople(f.t.Context(), s.people)
		if err != nil {
			f.t.Fatal(err)
		}
		if s.people = version; len(users) == 0 {
			return
		}
		for _, u := range users {
			s.rename(u)
		}
	}
}

// randomStep does something that people do. What the rules refuse is refused, and changes nothing.
func (f *fixture) randomStep(r *rand.Rand, people []chat.Actor, room string) {
	ctx := f.t.Context()
	owner, a := people[0], people[r.IntN(len(people))]
	var ids []string
	if page, err := f.History(ctx, owner, chat.HistoryQuery{RoomID: room, Limit: 20}); err == nil {
		for _, m := range page.Messages {
			ids = append(ids, m.ID)
		}
	}
	some := ""
	if len(ids) > 0 {
		some = ids[r.IntN(len(ids))]
	}
	target := people[1+r.IntN(len(people)-1)].UserID
	emoji := []string{"👍", "🎉", "🫠"}[r.IntN(3)]
	text := fmt.Sprintf("message %d of @%s for @person-%d", r.IntN(1000), a.Name, r.IntN(6))
	var err error
	switch r.IntN(16) {
	case 0, 1, 2, 3:
		_, err = f.SendMessage(ctx, a, chat.Draft{RoomID: room, Text: text})
	case 4:
		_, err = f.SendMessage(ctx, a, chat.Draft{RoomID: room, Text: text, ReplyTo: some})
	case 5, 6:
		_, err = f.EditMessage(ctx, a, room, some, text)
	case 7:
		_, err = f.DeleteMessage(ctx, a, room, some)
	case 8, 9, 10:
		_, err = f.React(ctx, a, room, some, emoji, r.IntN(3) > 0)
	case 11:
		_, err = f.AddMembers(ctx, owner, room, []string{target})
	case 12:
		if r.IntN(2) == 0 {
			err = f.KickMember(ctx, owner, room, target, false, "")
		} else if a.UserID != owner.UserID {
			err = f.LeaveRoom(ctx, a, room)
		}
	case 13:
		err = f.SetRoomRole(ctx, owner, room, target, []chat.Role{chat.Moderator, chat.Member}[r.IntN(2)])
	case 14:
		topic := fmt.Sprint("topic ", r.IntN(10))
		_, err = f.UpdateRoom(ctx, owner, room, chat.RoomChange{Topic: &topic})
	case 15:
		_, err = f.RenameUser(ctx, a, fmt.Sprint("Name ", r.IntN(100)))
	}
	if kind := kindOf(err); !slices.Contains([]chat.Kind{"", chat.NotFound, chat.Forbidden}, kind) {
		f.t.Fatalf("%v", err)
	}
}

// account makes somebody with an account, who is a member of the server.
func (f *fixture) account(login string) chat.Actor {
	f.t.Helper()
	u, err := f.CreateAccount(f.t.Context(), chat.AccountDraft{Login: login, PasswordHash: "-"})
	if err != nil {
		f.t.Fatal(err)
	}
	return chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
}

func (f *fixture) room(a chat.Actor, d chat.RoomDraft) string {
	f.t.Helper()
	r, err := f.CreateRoom(f.t.Context(), a, d)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.ID
}
