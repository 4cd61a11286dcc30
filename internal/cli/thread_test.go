package cli

import (
	"fmt"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// Only who follows a thread, or looks at it, hears of it; the room shows that it goes on.
func TestThreadsLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL)
		ana, _ := s.account("ana")
		ben, benIs := s.account("ben")
		cleo, cleoIs := s.account("cleo")
		dora, doraIs := s.account("dora")
		room := ana.must("room-create", reply{"name": "Plans", "kind": "private", "members": []any{benIs["userId"], cleoIs["userId"], doraIs["userId"]}})["roomId"]
		root := ana.must("chat-message", reply{"roomId": room, "text": "root"})
		for _, p := range []*person{ana, cleo} {
			p.must("thread-list", reply{}) // they want to hear of theirs
		}
		opened := ben.must("thread-open", reply{"roomId": room, "messageId": root["messageId"]})
		thread := opened["roomId"].(string)
		if r := opened["room"].(map[string]any); r["kind"] != "thread" || r["parentId"] != room || r["rootId"] != root["messageId"] || r["lastSeq"] != 1.0 {
			t.Fatalf("%v", r)
		}
		ana.heard("thread-followed", thread, `"following":true`)
		ben.must("chat-message", reply{"roomId": thread, "text": "first reply"})
		ana.heard("new-message", "first reply")
		ben.heard("new-message", "first reply")
		for _, p := range []*person{ana, ben, cleo, dora} {
			p.heard("message-updated", `"kind":"thread"`, `"replies":1`, benIs["userId"].(string))
		}
		ben.must("chat-message", reply{"roomId": thread, "text": "look, @cleo"})
		cleo.heard("thread-followed", thread)
		ben.must("chat-message", reply{"roomId": thread, "text": "third reply"})
		cleo.heard("new-message", "third reply")
		if dora.count("new-message", "reply")+cleo.count("new-message", "first reply") != 0 {
			t.Fatal("who does not follow hears")
		}
		listed := cleo.must("thread-list", reply{"unread": true})["threads"].([]any)
		if len(listed) != 1 {
			t.Fatalf("%v", listed)
		}
		if one := listed[0].(map[string]any); one["root"].(map[string]any)["text"] != "root" || one["room"].(map[string]any)["mentions"] != 1.0 {
			t.Fatalf("%v", one)
		}
		cleo.must("room-read", reply{"roomId": thread, "seq": 4})
		cleo.heard("room-read", thread)
		if left := cleo.must("thread-list", reply{"unread": true})["threads"].([]any); len(left) != 0 {
			t.Fatalf("%v", left)
		}
		cleo.must("typing-indicator", reply{"roomId": thread, "typing": true})
		ben.heard("typing-indicator", thread)
		if n := len(ben.must("room-sync", reply{"roomId": thread, "afterSeq": 1})["events"].([]any)); n != 3 {
			t.Fatalf("%d entries", n)
		}
		// A viewer hears until they close it, a follower until they stop, and nobody who is out of the room.
		dora.must("thread-open", reply{"roomId": room, "messageId": root["messageId"]})
		ben.must("chat-message", reply{"roomId": thread, "text": "fourth reply"})
		dora.heard("new-message", "fourth reply")
		dora.must("thread-close", reply{"roomId": thread})
		ana.must("member-kick", reply{"roomId": room, "userId": benIs["userId"]})
		ana.must("chat-message", reply{"roomId": thread, "text": "fifth reply"})
		ana.heard("new-message", "fifth reply")
		cleo.heard("new-message", "fifth reply")
		time.Sleep(100 * time.Millisecond)
		if dora.count("fifth reply")+ben.count("fifth reply") != 0 {
			t.Fatal("who has closed it, or was put out of the room, hears")
		}
		ben.refused("thread-open", reply{"roomId": room, "messageId": root["messageId"]}, "not-found", "")
		ben.refused("room-history", reply{"roomId": thread}, "not-found", "No such room")
		cleo.must("chat-message", reply{"roomId": thread, "text": "to everybody", "alsoToRoom": true})
		dora.heard("new-message", "to everybody", `"fromThread":{"roomId":"`+thread)
	})
}

// Followers on other nodes hear too, and whoever is put out of the room stops hearing wherever they are connected.
func TestThreadsAcrossNodes(t *testing.T) {
	nodes, _ := startNodes(t, 2)
	ana, _ := nodes[0].account("ana")
	ben, benIs := nodes[1].account("ben")
	room := ana.must("room-create", reply{"name": "Across", "kind": "private", "members": []any{benIs["userId"]}})["roomId"].(string)
	ben.heard("room-added", room)
	ben.must("thread-list", reply{})
	root := ana.must("chat-message", reply{"roomId": room, "text": "root"})
	thread := ana.must("thread-open", reply{"roomId": room, "messageId": root["messageId"]})["roomId"].(string)
	ana.must("chat-message", reply{"roomId": thread, "text": "you too, @ben"})
	ben.heard("thread-followed", thread)
	ben.heard("message-updated", `"replies":1`)
	for i := range 10 {
		[]*person{ana, ben}[i%2].must("chat-message", reply{"roomId": thread, "text": fmt.Sprintf("no. %d.", i)})
	}
	for _, p := range []*person{ana, ben} {
		p.heard("new-message", "no. 9.", thread)
	}
	ana.must("member-kick", reply{"roomId": room, "userId": benIs["userId"]})
	ben.heard("room-removed", room)
	before := ben.count(thread)
	last := ana.must("chat-message", reply{"roomId": thread, "text": "without ben"})
	ana.heard("new-message", "without ben")
	ana.must("typing-indicator", reply{"roomId": thread, "typing": true})
	ana.must("room-read", reply{"roomId": thread, "seq": last["seq"]})
	ben.refused("typing-indicator", reply{"roomId": thread, "typing": true}, "not-found", "No such room")
	ana.must("chat-message", reply{"text": "and in General"})
	ben.heard("new-message", "and in General")
	if n := ben.count(thread); n != before {
		t.Fatalf("ben still hears: %d, and %d before", n, before)
	}
}

// In a conversation whose one side has blocked the other, neither is told what the other does.
func TestWhoIsBlockedIsNotSeenTyping(t *testing.T) {
	s := start(t, "--rate-limit=off")
	ana, anaIs := s.account("ana")
	ben, benIs := s.account("ben")
	direct := ben.must("direct-open", reply{"userIds": []any{anaIs["userId"]}})["roomId"].(string)
	ben.must("chat-message", reply{"roomId": direct, "text": "hello"})
	ben.must("typing-indicator", reply{"roomId": direct, "typing": true})
	ana.heard("typing-indicator", direct, `"typing":true`)
	ben.must("typing-indicator", reply{"roomId": direct, "typing": false})
	ana.heard("typing-indicator", direct, `"typing":false`)
	ana.must("person-block", reply{"userId": benIs["userId"]})
	ben.refused("typing-indicator", reply{"roomId": direct, "typing": true}, "forbidden", "no direct messages from you")
	ana.refused("typing-indicator", reply{"roomId": direct, "typing": true}, "forbidden", "blocked them")
	ben.must("room-read", reply{"roomId": direct, "seq": 9})
	for _, p := range []*person{ana, ben} {
		p.must("chat-message", reply{"text": fmt.Sprintf("%p in General", p)})
	}
	ana.heard("new-message", fmt.Sprintf("%p in General", ben))
	ben.heard("new-message", fmt.Sprintf("%p in General", ana))
	if ana.count("typing-indicator", direct, `"typing":true`) != 1 || ben.count("typing-indicator", direct) != 0 || ana.count("receipt", direct, `"readSeq":9`) != 0 {
		t.Fatal("they hear of each other")
	}
}
