package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/internal/chat"
)

func (f *fixture) administrator(login string, owner chat.Actor) chat.Actor {
	f.t.Helper()
	a := f.account(login)
	u, err := f.SetRole(f.t.Context(), owner, a.UserID, chat.Admin)
	if err != nil {
		f.t.Fatal(err)
	}
	a.Role = u.Role
	return a
}

func (f *fixture) administeredNames(a chat.Actor, q chat.RoomsQuery) (out []string) {
	f.t.Helper()
	rooms, total, err := f.AdministeredRooms(f.t.Context(), a, q)
	if err != nil || q.After == "" && len(rooms) < chat.RoomsPage && total != len(rooms) {
		f.t.Fatal(total, err)
	}
	for _, r := range rooms {
		out = append(out, r.Name)
	}
	return out
}

// Whoever administers the server learns of no room that others would not learn of either: a private room leaks to nobody.
func TestAdministeredRoomsAreThoseOneMayKnow(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner := f.account("owner")
		admin, ben := f.administrator("admin", owner), f.account("ben")
		plans := f.room(ben, chat.RoomDraft{Name: "Plans"})
		secret := f.room(ben, chat.RoomDraft{Name: "Secret", Kind: chat.Private})
		ours := f.room(ben, chat.RoomDraft{Name: "Ours", Kind: chat.Private, Members: []string{admin.UserID}})
		news := f.room(owner, chat.RoomDraft{Name: "News 100%", Kind: chat.Announcement})
		direct, err := f.OpenDirect(ctx, admin, []string{ben.UserID})
		if err != nil {
			t.Fatal(err)
		}
		group, err := f.OpenDirect(ctx, ben, []string{owner.UserID, admin.UserID})
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.SendMessage(ctx, ben, chat.Draft{RoomID: plans, Text: "a root"})
		if err != nil {
			t.Fatal(err)
		}
		thread, err := f.OpenThread(ctx, ben, plans, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			q    chat.RoomsQuery
			want []string
		}{
			{chat.RoomsQuery{}, []string{"General", "News 100%", "Ours", "Plans"}},
			{chat.RoomsQuery{Text: " LAN "}, []string{"Plans"}},
			{chat.RoomsQuery{Text: "0%"}, []string{"News 100%"}},
			{chat.RoomsQuery{Text: "_"}, nil},
			{chat.RoomsQuery{Text: "secret"}, nil},
			{chat.RoomsQuery{Kind: chat.Private}, []string{"Ours"}},
			{chat.RoomsQuery{Kind: chat.Direct}, nil},
			{chat.RoomsQuery{State: "archived"}, nil},
			{chat.RoomsQuery{After: news}, []string{"Ours", "Plans"}},
			{chat.RoomsQuery{After: secret}, nil}, // its place in the list would tell what it is called
		} {
			if got := f.administeredNames(admin, c.q); !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
		topic := "mine"
		for _, id := range []string{secret, direct.ID, group.ID, thread.ID, "none"} {
			_, err := f.AdministerRoom(ctx, admin, id, chat.RoomChange{Topic: &topic})
			refusedAs(t, "a room that is none of theirs", err, chat.NotFound)
			_, err = f.GiveRoom(ctx, admin, id, admin.UserID)
			refusedAs(t, "an owner of it", err, chat.NotFound)
		}
		if err := f.LeaveRoom(ctx, admin, ours); err != nil {
			t.Fatal(err)
		}
		_, err = f.AdministerRoom(ctx, admin, ours, chat.RoomChange{Topic: &topic})
		refusedAs(t, "a private room that they have left", err, chat.NotFound)
		if got := f.administeredNames(ben, chat.RoomsQuery{}); got != nil {
			t.Errorf("a member is told %q", got)
		}
		_, err = f.AdministerRoom(ctx, ben, plans, chat.RoomChange{Topic: &topic})
		refusedAs(t, "a member, of their own room", err, chat.NotFound)
		_, _, err = f.AdministeredRooms(ctx, admin, chat.RoomsQuery{Text: strings.Repeat("x", 101)})
		refusedAs(t, "a long query", err, chat.TooLarge)
		_, _, err = f.AdministeredRooms(ctx, admin, chat.RoomsQuery{State: "gone"})
		refusedAs(t, "another state", err, chat.Invalid)
	})
}

func TestAdministeredRoomsComeInPages(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		owner := f.account("owner")
		for i := range 70 {
			f.room(owner, chat.RoomDraft{Name: fmt.Sprint("Same ", i%3)})
		}
		first, total, err := f.AdministeredRooms(t.Context(), owner, chat.RoomsQuery{})
		if err != nil || total != 71 || len(first) != chat.RoomsPage {
			t.Fatal(len(first), total, err)
		}
		rest, total, err := f.AdministeredRooms(t.Context(), owner, chat.RoomsQuery{After: first[len(first)-1].ID})
		if err != nil || total != -1 || len(rest) != 21 {
			t.Fatal(len(rest), total, err)
		}
		seen := map[string]bool{}
		for _, r := range append(first, rest...) {
			seen[r.ID] = true
			if r.ID != chat.Lobby && (len(r.Owners) != 1 || r.Owners[0].UserID != owner.UserID || r.LastAt.IsZero() || r.LastSeq != 2 || r.Members != 1) {
				t.Fatalf("%+v", r)
			}
		}
		if len(seen) != 71 {
			t.Fatalf("%d rooms", len(seen))
		}
	})
}

func TestRoomsAreAdministeredFromOutside(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner := f.account("owner")
		admin, ben, eve := f.administrator("admin", owner), f.account("ben"), f.account("eve")
		id := f.room(ben, chat.RoomDraft{Name: "Plans", Members: []string{eve.UserID}})
		yes, no, name, bad := true, false, "Planning", "  "
		r, err := f.AdministerRoom(ctx, admin, id, chat.RoomChange{Name: &name, Archived: &yes})
		if err != nil || r.Name != name || r.ArchivedAt.IsZero() || len(r.Owners) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		before := r.LastSeq
		if r, err = f.AdministerRoom(ctx, admin, id, chat.RoomChange{Archived: &yes}); err != nil || r.LastSeq != before {
			t.Fatalf("nothing changed is an entry: %+v, %v", r, err)
		}
		_, err = f.AdministerRoom(ctx, admin, id, chat.RoomChange{Name: &bad})
		refusedAs(t, "no name", err, chat.Invalid)
		_, err = f.AdministerRoom(ctx, admin, chat.Lobby, chat.RoomChange{Archived: &yes})
		refusedAs(t, "the lobby in the archive", err, chat.Forbidden)
		_, err = f.GiveRoom(ctx, admin, id, admin.UserID)
		refusedAs(t, "somebody new in an archived room", err, chat.Forbidden)
		if got := f.administeredNames(admin, chat.RoomsQuery{State: "archived"}); !slices.Equal(got, []string{name}) {
			t.Fatal(got)
		}
		if _, err = f.AdministerRoom(ctx, admin, id, chat.RoomChange{Archived: &no}); err != nil {
			t.Fatal(err)
		}
		r, err = f.GiveRoom(ctx, admin, id, eve.UserID)
		if err != nil || len(r.Owners) != 1 || r.Owners[0].UserID != eve.UserID {
			t.Fatalf("%+v, %v", r, err)
		}
		before = r.LastSeq
		if r, err = f.GiveRoom(ctx, admin, id, eve.UserID); err != nil || r.LastSeq != before {
			t.Fatalf("to who owns it: %+v, %v", r, err)
		}
		roles := map[string]chat.Role{}
		members, err := f.Members(ctx, eve, id, "", false)
		for _, m := range members {
			roles[m.UserID] = m.Role
		}
		if err != nil || roles[ben.UserID] != chat.Moderator || roles[eve.UserID] != chat.Owner || len(roles) != 2 {
			t.Fatal(roles, err)
		}
		if r, err = f.GiveRoom(ctx, admin, id, owner.UserID); err != nil || r.Owners[0].UserID != owner.UserID || r.Members != 3 {
			t.Fatalf("to somebody who was not in it: %+v, %v", r, err)
		}
		if err := f.KickMember(ctx, owner, id, ben.UserID, true, ""); err != nil {
			t.Fatal(err)
		}
		_, err = f.GiveRoom(ctx, admin, id, ben.UserID)
		refusedAs(t, "to somebody banned", err, chat.Forbidden)
		_, err = f.GiveRoom(ctx, admin, id, "nobody")
		refusedAs(t, "to nobody", err, chat.NotFound)
		_, err = f.GiveRoom(ctx, admin, chat.Lobby, eve.UserID)
		refusedAs(t, "the lobby", err, chat.Forbidden)
		f.checkContiguous()
	})
}
