package cli

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

func TestPollsForwardsAndEmojiLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL, "--emoji-role=member", "--max-emoji=1")
		ana, anaIs := s.account("ana")
		ben, benIs := s.account("ben")
		room := ana.must("room-create", reply{"name": "Plans", "kind": "private", "members": []any{benIs["userId"]}})["roomId"].(string)
		poll := ana.must("poll-create", reply{"roomId": room, "question": "Lunch?", "options": []any{"soup", "salad"}, "clientId": "p1"})
		ben.heard("new-message", `"text":"Lunch?"`, `"poll":{"options":[{"text":"soup"},{"text":"salad"}]`, `"clientId":"p1"`)
		voted := ben.must("poll-vote", reply{"roomId": room, "messageId": poll["messageId"], "choices": []any{1}})
		if mine := voted["mine"].([]any); len(mine) != 1 || mine[0] != 1.0 {
			t.Fatalf("%v", voted)
		}
		ana.heard("message-updated", `"kind":"poll"`, `{"text":"salad","votes":1,"userIds":["`+benIs["userId"].(string)+`"]}`)
		ana.must("poll-close", reply{"roomId": room, "messageId": poll["messageId"]})
		ben.heard("message-updated", `"kind":"poll"`, `"closedAt":"2`)
		ben.refused("poll-vote", reply{"roomId": room, "messageId": poll["messageId"], "choices": []any{0}}, "forbidden", "closed")
		secret := ana.must("poll-create", reply{"roomId": room, "question": "Raise?", "options": []any{"yes", "no"}, "anonymous": true})
		ben.must("poll-vote", reply{"roomId": room, "messageId": secret["messageId"], "choices": []any{0}})
		heard := ana.heard("message-updated", `"anonymous":true`, `{"text":"yes","votes":1}`, `"voters":1`)
		if strings.Contains(heard, benIs["userId"].(string)) {
			t.Fatalf("it says who voted: %s", heard)
		}

		// Several answers, and an end at a time.
		several := ana.must("poll-create", reply{
			"roomId": room, "question": "Which days?", "options": []any{"mon", "tue", "wed"}, "multiple": true, "closesAt": time.Now().Add(3 * time.Second),
		})
		ben.must("poll-vote", reply{"roomId": room, "messageId": several["messageId"], "choices": []any{0, 2}})
		ben.refused("poll-vote", reply{"roomId": room, "messageId": several["messageId"], "choices": []any{3}}, "invalid", "option")
		ana.heard("message-updated", "Which days?", `{"text":"mon","votes":1,`, `{"text":"wed","votes":1,`, `"voters":1`, `"closedAt":"2`)

		sent := ana.must("chat-message", reply{"roomId": room, "text": "between us"})
		ana.refused("message-forward", reply{"roomId": room, "messageId": sent["messageId"]}, "invalid", "to must be")
		ana.must("message-forward", reply{"roomId": room, "messageId": sent["messageId"], "to": "general", "text": "psst"})
		if passed := ben.heard("new-message", `"text":"psst"`, `"forward":{"userId":"`+anaIs["userId"].(string), "between us"); strings.Contains(passed, room) || strings.Contains(passed, "Plans") {
			t.Fatalf("it says where it is from: %s", passed)
		}
		if found := ben.must("message-find", reply{"messageId": sent["messageId"]})["message"].(map[string]any); found["roomId"] != room {
			t.Fatalf("%v", found)
		}
		eve, _ := s.account("eve")
		eve.refused("message-find", reply{"messageId": sent["messageId"]}, "not-found", "No such message")
		eve.refused("message-find", reply{"messageId": "none"}, "not-found", "No such message")

		added := ben.must("emoji-add", reply{"name": "gopher", "picture": tinyPicture})["emoji"].(map[string]any)
		ana.heard("emoji-changed", `"name":"gopher"`, added["picture"].(string))
		res, err := http.Get(s.url + "/avatars/" + added["picture"].(string))
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/png" || res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Fatalf("%+v, %v", res, err)
		}
		_ = res.Body.Close()
		ben.refused("emoji-add", reply{"name": "second", "picture": tinyPicture}, "too-large", "max 1")
		ben.refused("emoji-add", reply{"name": "second", "picture": "data:image/svg+xml;base64,PHN2Zy8+"}, "invalid", "picture")
		ana.must("message-react", reply{"messageId": ben.must("chat-message", reply{"text": "hi :gopher:"})["messageId"], "emoji": ":gopher:"})
		ben.heard("message-reaction", `"emoji":":gopher:"`)
		ana.must("emoji-remove", reply{"name": "gopher"})
		ben.heard("emoji-changed", `"name":"gopher","userId"`)
		if left := ben.must("emoji-list", reply{})["emoji"].([]any); len(left) != 0 {
			t.Fatalf("%v", left)
		}
	})
}

func TestScheduledAndRemindersLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		dir := t.TempDir()
		s := start(t, "--rate-limit=off", "--database-url="+o.URL, "--data="+dir)
		ana, is := s.account("ana")
		phone := s.dial(reply{"token": is["token"]})
		phone.must("user-join", reply{})
		ben, _ := s.account("ben")
		in := func(d time.Duration) time.Time { return time.Now().Add(d).UTC() }
		ana.must("message-schedule", reply{"text": "good morning", "clientId": "s1", "at": in(1200 * time.Millisecond)})
		phone.heard("personal", `"kind":"scheduled"`, `"key":"s1"`, "good morning")
		ana.must("reminder-set", reply{"text": "tea", "key": "r1", "at": in(1200 * time.Millisecond)})
		ana.refused("message-schedule", reply{"text": "x", "at": "tomorrow"}, "invalid", "at must be")
		ana.refused("reminder-set", reply{"text": "x", "at": in(-time.Minute)}, "invalid", "future")
		ben.heard("new-message", "good morning", `"clientId":"s1"`, is["userId"].(string))
		phone.heard("personal", `"kind":"scheduled"`, `"key":"s1"`, `"gone":true`)
		phone.heard("personal", `"kind":"reminder"`, `"due":true`, "tea")
		phone.must("reminder-done", reply{"key": "r1"})
		ana.heard("personal", `"kind":"reminder"`, `"gone":true`)

		// What falls due while the server is away is done when it is back.
		ana.must("message-schedule", reply{"text": "while it was away", "clientId": "s2", "at": in(500 * time.Millisecond)})
		s.stop()
		time.Sleep(700 * time.Millisecond)
		again := start(t, "--rate-limit=off", "--database-url="+o.URL, "--data="+dir)
		back := again.dial(reply{"token": is["token"]})
		back.must("user-join", reply{})
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			n := 0
			for _, m := range back.must("room-history", reply{})["messages"].([]any) {
				if m.(map[string]any)["text"] == "while it was away" {
					n++
				}
			}
			if n == 1 {
				break
			}
			if n > 1 || time.Now().After(deadline) {
				t.Fatalf("it was sent %d times", n)
			}
		}
	})
}
