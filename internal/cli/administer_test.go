package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// administrators starts a server with an owner, an admin, and ben, who is a plain member with two devices.
func administrators(t *testing.T, o db.Options) (s *server, owner, admin, ben, ben2 *person, ids map[string]string) {
	t.Helper()
	s = start(t, "--rate-limit=off", "--database-url="+o.URL)
	ids = map[string]string{}
	account := func(name string) (*person, any) {
		p, r := s.account(name)
		ids[name] = r["userId"].(string)
		return p, r["token"]
	}
	owner, _ = account("owner")
	admin, _ = account("admin")
	ben, token := account("ben")
	ben2 = s.dial(reply{"token": token})
	ben2.must("user-join", reply{})
	owner.must("person-role", reply{"userId": ids["admin"], "role": "admin"})
	return s, owner, admin, ben, ben2, ids
}

// rows are the objects of a list in an answer.
func rows(r reply, list string) (out []map[string]any) {
	for _, v := range r[list].([]any) {
		out = append(out, v.(map[string]any))
	}
	return out
}

func TestPeopleAreAdministered(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s, owner, admin, ben, ben2, ids := administrators(t, o)
		ben.refused("admin-people", reply{}, "forbidden", "Not allowed for members")
		r := admin.must("admin-people", reply{"query": "be"})
		people := rows(r, "people")
		if len(people) != 1 || r["total"] != 1.0 || r["hasMore"] != false {
			t.Fatal(r)
		}
		if p := people[0]; p["userId"] != ids["ben"] || p["presence"] != "online" || p["sessions"] != 1.0 || p["password"] != true || p["suspended"] != false {
			t.Fatal(p)
		}
		admin.refused("admin-sign-out", reply{"userId": ids["owner"]}, "forbidden", "stand above")
		admin.refused("admin-reset-link", reply{"userId": ids["owner"]}, "forbidden", "stand above")
		admin.must("admin-sign-out", reply{"userId": ids["ben"]})
		for _, p := range []*person{ben, ben2} {
			p.heard("session-ended", "Signed out by an administrator")
			p.gone()
		}
		url := admin.must("admin-reset-link", reply{"userId": ids["ben"]})["url"].(string)
		at, token, _ := strings.Cut(url, "#reset=")
		if !strings.HasPrefix(at, "http://localhost:") || len(token) < 40 || strings.Contains(s.log.String(), token) {
			t.Fatal(url)
		}
		stranger := s.dial(nil)
		stranger.must("password-reset", reply{"token": token, "password": "a password that is new"})
		stranger.must("account-login", reply{"name": "ben", "password": "a password that is new"})
		owner.must("person-deactivate", reply{"userId": ids["ben"]})
		stranger.gone()
		if people := rows(admin.must("admin-people", reply{"state": "suspended"}), "people"); len(people) != 1 || people[0]["userId"] != ids["ben"] {
			t.Fatal(people)
		}
		if log := s.log.String(); !strings.Contains(log, "event=admin-sign-out by="+ids["admin"]+" what="+ids["ben"]) {
			t.Fatal(log)
		}
	})
}

func TestInvitationsSayWhoMadeThem(t *testing.T) {
	s := start(t, "--rate-limit=off")
	owner, _ := s.account("owner")
	ben, _ := s.account("ben")
	made := ben.must("invite-create", reply{"maxUses": 3})
	if list := rows(owner.must("invite-list", reply{}), "invitations"); len(list) != 1 || list[0]["username"] != "ben" || list[0]["maxUses"] != 3.0 {
		t.Fatal(list)
	}
	if i := s.dial(nil).must("invite-info", reply{"token": made["token"]})["invitation"].(map[string]any); i["username"] != "ben" {
		t.Fatal(i)
	}
}

func TestRoomsAreAdministeredLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		_, owner, admin, ben, _, ids := administrators(t, o)
		ben.refused("admin-rooms", reply{}, "forbidden", "Not allowed")
		room := ben.must("room-create", reply{"name": "Plans"})["roomId"].(string)
		list := rows(admin.must("admin-rooms", reply{"query": "plan"}), "rooms")
		if len(list) != 1 || list[0]["roomId"] != room || rows(list[0], "owners")[0]["username"] != "ben" {
			t.Fatal(list)
		}
		r := admin.must("admin-room-update", reply{"roomId": room, "name": "Planning", "archived": true})["room"].(map[string]any)
		if r["name"] != "Planning" || r["archivedAt"] == "" {
			t.Fatal(r)
		}
		ben.heard("room-updated", room, "Planning", "archivedAt", `"username":"admin"`)
		ben.refused("chat-message", reply{"roomId": room, "text": "too late"}, "forbidden", "archived")
		admin.must("admin-room-update", reply{"roomId": room, "archived": false})
		admin.must("admin-room-owner", reply{"roomId": room, "userId": ids["owner"]})
		owner.heard("room-added", room)
		ben.heard("member-role", room, ids["ben"], `"role":"moderator"`)
		admin.refused("room-history", reply{"roomId": room}, "not-found", "") // they are not in it for that
	})
}

func TestNumbersAreToldWhileSomebodyLooks(t *testing.T) {
	s, owner, admin, ben, _, ids := administrators(t, db.Options{})
	ben.refused("admin-stats", reply{}, "forbidden", "Not allowed")
	r := admin.must("admin-stats", reply{})
	first := rows(r, "nodes")[0]
	if r["every"] != 2.0 || len(first["acks"].([]any)) != len(r["bounds"].([]any))+1 || first["connections"].(float64) < 4 || first["memory"].(float64) < 1e6 {
		t.Fatal(r)
	}
	ben.must("chat-message", reply{"text": "counted"})
	told := admin.numbers(func(n map[string]any) bool { return n["messages"] == 1.0 })
	acks := 0.0
	for _, n := range told["acks"].([]any) {
		acks += n.(float64)
	}
	if acks != 1 || told["deliveries"].(float64) < 4 || told["at"].(float64) <= first["at"].(float64) || told["node"] != first["node"] {
		t.Fatal(told)
	}
	owner.must("person-role", reply{"userId": ids["admin"], "role": "member"})
	admin.heard("user-updated", ids["admin"], `"role":"member"`)
	owner.must("admin-stats", reply{})
	owner.heard("admin-stats")
	before := admin.count("admin-stats")
	seen := owner.count("admin-stats")
	owner.wait("admin-stats", seen+1)
	if n := admin.count("admin-stats"); n != before {
		t.Fatalf("who is no administrator any more was told %d times more", n-before)
	}
	owner.must("admin-stats", reply{"on": false})
	if ben.count("admin-stats") != 0 {
		t.Fatal("a member is told the numbers")
	}
	s.stop()
}

// numbers waits until somebody is told numbers of a node that fit.
func (p *person) numbers(fit func(map[string]any) bool) map[string]any {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		in := slices.Clone(p.in)
		p.mu.Unlock()
		for _, text := range in {
			data, ok := strings.CutPrefix(text, "admin-stats ")
			if !ok {
				continue
			}
			var r reply
			if err := json.Unmarshal([]byte(data), &r); err != nil {
				p.t.Fatal(err)
			}
			for _, n := range rows(r, "nodes") {
				if fit(n) {
					return n
				}
			}
		}
	}
	p.t.Fatal("never told such numbers")
	return nil
}

// wait waits until somebody has heard something so many times.
func (p *person) wait(words string, times int) {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); p.count(words) < times; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("heard %q %d times, not %d", words, p.count(words), times)
		}
	}
}

// Whoever looks on one node sees all of them, and none does anything for it once nobody looks.
func TestNumbersOfAllNodes(t *testing.T) {
	nodes, _ := startNodes(t, 2)
	owner, _ := nodes[0].account("owner")
	ben, _ := nodes[1].account("ben")
	mine := rows(owner.must("admin-stats", reply{}), "nodes")[0]["node"]
	ben.must("chat-message", reply{"text": "on the other node"})
	other := owner.numbers(func(n map[string]any) bool { return n["node"] != mine && n["messages"] == 1.0 })
	if other["connections"] != 1.0 || other["people"] != 2.0 {
		t.Fatal(other)
	}
}

func TestSettingsAreShownWithoutSecrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL, "--smtp-password=canary", "--smtp-host=127.0.0.1")
		owner, _ := s.account("owner")
		ben, _ := s.account("ben")
		ben.refused("admin-settings", reply{}, "forbidden", "Not allowed")
		r := owner.must("admin-settings", reply{})
		all := map[string]map[string]any{}
		for _, one := range rows(r, "settings") {
			all[one["name"].(string)] = one
		}
		if r["database"] != map[bool]string{true: "sqlite", false: "postgres"}[o.URL == ""] || all["PARLEY_RATE_LIMIT"]["value"] != "off" || all["PARLEY_RATE_LIMIT"]["given"] != true {
			t.Fatal(r)
		}
		if p := all["PARLEY_SMTP_PASSWORD"]; p["secret"] != true || p["given"] != true || p["value"] != "" || strings.Contains(fmt.Sprint(r), "canary") {
			t.Fatal(p)
		}
	})
}
