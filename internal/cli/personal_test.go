package cli

import (
	"testing"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// What somebody does on one device the others hear, and nobody else.
func TestPersonalLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL)
		ana, is := s.account("ana")
		ben, _ := s.account("ben")
		phone := s.dial(reply{"token": is["token"]})
		phone.must("user-join", reply{})
		m := ben.must("chat-message", reply{"text": "remember"})
		ana.must("message-save", reply{"messageId": m["messageId"]})
		phone.heard("personal", `"kind":"saved"`, m["messageId"].(string), `"version":1`)
		ana.must("draft-set", reply{"text": "half a sen"})
		phone.heard("personal", `"draft":{"roomId":"general","text":"half a sen"}`)
		phone.must("chat-message", reply{"text": "half a sentence", "dropDraft": true})
		ana.heard("personal", `"kind":"draft"`, `"gone":true`, `"version":3`)
		ana.must("room-notify", reply{"level": "all", "favourite": true})
		phone.heard("personal", `"room":{"level":"all","favourite":true}`)
		if r := phone.must("room-get", reply{"roomId": "general"})["room"].(map[string]any); r["settings"].(map[string]any)["favourite"] != true || r["badge"] != 1.0 {
			t.Fatalf("%v", r)
		}
		ana.must("notify-set", reply{"keywords": []any{"parley"}, "quietFrom": "22:00", "quietTo": "07:00"})
		ana.must("person-block", reply{"userId": m["userId"], "ignore": true, "on": false})
		ana.refused("room-notify", reply{"mutedUntil": "tomorrow"}, "invalid", "mutedUntil")
		synced := phone.must("personal-sync", reply{"version": 3})
		if n := len(synced["items"].([]any)); n != 2 || synced["version"] != 5.0 {
			t.Fatalf("%v", synced)
		}
		if saved := phone.must("saved-list", reply{})["saved"].([]any); saved[0].(map[string]any)["message"].(map[string]any)["text"] != "remember" {
			t.Fatalf("%v", saved)
		}
		ana.must("message-pin", reply{"messageId": m["messageId"]})
		ben.heard("message-updated", `"kind":"pin"`, `"pinned":{"userId":"`+is["userId"].(string))
		if pins := ben.must("pin-list", reply{})["messages"].([]any); len(pins) != 1 {
			t.Fatalf("%v", pins)
		}
		if ben.count("personal") != 0 {
			t.Fatal("somebody else hears what is hers")
		}
	})
}
