package chat_test

import (
	"strings"
	"sync"
	"testing"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// Messages are committed together: one that the database cannot take is refused before it can take the others with it.
func TestBadDraftsHarmNobodyElse(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, mal := f.guest("Ana"), f.guest("Mal")
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for _, d := range []chat.Draft{
					{Text: "x", RoomID: "a\x00b"}, {Text: "x", ClientID: "a\x00b"}, {Text: "x", ReplyTo: "a\x00b"}, {Text: "x", Mentions: []string{"a\x00b"}},
					{Text: "x", RoomID: "\xff"}, {Text: "x", ReplyTo: "\xff"}, {Text: "x", Mentions: []string{"\xff"}},
					{Text: "x", RoomID: strings.Repeat("r", 1<<16)}, {Text: "x", ReplyTo: strings.Repeat("m", 1<<16)},
				} {
					if _, err := f.SendMessage(t.Context(), mal, d); kindOf(err) != chat.Invalid && kindOf(err) != chat.NotFound {
						t.Errorf("%.200q: %v", d.RoomID+d.ClientID+d.ReplyTo+strings.Join(d.Mentions, ""), err)
					}
				}
			})
			all.Go(func() { f.send(ana, "", "hello") })
		}
		all.Wait()
		if _, texts := f.log(); len(texts) != 10 {
			t.Fatalf("%q", texts)
		}
	})
}

// What a moderator does to somebody is not undone by what they change of themselves at the same moment.
func TestChangesOfAPersonDoNotUndoEachOther(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner, mal := f.account("owner"), f.account("mal")
		for round := range 20 {
			var busy sync.WaitGroup
			for _, status := range []string{"a", "b", "c"} {
				busy.Go(func() {
					for _, more := range []string{"1", "2", "3"} {
						text := status + more
						_, _ = f.UpdateProfile(t.Context(), mal, chat.Profile{Status: &text})
					}
				})
			}
			off := round%2 == 0
			if _, err := f.Deactivate(t.Context(), owner, mal.UserID, off); err != nil {
				t.Fatal(err)
			}
			busy.Wait()
			if u, err := f.User(t.Context(), mal.UserID); err != nil || u.Deactivated != off {
				t.Fatalf("round %d: deactivated is %v: %v", round, u.Deactivated, err)
			}
		}
	})
}

// Two owners who take each other's role away at the same moment would leave a server that belongs to whoever signs up next.
func TestAnOwnerIsLeft(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.account("one")
		two := f.account("two")
		for range 10 {
			if _, err := f.SetRole(t.Context(), a, two.UserID, chat.Owner); err != nil {
				t.Fatal(err)
			}
			b := two
			b.Role = chat.Owner
			var both sync.WaitGroup
			both.Go(func() { _, _ = f.SetRole(t.Context(), a, b.UserID, chat.Member) })
			both.Go(func() { _, _ = f.SetRole(t.Context(), b, a.UserID, chat.Member) })
			both.Wait()
			left := 0
			for _, id := range []string{a.UserID, b.UserID} {
				if u, err := f.User(t.Context(), id); err != nil {
					t.Fatal(err)
				} else if u.Role == chat.Owner {
					left++
					if id == b.UserID {
						a, two = b, a
					}
				}
			}
			if left == 0 {
				t.Fatal("nobody owns the server")
			}
			a.Role, two.Role = chat.Owner, chat.Member
		}
	})
}

// Of several who sign up first at the same moment one is the owner.
func TestOneOwnerAtFirst(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		var all sync.WaitGroup
		for _, login := range []string{"aa", "bb", "cc", "dd", "ee", "ff"} {
			all.Go(func() {
				if _, err := f.CreateAccount(t.Context(), chat.AccountDraft{Login: login}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		accounts, err := f.Accounts(t.Context())
		owners := 0
		for _, u := range accounts {
			if u.Role == chat.Owner {
				owners++
			}
		}
		if err != nil || owners != 1 {
			t.Fatalf("%d owners: %v", owners, err)
		}
	})
}

// Who has been put out of a room is not told that there is a thread about what they wrote.
func TestThreadsAreNotToldToThoseWhoAreOut(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben, cara := f.account("ana"), f.account("ben"), f.account("cara")
		room := f.room(ana, chat.RoomDraft{Name: "Secret", Kind: chat.Private, Members: []string{ben.UserID, cara.UserID}})
		of := func(a chat.Actor) (told []chat.Follow) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, e := range f.events {
				if e.Follow != nil && e.Follow.UserID == a.UserID {
					told = append(told, *e.Follow)
				}
			}
			return told
		}
		his, hers := f.say(ben, room, "mine"), f.say(cara, room, "hers")
		if err := f.KickMember(t.Context(), ana, room, ben.UserID, true, ""); err != nil {
			t.Fatal(err)
		}
		f.thread(ana, room, hers)
		if told := of(cara); len(told) != 1 {
			t.Fatalf("its author is not told: %+v", told)
		}
		thread := f.thread(ana, room, his)
		f.say(ana, thread.ID, "@ben did this")
		if told := of(ben); len(told) != 0 {
			t.Fatalf("somebody who is out is told %+v", told)
		}
		if _, err := f.OpenThread(t.Context(), ben, chat.Lobby, his.ID); kindOf(err) != chat.NotFound || err.Error() != "No such message" {
			t.Fatalf("it can be told that there is a thread: %v", err)
		}
	})
}

// An invitation is worth as much as its maker may give now.
func TestInvitationsEndWithTheirMakersRights(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner, ana, ben, cara := f.account("owner"), f.account("ana"), f.account("ben"), f.account("cara")
		is := func(token, login string, kind chat.Kind) {
			t.Helper()
			if _, err := f.Invitation(t.Context(), token); kindOf(err) != kind {
				t.Fatalf("info: %v", err)
			}
			if _, err := f.CreateAccount(t.Context(), chat.AccountDraft{Login: login, Invitation: token}); kindOf(err) != kind {
				t.Fatalf("sign-up: %v", err)
			}
		}
		give := func(role chat.Role) {
			t.Helper()
			u, err := f.SetRole(t.Context(), owner, ana.UserID, role)
			if err != nil {
				t.Fatal(err)
			}
			ana.Role = u.Role
		}
		give(chat.Admin)
		_, token, err := f.Invite(t.Context(), ana, chat.InvitationDraft{Role: chat.Admin, MaxUses: 10})
		if err != nil {
			t.Fatal(err)
		}
		is(token, "friend-1", "")
		give(chat.Member)
		is(token, "friend-2", chat.NotFound)
		give(chat.Admin)
		is(token, "friend-3", "")
		if _, err := f.Deactivate(t.Context(), owner, ana.UserID, true); err != nil {
			t.Fatal(err)
		}
		is(token, "friend-4", chat.NotFound)

		room := f.room(owner, chat.RoomDraft{Name: "Secret", Kind: chat.Private, Members: []string{ben.UserID}})
		if err := f.SetRoomRole(t.Context(), owner, room, ben.UserID, chat.Moderator); err != nil {
			t.Fatal(err)
		}
		_, link, err := f.Invite(t.Context(), ben, chat.InvitationDraft{RoomID: room, MaxUses: 10})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.JoinByInvitation(t.Context(), cara, link); err != nil {
			t.Fatal(err)
		}
		if err := f.KickMember(t.Context(), owner, room, ben.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Invitation(t.Context(), link); kindOf(err) != chat.NotFound {
			t.Fatalf("who was put out is told what the room is called now: %v", err)
		}
		if _, err := f.JoinByInvitation(t.Context(), ben, link); kindOf(err) != chat.NotFound {
			t.Fatalf("who was put out lets themselves in again: %v", err)
		}
	})
}

// Who is blocked says nothing by other ways than a message either.
func TestBlockedPeopleSayNothing(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		r, err := f.OpenDirect(t.Context(), ben, []string{ana.UserID})
		if err != nil {
			t.Fatal(err)
		}
		m := f.say(ben, r.ID, "hello")
		p, err := f.CreatePoll(t.Context(), ben, chat.PollDraft{RoomID: r.ID, Question: "?", Options: []string{"a", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.BlockPerson(t.Context(), ana, ben.UserID, &chat.Block{}); err != nil {
			t.Fatal(err)
		}
		for what, do := range map[string]func() error{
			"edit":  func() error { return second(f.EditMessage(t.Context(), ben, r.ID, m.ID, "you will hear me")) },
			"react": func() error { return second(f.React(t.Context(), ben, r.ID, m.ID, "hear me", true)) },
			"pin":   func() error { return second(f.PinMessage(t.Context(), ben, r.ID, m.ID, true)) },
			"vote":  func() error { return second(f.Vote(t.Context(), ben, r.ID, p.ID, []int{0})) },
		} {
			refusedAs(t, what, do(), chat.Forbidden)
		}
		if _, err := f.DeleteMessage(t.Context(), ben, r.ID, m.ID); err != nil { // to take back is no saying
			t.Fatal(err)
		}
	})
}

// Who may not write in a room any more does not write there by editing what they wrote.
func TestEditingIsWriting(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner, ana := f.account("owner"), f.account("ana")
		room := f.room(owner, chat.RoomDraft{Name: "News", Kind: chat.Announcement, Members: []string{ana.UserID}})
		if err := f.SetRoomRole(t.Context(), owner, room, ana.UserID, chat.Moderator); err != nil {
			t.Fatal(err)
		}
		m := f.say(ana, room, "news")
		if err := f.SetRoomRole(t.Context(), owner, room, ana.UserID, chat.Member); err != nil {
			t.Fatal(err)
		}
		refusedAs(t, "edit", second(f.EditMessage(t.Context(), ana, room, m.ID, "other news")), chat.Forbidden)
	})
}

// What the operator has said of signing up no invitation gets around.
func TestInvitationsGiveNoMoreThanTheServerDoes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := openWith(t, o, chat.Limits{SignUp: chat.SignUpInvite, InviteRole: chat.Admin})
		owner := f.account("owner")
		_, to, err := f.Invite(t.Context(), owner, chat.InvitationDraft{MaxUses: 2})
		if err != nil {
			t.Fatal(err)
		}
		u, err := f.CreateAccount(t.Context(), chat.AccountDraft{Login: "ana", Invitation: to})
		if err != nil {
			t.Fatal(err)
		}
		ana := chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
		_, _, err = f.Invite(t.Context(), ana, chat.InvitationDraft{})
		refusedAs(t, "a member invites to the server", err, chat.Forbidden)
		_, link, err := f.Invite(t.Context(), ana, chat.InvitationDraft{RoomID: f.room(ana, chat.RoomDraft{Name: "Door"}), MaxUses: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.CreateAccount(t.Context(), chat.AccountDraft{Login: "ben", Invitation: link})
		refusedAs(t, "a member's link into a room", err, chat.Forbidden)

		closed, err := chat.New(t.Context(), chat.Options{DB: f.db, Limits: chat.Limits{SignUp: chat.SignUpClosed}})
		if err != nil {
			t.Fatal(err)
		}
		defer closed.Close()
		_, err = closed.CreateAccount(t.Context(), chat.AccountDraft{Login: "cara", Invitation: to})
		refusedAs(t, "signing up where it is closed", err, chat.Forbidden)
	})
}

// Who is out of a room is none of those who have read its threads.
func TestReceiptsOfAThreadAreThoseOfMembers(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Secret", Kind: chat.Private, Members: []string{ben.UserID}})
		thread := f.thread(ana, room, f.say(ben, room, "root"))
		m := f.say(ana, thread.ID, "reply")
		for _, a := range []chat.Actor{ana, ben} {
			if _, err := f.MarkRead(t.Context(), a, thread.ID, m.Seq, false); err != nil {
				t.Fatal(err)
			}
		}
		read := func() int {
			t.Helper()
			list, err := f.Receipts(t.Context(), ana, thread.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if n := read(); n != 2 {
			t.Fatalf("%d have read it, want both", n)
		}
		if err := f.KickMember(t.Context(), ana, room, ben.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		if n := read(); n != 1 {
			t.Fatalf("%d have read it, want ana alone", n)
		}
	})
}

// Who has left the room that they made is not told by a repetition what it is called now.
func TestARepetitionTellsNothingToThoseWhoAreOut(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		draft := chat.RoomDraft{Name: "Before", Kind: chat.Private, Members: []string{ben.UserID}, ClientID: "r1"}
		room := f.room(ana, draft)
		if again, err := f.CreateRoom(t.Context(), ana, draft); err != nil || again.ID != room {
			t.Fatalf("a repetition made %+v, %v", again, err)
		}
		if err := f.LeaveRoom(t.Context(), ana, room); err != nil {
			t.Fatal(err)
		}
		after := "After"
		if _, err := f.UpdateRoom(t.Context(), ben, room, chat.RoomChange{Name: &after}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Before", "After", "Else"} {
			draft.Name = name
			r, err := f.CreateRoom(t.Context(), ana, draft)
			if refusedAs(t, name, err, chat.NotFound); r.Name != "" {
				t.Fatalf("%q is told %+v", name, r)
			}
		}
	})
}

// In a conversation whose one side has blocked the other, nobody hears what the other reads, and who was put out of a room may not be said to type.
func TestWhoMayBeSaidToType(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		r, err := f.OpenDirect(t.Context(), ben, []string{ana.UserID})
		if err != nil {
			t.Fatal(err)
		}
		m := f.say(ben, r.ID, "hello")
		if mark, err := f.MayWrite(t.Context(), ben, r.ID); err != nil || mark != (chat.Mark{RoomID: r.ID, Seq: m.Seq}) {
			t.Fatalf("%+v, %v", mark, err)
		}
		room := f.room(ana, chat.RoomDraft{Name: "Secret", Kind: chat.Private, Members: []string{ben.UserID}})
		root := f.say(ben, room, "root")
		thread := f.thread(ana, room, root)
		f.say(ben, thread.ID, "reply")
		mark, err := f.MayWrite(t.Context(), ben, thread.ID)
		if err != nil || mark.RoomID != room || mark.Seq < root.Seq {
			t.Fatalf("%+v, %v", mark, err)
		}
		if _, err := f.BlockPerson(t.Context(), ana, ben.UserID, &chat.Block{}); err != nil {
			t.Fatal(err)
		}
		for _, a := range []chat.Actor{ana, ben} {
			refusedAs(t, a.Name, second(f.MayWrite(t.Context(), a, r.ID)), chat.Forbidden)
			read, err := f.MarkRead(t.Context(), a, r.ID, m.Seq, false)
			if err != nil || read.Members != 0 {
				t.Fatalf("%s has read it: %+v, %v", a.Name, read, err)
			}
		}
		if err := f.KickMember(t.Context(), ana, room, ben.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{room, thread.ID} {
			refusedAs(t, id, second(f.MayWrite(t.Context(), ben, id)), chat.NotFound)
		}
	})
}
