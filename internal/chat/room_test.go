package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/chat"
)

func refusedAs(t *testing.T, what string, err error, kind chat.Kind) {
	t.Helper()
	if kindOf(err) != kind {
		t.Errorf("%s: %v, want %q", what, err, kind)
	}
}

func TestRoomsAreForTheirMembers(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben, eve := f.account("owner"), f.account("ben"), f.account("eve")
		guest := f.guest("Guest")
		private := f.room(owner, chat.RoomDraft{Name: "Secret", Kind: chat.Private, Members: []string{ben.UserID}})
		public := f.room(ben, chat.RoomDraft{Name: "Open"})
		m, err := f.SendMessage(ctx, owner, chat.Draft{RoomID: private, Text: "between us"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.History(ctx, eve, chat.HistoryQuery{RoomID: private})
		refusedAs(t, "a stranger reads", err, chat.NotFound)
		_, err = f.Sync(ctx, eve, chat.Position{RoomID: private})
		refusedAs(t, "a stranger syncs", err, chat.NotFound)
		_, err = f.JoinRoom(ctx, eve, private)
		refusedAs(t, "a stranger joins", err, chat.NotFound)
		_, err = f.React(ctx, eve, private, m.ID, "👍", true)
		refusedAs(t, "a stranger reacts", err, chat.NotFound)
		_, err = f.React(ctx, eve, chat.Lobby, m.ID, "👍", true)
		refusedAs(t, "through another room", err, chat.NotFound)
		_, err = f.CreateRoom(ctx, guest, chat.RoomDraft{Name: "Mine"})
		refusedAs(t, "a guest makes a room", err, chat.Forbidden)
		if _, err = f.JoinRoom(ctx, eve, public); err != nil {
			t.Fatal(err)
		}
		if _, err = f.JoinRoom(ctx, eve, public); err != nil {
			t.Fatalf("again: %v", err)
		}
		rooms, err := f.Directory(ctx, eve, "", "")
		if err != nil || slices.ContainsFunc(rooms, func(r chat.Room) bool { return r.ID == private }) {
			t.Fatalf("%v, %v", rooms, err)
		}
		if err := f.KickMember(ctx, ben, public, eve.UserID, true, "noise"); err != nil {
			t.Fatal(err)
		}
		_, err = f.SendMessage(ctx, eve, chat.Draft{RoomID: public, Text: "still here?"})
		refusedAs(t, "a banned person writes", err, chat.NotFound)
		_, err = f.JoinRoom(ctx, eve, public)
		refusedAs(t, "a banned person joins", err, chat.Forbidden)
		refusedAs(t, "a member kicks the owner", f.KickMember(ctx, ben, private, owner.UserID, false, ""), chat.Forbidden)
		if err := f.LiftBan(ctx, ben, public, eve.UserID); err != nil {
			t.Fatal(err)
		}
		if _, err = f.JoinRoom(ctx, eve, public); err != nil {
			t.Fatal(err)
		}
	})
}

// Who joins a private room reads what comes after; who comes back reads what comes after their return.
func TestMembershipIsAnInterval(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben := f.account("owner"), f.account("ben")
		room := f.room(owner, chat.RoomDraft{Name: "Secret", Kind: chat.Private})
		say := func(text string) {
			t.Helper()
			if _, err := f.SendMessage(ctx, owner, chat.Draft{RoomID: room, Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		read := func() (texts []string) {
			t.Helper()
			page, err := f.History(ctx, ben, chat.HistoryQuery{RoomID: room})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Messages {
				texts = append(texts, m.Text)
			}
			return texts
		}
		say("before")
		if _, err := f.AddMembers(ctx, owner, room, []string{ben.UserID}); err != nil {
			t.Fatal(err)
		}
		page, err := f.History(ctx, owner, chat.HistoryQuery{RoomID: room})
		if err != nil {
			t.Fatal(err)
		}
		old := page.Messages[0]
		if _, err := f.EditMessage(ctx, owner, room, old.ID, "before, edited"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.SendMessage(ctx, owner, chat.Draft{RoomID: room, Text: "while", ReplyTo: old.ID}); err != nil {
			t.Fatal(err)
		}
		f.sees(ben, room, "before")
		if got := read(); !slices.Equal(got, []string{"while"}) {
			t.Fatalf("%q", got)
		}
		if err := f.LeaveRoom(ctx, ben, room); err != nil {
			t.Fatal(err)
		}
		say("without")
		_, err = f.History(ctx, ben, chat.HistoryQuery{RoomID: room})
		refusedAs(t, "an ex-member reads", err, chat.NotFound)
		if _, err := f.AddMembers(ctx, owner, room, []string{ben.UserID}); err != nil {
			t.Fatal(err)
		}
		say("again")
		if got := read(); !slices.Equal(got, []string{"again"}) {
			t.Fatalf("%q", got)
		}
		news, err := f.Sync(ctx, ben, chat.Position{RoomID: room})
		if err != nil || !news.Reset {
			t.Fatalf("a position before the membership: %+v, %v", news, err)
		}
	})
}

// sees fails when somebody is told a text, live or when they ask.
func (f *fixture) sees(a chat.Actor, room, text string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.MyRoom(f.t.Context(), a, room)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range f.events {
		if e.Entry == nil || e.Entry.RoomID != room || e.Entry.Seq <= r.FromSeq {
			continue
		}
		told := e.Entry
		if slices.Contains(told.Blind, a.UserID) {
			told = told.Redacted(told.Seq - 1)
		}
		f.shows("live", told, text)
	}
	news, err := f.Sync(f.t.Context(), a, chat.Position{RoomID: room, Seq: r.FromSeq})
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range news.Entries {
		f.shows("asked for", &news.Entries[i], text)
	}
	page, err := f.History(f.t.Context(), a, chat.HistoryQuery{RoomID: room})
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range page.Messages {
		f.shows("history", &chat.Entry{Message: &page.Messages[i]}, text)
	}
}

func (f *fixture) shows(how string, e *chat.Entry, text string) {
	f.t.Helper()
	if m := e.Message; m != nil && (strings.Contains(m.Text, text) || m.ReplyTo != nil && m.ReplyTo.Text != "") {
		f.t.Errorf("%s: %+v of %+v", how, m, e)
	}
}

func TestTheLastOwnerOfARoomHasAnHeir(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner, ben, cleo := f.account("owner"), f.account("ben"), f.account("cleo")
		room := f.room(owner, chat.RoomDraft{Name: "Club", Members: []string{ben.UserID, cleo.UserID}})
		if err := f.SetRoomRole(t.Context(), owner, room, cleo.UserID, chat.Moderator); err != nil {
			t.Fatal(err)
		}
		if err := f.LeaveRoom(t.Context(), owner, room); err != nil {
			t.Fatal(err)
		}
		r, err := f.MyRoom(t.Context(), cleo, room)
		if err != nil || r.Role != chat.Owner || r.Members != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

func TestDirectConversations(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		ana, ben, cleo := f.account("ana"), f.account("ben"), f.account("cleo")
		var wg sync.WaitGroup
		ids := make([]string, 10)
		for i := range ids {
			a, b := ana, ben
			if i%2 == 0 {
				a, b = b, a
			}
			wg.Go(func() {
				r, err := f.OpenDirect(ctx, a, []string{b.UserID})
				if err != nil {
					t.Error(err)
				}
				ids[i] = r.ID
			})
		}
		wg.Wait()
		if len(slices.Compact(ids)) != 1 {
			t.Fatalf("%d conversations between two", len(ids))
		}
		group, err := f.OpenDirect(ctx, ana, []string{ben.UserID, cleo.UserID})
		if err != nil || group.Kind != chat.Group || group.ID == ids[0] {
			t.Fatalf("%+v, %v", group, err)
		}
		_, err = f.OpenDirect(ctx, ana, []string{ana.UserID})
		refusedAs(t, "with oneself", err, chat.Invalid)
		_, err = f.OpenDirect(ctx, ana, []string{"nobody"})
		refusedAs(t, "with nobody", err, chat.NotFound)
		refusedAs(t, "leaving", f.LeaveRoom(ctx, ana, ids[0]), chat.Forbidden)
		_, err = f.AddMembers(ctx, ana, ids[0], []string{cleo.UserID})
		refusedAs(t, "a third", err, chat.Forbidden)
		mine, err := f.MyRoom(ctx, ana, ids[0])
		if err != nil || len(mine.Peers) != 1 || mine.Peers[0].ID != ben.UserID {
			t.Fatalf("%+v, %v", mine, err)
		}
		m, err := f.SendMessage(ctx, ben, chat.Draft{RoomID: ids[0], Text: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.DeleteMessage(ctx, ana, ids[0], m.ID)
		refusedAs(t, "somebody else's message", err, chat.Forbidden)
		_, err = f.History(ctx, cleo, chat.HistoryQuery{RoomID: ids[0]})
		refusedAs(t, "the third reads", err, chat.NotFound)
	})
}

func TestEditingAndDeleting(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben := f.account("owner"), f.account("ben")
		m := f.send(ben, "c1", "frist")
		if _, err := f.EditMessage(ctx, owner, chat.Lobby, m.ID, "mine"); kindOf(err) != chat.Forbidden {
			t.Fatalf("somebody else edits: %v", err)
		}
		edited, err := f.EditMessage(ctx, ben, chat.Lobby, m.ID, "first")
		if err != nil || edited.Text != "first" || edited.Version != 2 || edited.EditedAt.IsZero() {
			t.Fatalf("%+v, %v", edited, err)
		}
		if again, err := f.EditMessage(ctx, ben, chat.Lobby, m.ID, "first"); err != nil || again.Version != 2 {
			t.Fatalf("the same text: %+v, %v", again, err)
		}
		revisions, err := f.Revisions(ctx, owner, chat.Lobby, m.ID)
		if err != nil || len(revisions) != 1 || revisions[0].Text != "frist" {
			t.Fatalf("%+v, %v", revisions, err)
		}
		if again := f.send(ben, "c1", "frist"); again.ID != m.ID {
			t.Fatal("a retry after an edit made another message")
		}
		reply, err := f.SendMessage(ctx, owner, chat.Draft{Text: "indeed", ReplyTo: m.ID})
		if err != nil || reply.ReplyTo == nil || reply.ReplyTo.Text != "first" || reply.ReplyTo.SenderName != "ben" {
			t.Fatalf("%+v, %v", reply, err)
		}
		if _, err := f.React(ctx, owner, chat.Lobby, m.ID, "🎉", true); err != nil {
			t.Fatal(err)
		}
		gone, err := f.DeleteMessage(ctx, owner, chat.Lobby, m.ID) // the server's owner moderates
		if err != nil || gone.Text != "" || gone.DeletedAt.IsZero() || gone.Reactions != nil {
			t.Fatalf("%+v, %v", gone, err)
		}
		if _, err := f.DeleteMessage(ctx, owner, chat.Lobby, m.ID); err != nil {
			t.Fatalf("again: %v", err)
		}
		if revisions, _ = f.Revisions(ctx, owner, chat.Lobby, m.ID); len(revisions) != 0 {
			t.Fatalf("a deleted message still says %q", revisions)
		}
		page, err := f.History(ctx, owner, chat.HistoryQuery{})
		if err != nil || page.Messages[1].ReplyTo.Text != "" {
			t.Fatalf("a quote still says %+v, %v", page.Messages[1].ReplyTo, err)
		}
		for _, what := range []string{"frist", "first", "🎉"} {
			if n := f.anywhere(what); n != 0 {
				t.Errorf("%q is still in the database", what)
			}
		}
		_, err = f.EditMessage(ctx, ben, chat.Lobby, m.ID, "back")
		refusedAs(t, "editing a deleted message", err, chat.NotFound)
		if again := f.send(ben, "c1", "frist"); again.ID != m.ID {
			t.Fatal("a retry after the deletion made another message")
		}
		f.checkContiguous()
	})
}

// anywhere counts where a text is kept.
func (f *fixture) anywhere(text string) (n int) {
	f.t.Helper()
	err := f.db.QueryRow(f.t.Context(), `SELECT (SELECT count(*) FROM log WHERE text = $1 AND deleted_at IS NULL OR data LIKE $2 AND kind = 'message')
		+ (SELECT count(*) FROM revisions WHERE text = $1) + (SELECT count(*) FROM reactions WHERE emoji = $1)`, text, "%"+text+"%").Scan(&n)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func TestMentionsAndUnread(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben, cleo := f.account("owner"), f.account("ben"), f.account("cleo")
		room := f.room(owner, chat.RoomDraft{Name: "Work", Members: []string{ben.UserID, cleo.UserID}})
		counts := func(a chat.Actor) (int, int) {
			t.Helper()
			r, err := f.MyRoom(ctx, a, room)
			if err != nil {
				t.Fatal(err)
			}
			return r.Unread, r.Mentions
		}
		say := func(a chat.Actor, text string) chat.Message {
			t.Helper()
			m, err := f.SendMessage(ctx, a, chat.Draft{RoomID: room, Text: text})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		say(owner, "plain")
		m := say(owner, "hello @Ben, and mail@cleo.example is no mention")
		if m.Mentions == nil || !slices.Equal(m.Mentions.UserIDs, []string{ben.UserID}) {
			t.Fatalf("%+v", m.Mentions)
		}
		all := say(owner, "@all of you")
		if u, n := counts(ben); u != 3 || n != 2 {
			t.Fatalf("ben has %d unread, %d mentions", u, n)
		}
		if u, n := counts(cleo); u != 3 || n != 1 {
			t.Fatalf("cleo has %d unread, %d mentions", u, n)
		}
		if u, n := counts(owner); u != 0 || n != 0 {
			t.Fatalf("the sender has %d unread, %d mentions", u, n)
		}
		if _, err := f.DeleteMessage(ctx, owner, room, all.ID); err != nil {
			t.Fatal(err)
		}
		if u, n := counts(ben); u != 2 || n != 1 {
			t.Fatalf("after a deletion ben has %d unread, %d mentions", u, n)
		}
		if _, err := f.EditMessage(ctx, owner, room, m.ID, "hello @cleo"); err != nil {
			t.Fatal(err)
		}
		if _, n := counts(ben); n != 0 {
			t.Fatalf("after an edit ben has %d mentions", n)
		}
		r, err := f.MarkRead(ctx, ben, room, 1<<40, false)
		if err != nil || r.ReadSeq == 1<<40 {
			t.Fatalf("%+v, %v", r, err)
		}
		if u, _ := counts(ben); u != 0 {
			t.Fatalf("after reading ben has %d unread", u)
		}
		if r, err = f.MarkRead(ctx, ben, room, 1, false); err != nil || r.ReadSeq == 1 {
			t.Fatalf("reading moved back: %+v, %v", r, err)
		}
		if _, err = f.MarkRead(ctx, ben, room, m.Seq-1, true); err != nil {
			t.Fatal(err)
		}
		if u, _ := counts(ben); u != 1 {
			t.Fatalf("after marking unread ben has %d unread", u)
		}
		off := false
		if _, err := f.UpdateProfile(ctx, ben, chat.Profile{Receipts: &off}); err != nil {
			t.Fatal(err)
		}
		receipts, err := f.Receipts(ctx, owner, room)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			if r.UserID == ben.UserID && (r.ReadSeq != 0 || r.DeliveredSeq == 0) {
				t.Fatalf("ben does not tell, and is told: %+v", r)
			}
		}
	})
}

func TestAllIsForFewOrForModerators(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner := f.account("owner")
		var ids []string
		for i := range 21 {
			ids = append(ids, f.guest(strings.Repeat("g", i+2)).UserID)
		}
		ben := f.account("ben")
		room := f.room(owner, chat.RoomDraft{Name: "Crowd", Members: append(ids, ben.UserID)})
		_, err := f.SendMessage(t.Context(), ben, chat.Draft{RoomID: room, Text: "@all wake up"})
		refusedAs(t, "a member calls a crowd", err, chat.Forbidden)
		if _, err := f.SendMessage(t.Context(), owner, chat.Draft{RoomID: room, Text: "@all wake up"}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAccounts(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner := f.account("owner")
		if owner.Role != chat.Owner {
			t.Fatalf("the first account is %s", owner.Role)
		}
		_, err := f.CreateAccount(ctx, chat.AccountDraft{Login: "OWNER", PasswordHash: "-"})
		refusedAs(t, "a taken name", err, chat.Conflict)
		for _, login := range []string{"", "x", "-ab", "a b", "all", strings.Repeat("a", 31), "ä-ö"} {
			_, err := f.CreateAccount(ctx, chat.AccountDraft{Login: login, PasswordHash: "-"})
			refusedAs(t, login, err, chat.Invalid)
		}
		guest := f.guest("Gast")
		written := f.send(guest, "", "as a guest")
		u, err := f.CreateAccount(ctx, chat.AccountDraft{Login: "gast", Name: "Gast", PasswordHash: "hash", Guest: guest.UserID})
		if err != nil || u.ID != written.SenderID || u.Role != chat.Member {
			t.Fatalf("%+v, %v", u, err)
		}
		_, err = f.CreateAccount(ctx, chat.AccountDraft{Login: "gast2", PasswordHash: "-", Guest: guest.UserID})
		refusedAs(t, "an account becomes another", err, chat.Conflict)
		found, hash, err := f.Credentials(ctx, " Gast ")
		if err != nil || found.ID != u.ID || hash != "hash" {
			t.Fatalf("%+v %q %v", found, hash, err)
		}
		gast := chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
		_, err = f.SetRole(ctx, gast, owner.UserID, chat.Member)
		refusedAs(t, "a member degrades the owner", err, chat.Forbidden)
		_, err = f.SetRole(ctx, owner, owner.UserID, chat.Member)
		refusedAs(t, "the last owner steps down", err, chat.Forbidden)
		if u, err = f.SetRole(ctx, owner, gast.UserID, chat.Admin); err != nil || u.Role != chat.Admin {
			t.Fatalf("%+v, %v", u, err)
		}
		gast.Role = chat.Admin
		_, err = f.SetRole(ctx, gast, gast.UserID, chat.Owner)
		refusedAs(t, "an admin makes themselves owner", err, chat.Forbidden)
		if _, err = f.Deactivate(ctx, owner, gast.UserID, true); err != nil {
			t.Fatal(err)
		}
		_, err = f.SendMessage(ctx, gast, chat.Draft{Text: "still?"})
		refusedAs(t, "a deactivated person writes", err, chat.NotFound)
		_, err = f.Deactivate(ctx, owner, owner.UserID, true)
		refusedAs(t, "the last owner goes", err, chat.Forbidden)
	})
}

func TestInvitations(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben := f.account("owner"), f.account("ben")
		room := f.room(owner, chat.RoomDraft{Name: "Secret", Kind: chat.Private})
		_, token, err := f.Invite(ctx, owner, chat.InvitationDraft{RoomID: room, MaxUses: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = f.Invite(ctx, ben, chat.InvitationDraft{RoomID: room})
		refusedAs(t, "a stranger invites", err, chat.NotFound)
		_, _, err = f.Invite(ctx, ben, chat.InvitationDraft{Role: chat.Admin})
		refusedAs(t, "a role above one's own", err, chat.Forbidden)
		if r, err := f.JoinByInvitation(ctx, ben, token); err != nil || r.ID != room {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, err := f.JoinByInvitation(ctx, ben, token); err != nil {
			t.Fatalf("again: %v", err)
		}
		cleo, dora := f.account("cleo"), f.account("dora")
		if _, err := f.JoinByInvitation(ctx, cleo, token); err != nil {
			t.Fatal(err)
		}
		_, err = f.JoinByInvitation(ctx, dora, token)
		refusedAs(t, "a third use of two", err, chat.NotFound)
		_, err = f.JoinByInvitation(ctx, dora, "made up")
		refusedAs(t, "a made-up token", err, chat.NotFound)
		inv, token, err := f.Invite(ctx, owner, chat.InvitationDraft{RoomID: room, Valid: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		refusedAs(t, "revoking another's", f.RevokeInvitation(ctx, dora, inv.ID), chat.NotFound)
		if err := f.RevokeInvitation(ctx, owner, inv.ID); err != nil {
			t.Fatal(err)
		}
		_, err = f.JoinByInvitation(ctx, dora, token)
		refusedAs(t, "a revoked link", err, chat.NotFound)
	})
}

func TestReadOnlyAndArchivedRooms(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben := f.account("owner"), f.account("ben")
		news := f.room(owner, chat.RoomDraft{Name: "News", Kind: chat.Announcement})
		if _, err := f.JoinRoom(ctx, ben, news); err != nil {
			t.Fatal(err)
		}
		_, err := f.SendMessage(ctx, ben, chat.Draft{RoomID: news, Text: "me too"})
		refusedAs(t, "a reader writes", err, chat.Forbidden)
		m, err := f.SendMessage(ctx, owner, chat.Draft{RoomID: news, Text: "news"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.React(ctx, ben, news, m.ID, "👏", true); err != nil {
			t.Fatal(err)
		}
		yes, no := true, false
		if r, err := f.UpdateRoom(ctx, owner, news, chat.RoomChange{Archived: &yes}); err != nil || r.ArchivedAt.IsZero() {
			t.Fatalf("%+v, %v", r, err)
		}
		_, err = f.SendMessage(ctx, owner, chat.Draft{RoomID: news, Text: "more"})
		refusedAs(t, "writing into an archived room", err, chat.Forbidden)
		if page, err := f.History(ctx, ben, chat.HistoryQuery{RoomID: news}); err != nil || len(page.Messages) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		if _, err := f.UpdateRoom(ctx, owner, news, chat.RoomChange{Archived: &no}); err != nil {
			t.Fatal(err)
		}
		_, err = f.UpdateRoom(ctx, owner, chat.Lobby, chat.RoomChange{Archived: &yes})
		refusedAs(t, "archiving the lobby", err, chat.Forbidden)
	})
}

// A position is one of the log if the entry that stands there is the one the client has.
func TestSyncMatchesTheLog(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.guest("Ana")
		var ids []string
		for range 5 {
			ids = append(ids, f.send(a, "", "text").ID)
		}
		r, err := f.Room(t.Context(), a, chat.Lobby)
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			what  string
			p     chat.Position
			reset bool
			n     int
		}{
			{"all of it", chat.Position{Epoch: r.Epoch}, false, 5},
			{"the rest", chat.Position{Epoch: r.Epoch, Seq: 3, ID: ids[2]}, false, 2},
			{"nothing", chat.Position{Epoch: r.Epoch, Seq: 5, ID: ids[4]}, false, 0},
			{"another log", chat.Position{Epoch: "other", Seq: 3, ID: ids[2]}, true, 0},
			{"another entry", chat.Position{Epoch: r.Epoch, Seq: 3, ID: ids[1]}, true, 0},
			{"past the head", chat.Position{Epoch: r.Epoch, Seq: 6, ID: "x"}, true, 0},
		} {
			n, err := f.Sync(t.Context(), a, tc.p)
			if err != nil || n.Reset != tc.reset || len(n.Entries) != tc.n || n.Head != 5 {
				t.Errorf("%s: %+v, %v", tc.what, n, err)
			}
		}
	})
}

// A page has no more than what can wait for a client that receives other things besides: long messages come a few at a time, in both directions
// and when a copy is brought up to date, and none is left out.
func TestPagesOfLongMessages(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		const messages, most = 60, 300 << 10
		first := f.say(ana, chat.Lobby, "first")
		for i := range messages {
			f.say(ana, chat.Lobby, strings.Repeat("🐢", 3900)+fmt.Sprint(i))
		}
		size := func(list []chat.Message) (n int) {
			for _, m := range list {
				n += len(m.Text)
			}
			return n
		}
		pages, seen, edge := 0, 0, first.Seq
		for more := true; more; pages++ {
			page, err := f.History(t.Context(), ben, chat.HistoryQuery{AfterSeq: &edge, Limit: 300})
			if err != nil || len(page.Messages) == 0 || size(page.Messages) > most {
				t.Fatalf("%d messages, %d bytes, %v", len(page.Messages), size(page.Messages), err)
			}
			for _, m := range page.Messages {
				if seen++; m.Seq != edge+1 {
					t.Fatalf("%d after %d", m.Seq, edge)
				}
				edge = m.Seq
			}
			more = page.HasMore
		}
		if seen != messages || pages < 3 {
			t.Fatalf("%d messages in %d pages", seen, pages)
		}
		for edge, seen = edge+1, 0; ; {
			page, err := f.History(t.Context(), ben, chat.HistoryQuery{BeforeSeq: edge, Limit: 300})
			if err != nil || len(page.Messages) == 0 || size(page.Messages) > most || page.Messages[len(page.Messages)-1].Seq != edge-1 {
				t.Fatalf("%d messages before %d, %d bytes, %v", len(page.Messages), edge, size(page.Messages), err)
			}
			edge, seen = page.Messages[0].Seq, seen+len(page.Messages)
			if !page.HasMore {
				break
			}
		}
		if seen != messages+1 {
			t.Fatalf("%d messages, backwards", seen)
		}
		at := chat.Position{RoomID: chat.Lobby, Seq: first.Seq, ID: first.ID}
		for seen = 0; ; {
			news, err := f.Sync(t.Context(), ben, at)
			if err != nil || news.Reset || len(news.Entries) == 0 {
				t.Fatalf("%+v, %v", news, err)
			}
			bytes := 0
			for _, e := range news.Entries {
				if bytes += len(e.Message.Text); e.Seq != at.Seq+1 {
					t.Fatalf("%d after %d", e.Seq, at.Seq)
				}
				at.Seq, at.ID, seen = e.Seq, e.ID, seen+1
			}
			if bytes > most {
				t.Fatalf("%d bytes", bytes)
			}
			if !news.HasMore {
				break
			}
		}
		if seen != messages {
			t.Fatalf("%d entries", seen)
		}
	})
}
