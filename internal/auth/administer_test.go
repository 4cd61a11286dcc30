package auth_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/auth"
	"parley/internal/chat"
)

// ranked signs people up and gives them roles; the first is the owner.
func (f *fixture) ranked(t *testing.T, roles map[string]chat.Role) map[string]chat.Actor {
	t.Helper()
	out := map[string]chat.Actor{"owner": f.signUp(t, "owner")}
	for login, role := range roles {
		a := f.signUp(t, login)
		u, err := f.Chat.SetRole(t.Context(), out["owner"], a.UserID, role)
		if err != nil {
			t.Fatal(err)
		}
		a.Role = u.Role
		out[login] = a
	}
	return out
}

func names(people []auth.Administered) (out []string) {
	for _, p := range people {
		out = append(out, p.Name)
	}
	return out
}

func TestPeopleAreFound(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		who := f.ranked(t, map[string]chat.Role{"mo": chat.Moderator, "ben": chat.Member})
		for _, name := range []string{"Äpfel", "100% sure", "10_0", "zoë"} {
			if _, err := f.Chat.CreateGuest(ctx, name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.Chat.Deactivate(ctx, who["owner"], who["ben"].UserID, true); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			q    auth.PeopleQuery
			want string
		}{
			{auth.PeopleQuery{}, "ben mo owner"},
			{auth.PeopleQuery{Text: " OWN "}, "owner"},
			{auth.PeopleQuery{Text: "Äpf"}, "Äpfel"},
			{auth.PeopleQuery{Text: "oë"}, "zoë"},
			{auth.PeopleQuery{Text: "0%"}, "100% sure"},
			{auth.PeopleQuery{Text: "0_"}, "10_0"},
			{auth.PeopleQuery{Text: "!"}, ""},
			{auth.PeopleQuery{Role: chat.Moderator}, "mo"},
			{auth.PeopleQuery{State: "suspended"}, "ben"},
			{auth.PeopleQuery{State: "active", Text: "e"}, "owner 100% sure Äpfel"},
			{auth.PeopleQuery{After: "nobody"}, ""},
		} {
			people, total, err := f.People(ctx, c.q)
			got := names(people)
			if c.q == (auth.PeopleQuery{}) { // of the guests each database has an order of its own
				got = got[:3]
				if total != 7 {
					t.Errorf("%d people", total)
				}
			} else if c.q.After == "" && total != len(people) {
				t.Errorf("%+v: %d of %d", c.q, len(people), total)
			}
			want := strings.Fields(strings.ReplaceAll(c.want, "100% sure", "100%_sure"))
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "100%_sure", "100% sure")
			}
			slices.Sort(got)
			slices.Sort(want)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%+v: %q, %v, want %q", c.q, got, err, want)
			}
		}
		_, _, err := f.People(ctx, auth.PeopleQuery{Text: strings.Repeat("x", 101)})
		wants(t, "a long query", err, chat.TooLarge)
		_, _, err = f.People(ctx, auth.PeopleQuery{State: "gone"})
		wants(t, "another state", err, chat.Invalid)
	})
}

func TestPeopleComeInPages(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner := f.signUp(t, "owner")
		f.now = f.now.Add(2 * time.Hour)
		if _, _, err := f.SignIn(ctx, "owner", auth.Proof{Password: password}, auth.From{}); err != nil {
			t.Fatal(err)
		}
		for i := range 120 {
			if _, err := f.Chat.CreateGuest(ctx, fmt.Sprint("same name ", i%7)); err != nil {
				t.Fatal(err)
			}
		}
		var all []auth.Administered
		for pages := 0; ; pages++ {
			q := auth.PeopleQuery{}
			if len(all) > 0 {
				q.After = all[len(all)-1].ID
			}
			people, total, err := f.People(ctx, q)
			if err != nil || len(all) == 0 && total != 121 || len(all) > 0 && total != -1 {
				t.Fatal(total, err)
			}
			all = append(all, people...)
			if len(people) < auth.PeoplePage {
				break
			}
			if pages > 3 {
				t.Fatal("the pages never end")
			}
		}
		seen := map[string]bool{}
		for _, p := range all {
			seen[p.ID] = true
		}
		if len(all) != 121 || len(seen) != 121 {
			t.Fatalf("%d rows, %d people", len(all), len(seen))
		}
		first := all[0]
		if first.ID != owner.UserID || first.Sessions != 2 || !first.HasPassword || first.SecondFactor || first.SeenAt.UnixMicro() != f.now.UnixMicro() {
			t.Fatalf("%+v", first)
		}
		if g := all[1]; g.Login != "" || g.HasPassword || g.Sessions != 0 || !g.SeenAt.IsZero() {
			t.Fatalf("%+v", g)
		}
	})
}

// Who administers acts on those below alone: otherwise a stolen administrator would be an owner a moment later.
func TestAdministratorsActOnThoseBelow(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		who := f.ranked(t, map[string]chat.Role{"admin": chat.Admin, "other": chat.Admin, "mo": chat.Moderator, "ben": chat.Member})
		link := func(a chat.Actor, id string) error { _, _, err := f.ResetLink(ctx, a, id); return err }
		factors := func(a chat.Actor, id string) error { return f.RemoveFactors(ctx, a, id) }
		signOut := func(a chat.Actor, id string) error { _, err := f.SignOutEverywhere(ctx, a, id); return err }
		for _, act := range []struct {
			name string
			do   func(a chat.Actor, userID string) error
		}{{"link", link}, {"factors", factors}, {"sign out", signOut}} {
			for _, c := range []struct {
				by, on string
				want   chat.Kind
			}{
				{"admin", "owner", chat.Forbidden}, {"admin", "other", chat.Forbidden}, {"admin", "admin", chat.Forbidden}, {"owner", "owner", chat.Forbidden},
				{"mo", "ben", chat.Forbidden}, {"admin", "mo", ""}, {"owner", "admin", ""},
			} {
				wants(t, act.name+" of "+c.on+" by "+c.by, act.do(who[c.by], who[c.on].UserID), c.want)
			}
			wants(t, act.name+" of nobody", act.do(who["owner"], "nobody"), chat.NotFound)
		}
		f.now = f.now.Add(auth.ConfirmTimeout + time.Minute)
		wants(t, "a link without a proof", link(who["owner"], who["ben"].UserID), chat.Unconfirmed)
		wants(t, "factors without a proof", factors(who["owner"], who["ben"].UserID), chat.Unconfirmed)
		f.ended = nil
		n, err := f.SignOutEverywhere(ctx, who["owner"], who["ben"].UserID)
		if err != nil || n != 1 || len(f.ended) != 1 || f.ended[0].UserID != who["ben"].UserID || len(f.ended[0].SessionIDs) != 1 {
			t.Fatal(n, err, f.ended)
		}
	})
}

func TestAResetLinkOfAnAdministrator(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		who := f.ranked(t, map[string]chat.Role{"admin": chat.Admin, "ben": chat.Member})
		link := func() string {
			t.Helper()
			token, until, err := f.ResetLink(ctx, who["admin"], who["ben"].UserID)
			if err != nil || token == "" || until.Sub(f.now) != auth.ResetTimeout {
				t.Fatal(token, until, err)
			}
			return token
		}
		role := func(login string, role chat.Role) {
			t.Helper()
			if _, err := f.Chat.SetRole(ctx, who["owner"], who[login].UserID, role); err != nil {
				t.Fatal(err)
			}
		}
		const fresh = "another password, as long"
		token := link()
		wants(t, "the link", f.ResetPassword(ctx, token, fresh), "")
		wants(t, "the new password", f.signIn(t, "ben", auth.Proof{Password: fresh}), "")
		wants(t, "the link again", f.ResetPassword(ctx, token, fresh), chat.NotFound)

		token = link()
		role("admin", chat.Member)
		wants(t, "a link of one who administers no more", f.ResetPassword(ctx, token, fresh), chat.NotFound)
		role("admin", chat.Admin)
		role("ben", chat.Owner)
		wants(t, "a link to one who stands above by now", f.ResetPassword(ctx, token, fresh), chat.NotFound)
		role("ben", chat.Member)
		if _, err := f.Chat.Deactivate(ctx, who["owner"], who["admin"].UserID, true); err != nil {
			t.Fatal(err)
		}
		wants(t, "a link of one who is suspended", f.ResetPassword(ctx, token, fresh), chat.NotFound)
		if _, err := f.Chat.Deactivate(ctx, who["owner"], who["admin"].UserID, false); err != nil {
			t.Fatal(err)
		}
		a, _, err := f.SignIn(ctx, "admin", auth.Proof{Password: password}, auth.From{})
		if err != nil {
			t.Fatal(err)
		}
		who["admin"] = a
		for range 4 {
			link()
		}
		_, _, err = f.ResetLink(ctx, who["admin"], who["ben"].UserID)
		wants(t, "a sixth link", err, chat.Conflict)
		guest, err := f.Chat.CreateGuest(ctx, "A guest")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = f.ResetLink(ctx, who["admin"], guest.ID)
		wants(t, "a link for a guest", err, chat.Conflict)
		if _, err := f.Chat.Deactivate(ctx, who["owner"], who["ben"].UserID, true); err != nil {
			t.Fatal(err)
		}
		_, _, err = f.ResetLink(ctx, who["admin"], who["ben"].UserID)
		wants(t, "a link for somebody suspended", err, chat.Conflict)
	})
}
