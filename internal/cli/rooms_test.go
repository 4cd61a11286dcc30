package cli

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/socketio/client"
)

// account is a person with an account, signed in.
func (s *server) account(name string) (*person, reply) {
	s.t.Helper()
	p := s.dial(nil)
	return p, p.must("account-create", reply{"name": name, "password": "password of " + name})
}

func TestRoomsLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL)
		ana, _ := s.account("ana")
		ben, benIs := s.account("ben")
		ben2 := s.dial(reply{"token": benIs["token"]})
		ben2.must("user-join", reply{})
		room := ana.must("room-create", reply{"name": "Plans", "kind": "private", "clientId": "r1"})["roomId"].(string)
		if again := ana.must("room-create", reply{"name": "Plans", "kind": "private", "clientId": "r1"}); again["roomId"] != room {
			t.Fatalf("a retry made another room: %v", again)
		}
		ana.must("chat-message", reply{"roomId": room, "text": "before ben"})
		ana.must("member-add", reply{"roomId": room, "userIds": []any{benIs["userId"]}})
		for _, p := range []*person{ben, ben2} {
			p.heard("room-added", room)
		}
		ana.heard("member-joined", `"username":"ben"`)
		sent := ana.must("chat-message", reply{"roomId": room, "text": "hello @ben"})
		ben.heard("new-message", "hello @ben", `"mentions":{"userIds":["`+benIs["userId"].(string))
		if ben.count("before ben") != 0 {
			t.Fatal("ben hears what was before him")
		}
		mine := ben.must("room-get", reply{"roomId": room})["room"].(map[string]any)
		if mine["unread"] != 1.0 || mine["mentions"] != 1.0 || mine["name"] != "Plans" || mine["role"] != "member" {
			t.Fatalf("%v", mine)
		}
		ben.must("room-read", reply{"roomId": room, "seq": sent["seq"]})
		ben2.heard("room-read", room)
		ana.heard("receipt", room, benIs["userId"].(string))
		ben.must("message-react", reply{"roomId": room, "messageId": sent["messageId"], "emoji": "👍"})
		ana.heard("message-reaction", `"emoji":"👍"`, `"kind":"react"`)
		ana.must("message-edit", reply{"roomId": room, "messageId": sent["messageId"], "text": "hello ben"})
		ben.heard("message-edited", `"text":"hello ben"`)
		ben.must("typing-indicator", reply{"roomId": room, "typing": true})
		ana.heard("typing-indicator", room, `"typing":true`)
		ana.must("room-update", reply{"roomId": room, "topic": "what to do"})
		ben.heard("room-updated", "what to do")
		ana.must("message-delete", reply{"roomId": room, "messageId": sent["messageId"]})
		ben.heard("message-deleted", `"text":""`)
		synced := ben.must("room-sync", reply{"roomId": room, "afterSeq": mine["firstSeq"].(float64) - 1})
		events := synced["events"].([]any)
		if first := events[0].(map[string]any); first["event"] != "member-joined" || len(events) != 6 {
			t.Fatalf("%v", synced)
		}
		ana.must("member-kick", reply{"roomId": room, "userId": benIs["userId"]})
		ben2.heard("room-removed", room, `"kind":"kick"`)
		ana.must("chat-message", reply{"roomId": room, "text": "without ben"})
		ana.heard("new-message", "without ben")
		time.Sleep(100 * time.Millisecond)
		if ben.count("without ben")+ben2.count("without ben") != 0 {
			t.Fatal("ben still hears")
		}
		direct := ben.must("direct-open", reply{"userIds": []any{ana.must("people-list", reply{"prefix": "ana"})["people"].([]any)[0].(map[string]any)["userId"]}})
		ana.heard("room-added", direct["roomId"].(string))
		ben.must("chat-message", reply{"roomId": direct["roomId"], "text": "why?"})
		ana.heard("new-message", "why?")
	})
}

func TestSessionsEnd(t *testing.T) {
	s := start(t, "--rate-limit=off")
	ana, is := s.account("ana")
	other := s.dial(nil)
	other.must("account-login", reply{"name": "Ana", "password": "password of ana"})
	other.refused("account-login", reply{"name": "ana", "password": "password of ana"}, "conflict", "signed in already")
	sessions := ana.must("session-list", reply{})["sessions"].([]any)
	if len(sessions) != 2 {
		t.Fatalf("%v", sessions)
	}
	for _, one := range sessions {
		if one := one.(map[string]any); one["current"] == false {
			ana.must("session-revoke", reply{"sessionId": one["sessionId"]})
		}
	}
	other.heard("session-ended", "another device")
	other.gone()
	third := s.dial(nil)
	third.must("account-login", reply{"name": "ana", "password": "password of ana"})
	ana.refused("account-password", reply{"old": "wrong", "new": "a better password"}, "forbidden", "Wrong password")
	ana.refused("account-password", reply{"old": "password of ana", "new": "password1"}, "invalid", "easy to guess")
	ana.must("account-password", reply{"old": "password of ana", "new": "a better password"})
	third.heard("session-ended", "password was changed")
	wrong := s.dial(nil)
	wrong.refused("account-login", reply{"name": "ana", "password": "password of ana"}, "unauthenticated", "Wrong name or password")
	wrong.refused("account-login", reply{"name": "nobody", "password": "password of ana"}, "unauthenticated", "Wrong name or password")
	wrong.must("account-login", reply{"name": "ana", "password": "a better password"})
	ana.must("account-logout", reply{})
	ana.gone()
	late := s.dial(reply{"token": is["token"]})
	late.refused("user-join", reply{}, "unauthenticated", "session has ended")
}

// gone waits until the server has closed the connection.
func (p *person) gone() {
	p.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); p.Emit("who-is-here", reply{}) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal("still connected")
		}
	}
}

// A guest who signs up is the same person, in all their tabs, and what they wrote is theirs.
func TestAGuestBecomesAnAccount(t *testing.T) {
	s := start(t, "--rate-limit=off")
	s.account("owner")
	guest := s.dial(nil)
	was := guest.must("user-join", reply{"username": "Gast"})
	tab := s.dial(reply{"token": was["token"]})
	tab.must("user-join", reply{})
	m := guest.must("chat-message", reply{"text": "as a guest"})
	is := guest.must("account-create", reply{"name": "gast", "password": "a long enough password"})
	if is["userId"] != was["userId"] || is["role"] != "member" || is["username"] != "Gast" || is["token"] == was["token"] {
		t.Fatalf("%v, then %v", was, is)
	}
	tab.must("message-edit", reply{"messageId": m["messageId"], "text": "as a member"})
	tab.must("room-create", reply{"name": "Mine now"})
	stale := s.dial(reply{"token": was["token"]})
	stale.refused("user-join", reply{}, "unauthenticated", "session has ended")
}

func TestSignUpModes(t *testing.T) {
	s := start(t, "--rate-limit=off", "--sign-up=invite", "--no-guests")
	owner, is := s.account("owner")
	if is["role"] != "owner" {
		t.Fatalf("%v", is)
	}
	p := s.dial(nil)
	p.refused("user-join", reply{"username": "Guest"}, "unauthenticated", "sign in")
	p.refused("account-create", reply{"name": "ben", "password": "a long enough password"}, "forbidden", "invitation")
	room := owner.must("room-create", reply{"name": "Team", "kind": "private"})["roomId"]
	link := owner.must("invite-create", reply{"roomId": room, "maxUses": 2})
	if info := p.must("invite-info", reply{"token": link["token"]})["invitation"].(map[string]any); info["roomName"] != "Team" {
		t.Fatalf("%v", info)
	}
	joined := p.must("account-create", reply{"name": "ben", "password": "a long enough password", "invitation": link["token"]})
	if rooms := joined["rooms"].([]any); len(rooms) != 2 {
		t.Fatalf("%v", joined)
	}
	closed := start(t, "--rate-limit=off", "--sign-up=closed")
	closed.account("owner")
	closed.dial(nil).refused("account-create", reply{"name": "ben", "password": "a long enough password"}, "forbidden", "closed")
}

func TestPresence(t *testing.T) {
	s := start(t, "--rate-limit=off")
	ana, anaIs := s.account("ana")
	ben, benIs := s.account("ben")
	is := func(want string) {
		t.Helper()
		ana.heard(`presence {"userId":"`+benIs["userId"].(string), `"presence":"`+want+`"`)
		if got := ana.must("person-get", reply{"userId": benIs["userId"]})["person"].(map[string]any)["presence"]; got != want {
			t.Fatalf("%v, want %s", got, want)
		}
	}
	is("online")
	ben.must("presence-active", reply{"active": false})
	is("away")
	tab := s.dial(reply{"token": benIs["token"]})
	tab.must("user-join", reply{})
	ben.must("presence-active", reply{"active": false})
	if got := ana.must("person-get", reply{"userId": benIs["userId"]})["person"].(map[string]any)["presence"]; got != "online" {
		t.Fatalf("looking on another device: %v", got)
	}
	ben.must("profile-update", reply{"presence": "dnd", "status": "In a meeting", "timeZone": "Europe/Berlin"})
	ana.heard("user-updated", "In a meeting", `"presence":"dnd"`)
	ben.refused("profile-update", reply{"timeZone": "Nowhere/Land"}, "invalid", "timeZone")
	ben.refused("profile-update", reply{"presence": "invisible"}, "invalid", "presence")
	changed := ana.must("people-sync", reply{"version": anaIs["directory"]})["people"].([]any)
	if len(changed) != 1 || changed[0].(map[string]any)["status"] != "In a meeting" {
		t.Fatalf("%v", changed)
	}
	tab.Close()
	ben.Close()
	is("offline")
}

// A small PNG, as a data: URL.
const tinyPicture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func TestAvatarsAndCookies(t *testing.T) {
	s := start(t, "--rate-limit=off")
	ana, is := s.account("ana")
	got := ana.must("profile-update", reply{"avatar": tinyPicture})["person"].(map[string]any)["avatar"].(string)
	res, err := http.Get(s.url + "/avatars/" + got)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/png" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Fatalf("%+v, %v", res, err)
	}
	_ = res.Body.Close()
	for _, bad := range []string{"data:image/svg+xml;base64,PHN2Zy8+", "https://elsewhere.test/a.png", "data:image/png;base64,AAAA", "data:image/png;base64,%%%"} {
		ana.refused("profile-update", reply{"avatar": bad}, "invalid", "picture")
	}
	ana.refused("profile-update", reply{"avatar": "data:image/png;base64," + strings.Repeat("A", 65_000)[:60_000]}, "invalid", "picture")
	request := func(method, auth, cookie, origin string) *http.Response {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, s.url+"/api/session", nil)
		for name, value := range map[string]string{"Authorization": auth, "Cookie": cookie, "Origin": origin, "Sec-Fetch-Site": map[bool]string{true: "cross-site"}[origin != ""]} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	if res := request(http.MethodPost, "Bearer made up", "", ""); res.StatusCode != http.StatusUnauthorized {
		t.Fatal(res.Status)
	}
	if res := request(http.MethodPost, "Bearer "+is["token"].(string), "", "https://foe.test"); res.StatusCode != http.StatusForbidden {
		t.Fatal(res.Status)
	}
	res = request(http.MethodPost, "Bearer "+is["token"].(string), "", "")
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 2 || !res.Cookies()[0].HttpOnly || !res.Cookies()[1].HttpOnly || res.Cookies()[1].Name != "parley" {
		t.Fatal(res.Status, res.Cookies())
	}
	cookie := "parley=" + res.Cookies()[1].Value
	c, err := client.Dial(t.Context(), s.url, client.Options{Header: http.Header{"Cookie": {cookie}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p := &person{Client: c, t: t}
	if again := p.must("user-join", reply{}); again["userId"] != is["userId"] || again["token"] != nil {
		t.Fatalf("by cookie: %v", again)
	}
	if res = request(http.MethodDelete, "", cookie, ""); res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	p.gone()
}

func TestSignInLimits(t *testing.T) {
	s := start(t)
	s.account("ana") // one attempt of five
	p := s.dial(nil)
	limited := 0
	for range 8 {
		if r := p.ask("account-login", reply{"name": "ana", "password": "guessing 12345"}); r["code"] == "rate-limited" {
			limited++
			if r["retryAfter"].(float64) <= 0 {
				t.Fatalf("%v", r)
			}
		}
	}
	if limited < 4 {
		t.Fatalf("%d of 8 guesses were limited", limited)
	}
}

func TestConnectionsOfAPerson(t *testing.T) {
	s := start(t, "--rate-limit=off", "--connections-per-person=2")
	first, is := s.account("ana")
	second := s.dial(reply{"token": is["token"]})
	second.must("user-join", reply{})
	third := s.dial(reply{"token": is["token"]})
	third.refused("user-join", reply{}, "too-large", "max 2")
	third.refused("chat-message", reply{"text": "as nobody"}, "unauthenticated", "Not properly connected")
	second.Close()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if r := third.ask("user-join", reply{}); r["success"] == true {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place is not given back")
		}
	}
	first.must("chat-message", reply{"text": "still here"})
}

// A message into a large room writes nothing per member.
func TestAMessageCostsNoWritePerMember(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "--rate-limit=off", "--connections-per-person=0", "--data="+dir)
	ana := s.join("Ana")
	for i := range 60 {
		s.join(fmt.Sprint("member ", i))
	}
	rows := func() (n int) {
		d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "parley.db")+"?_pragma=query_only(1)")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = d.Close() }()
		for _, table := range []string{"users", "sessions", "memberships", "log", "mentions", "reactions", "revisions", "bans", "invitations", "counters", "rooms", "search_rooms", "search_docs"} {
			var one int
			if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&one); err != nil {
				t.Fatal(err)
			}
			n += one
		}
		return n
	}
	ana.must("chat-message", reply{"text": "@Ana first"})
	time.Sleep(300 * time.Millisecond) // the index follows
	before := rows()
	ana.must("chat-message", reply{"text": "to all sixty"})
	time.Sleep(300 * time.Millisecond)
	if more := rows() - before; more != 2 { // the entry, and its document in the index
		t.Fatalf("%d rows for one message", more)
	}
}
