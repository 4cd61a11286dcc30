package cli

import (
	"fmt"
	"testing"
	"time"

	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// twoNodes starts two nodes with the limits that there are by default, or as given.
func twoNodes(t *testing.T, args ...string) [2]*server {
	t.Helper()
	args = append([]string{"--drain-delay=0s", "--database-url=" + dbtest.NewPostgres(t).URL, "--redis-url=" + redistest.Start(t).URL()}, args...)
	nodes := [2]*server{start(t, args...), start(t, args...)}
	time.Sleep(300 * time.Millisecond) // they have heard of each other
	return nodes
}

// told is enough time for what one node knows to be known on the other.
func told() { time.Sleep(400 * time.Millisecond) }

// A person's messages count together, wherever they are connected; so do an address's attempts to sign in.
func TestLimitsHoldAcrossNodes(t *testing.T) {
	nodes := twoNodes(t, "--events-per-minute=6000", "--connections-per-person=3")
	first := nodes[0].dial(nil)
	joined := first.must("user-join", reply{"username": "Ana"})
	second := nodes[1].dial(reply{"token": joined["token"]})
	second.must("user-join", reply{})
	for i := range 20 {
		first.must("chat-message", reply{"text": fmt.Sprint("here ", i)})
	}
	told()
	sent := 0
	for i := range 20 {
		if r := second.ask("chat-message", reply{"text": fmt.Sprint("there ", i)}); r["success"] == true {
			sent++
		} else if r["code"] != "rate-limited" || r["retryAfter"].(float64) <= 0 {
			t.Fatal(r)
		}
	}
	if sent < 10 || sent > 12 { // one more every two seconds
		t.Errorf("%d messages on the second node after 20 on the first, of 30 a minute", sent)
	}
	told()
	first.refused("chat-message", reply{"text": "one too many"}, "rate-limited", "Rate limit exceeded")

	nodes[0].dial(reply{"token": joined["token"]}).must("user-join", reply{})
	told()
	nodes[1].dial(reply{"token": joined["token"]}).refused("user-join", reply{}, "too-large", "max 3")
	second.Close()
	told()
	nodes[0].dial(reply{"token": joined["token"]}).must("user-join", reply{})

	for range 4 {
		nodes[0].dial(nil).refused("account-login", reply{"name": "nobody", "password": "is it this one?"}, "unauthenticated", "Wrong")
	}
	told()
	guesses := 0
	for range 4 {
		if nodes[1].dial(nil).ask("account-login", reply{"name": "nobody", "password": "or this one?"})["code"] == "unauthenticated" {
			guesses++
		}
	}
	if guesses > 2 { // of five at once, and one more every ten seconds
		t.Errorf("%d attempts on the second node after 4 on the first", guesses)
	}
}

// A person who is on two nodes sees one truth: what they are in, what they have read, who is there, and that it is over.
func TestAPersonOnTwoNodesSeesOneTruth(t *testing.T) {
	nodes := twoNodes(t, "--rate-limit=off")
	owner := nodes[1].dial(nil)
	owner.must("account-create", reply{"name": "owner", "password": "long enough for me"})
	here := nodes[0].dial(nil)
	ana := here.must("account-create", reply{"name": "ana", "password": "long enough for her"})
	there := nodes[1].dial(nil)
	there.must("account-login", reply{"name": "ana", "password": "long enough for her"}) // another session
	id := ana["userId"].(string)
	room := owner.must("room-create", reply{"name": "Truth", "kind": "public", "members": []any{id}})["roomId"].(string)
	here.heard("room-added", room)
	there.heard("room-added", room)

	var last reply
	for i := range 3 {
		last = owner.must("chat-message", reply{"roomId": room, "text": fmt.Sprint("@ana no. ", i)})
	}
	for _, p := range []*person{here, there} {
		p.heard("new-message", "no. 2")
		if got := p.must("room-get", reply{"roomId": room})["room"].(map[string]any); got["unread"] != 3.0 || got["mentions"] != 3.0 {
			t.Fatalf("unread %v, mentions %v", got["unread"], got["mentions"])
		}
	}
	here.must("room-read", reply{"roomId": room, "seq": last["seq"]})
	there.heard("room-read", room, fmt.Sprintf(`"readSeq":%v`, last["seq"]))
	owner.heard("receipt", id, fmt.Sprintf(`"readSeq":%v`, last["seq"]))
	if got := there.must("room-get", reply{"roomId": room})["room"].(map[string]any); got["unread"] != 0.0 {
		t.Fatalf("unread on the other device: %v", got["unread"])
	}
	there.must("room-read", reply{"roomId": room, "seq": 1, "unread": true})
	here.heard("room-read", room, `"readSeq":1`)
	if got := here.must("room-get", reply{"roomId": room})["room"].(map[string]any); got["unread"] != 3.0 {
		t.Fatalf("unread after it was marked: %v", got["unread"])
	}

	here.must("typing-indicator", reply{"roomId": room, "typing": true})
	owner.heard("typing-indicator", id, `"typing":true`)
	here.must("presence-active", reply{"active": false})
	told()
	if owner.count("presence", id, "away") > 0 {
		t.Error("away, with another device in use on the other node")
	}
	there.must("presence-active", reply{"active": false})
	owner.heard("presence", id, "away")
	here.must("presence-active", reply{"active": true})
	owner.heard("presence", id, `"online"`)
	if there.count("typing-indicator") > 0 {
		t.Error("told of her own typing")
	}

	owner.must("member-kick", reply{"roomId": room, "userId": id, "ban": true})
	for i, p := range []*person{here, there} {
		p.heard("room-removed", room, "ban")
		p.refused("room-history", reply{"roomId": room}, "not-found", "No such room")
		p.refused("room-sync", reply{"roomId": room}, "not-found", "No such room")
		p.refused("chat-message", reply{"roomId": room, "text": fmt.Sprint("from node ", i)}, "not-found", "No such room")
		if r := p.ask("room-join", reply{"roomId": room}); r["success"] == true {
			t.Error("came back in spite of the ban")
		}
	}
	owner.must("chat-message", reply{"roomId": room, "text": "without her"})
	told()
	if here.count("without her")+there.count("without her") > 0 {
		t.Error("heard from outside")
	}

	here.must("account-password", reply{"old": "long enough for her", "new": "another one for her"})
	there.heard("session-ended", "password")
	there.gone()
	if here.count("session-ended") > 0 {
		t.Error("the session that changed the password has ended")
	}
	owner.must("person-deactivate", reply{"userId": id})
	here.heard("session-ended")
	here.gone()
	owner.heard("user-left", id)
	for _, n := range nodes {
		n.dial(nil).refused("account-login", reply{"name": "ana", "password": "another one for her"}, "unauthenticated", "Wrong")
		n.dial(reply{"token": ana["token"]}).refused("user-join", reply{}, "unauthenticated", "ended")
	}
}

// A node that stops takes nobody with it: whoever comes back elsewhere was never away, and who does not has left soon.
func TestANodeStops(t *testing.T) {
	nodes := twoNodes(t, "--rate-limit=off", "--leave-grace=5s")
	watcher := nodes[1].join("Watcher")
	staying := nodes[0].dial(nil)
	joined := staying.must("user-join", reply{"username": "Staying"})
	nodes[0].join("Leaving")
	watcher.heard("user-joined", "Leaving")
	nodes[0].stop()
	staying.heard("server-restarting")
	nodes[1].dial(reply{"token": joined["token"]}).must("user-join", reply{})
	watcher.heard("user-left", "Leaving", `"online":2`)
	if watcher.count("user-left", "Staying") > 0 {
		t.Error("who came back had left")
	}
}
