package cli

import (
	"fmt"
	"testing"
	"time"
)

// In a crowd everybody hears how many are here, and of a person those alone who share a small room with them, wherever they are connected.
func TestACrowdIsCountedAndNotAnnounced(t *testing.T) {
	nodes, _ := startNodes(t, 2, "--crowd=5")
	ana, anaIs := nodes[0].account("ana")
	ben, benIs := nodes[1].account("ben")
	ben.must("direct-open", reply{"userIds": []any{anaIs["userId"]}})
	ana.heard("room-added")
	ben.Close()
	ana.heard("user-left", `"username":"ben"`) // not a crowd yet
	for i := range 6 {
		nodes[i%2].join(fmt.Sprintf("guest %d", i))
	}
	ana.heard("people-online", `"online":7`)
	before := ana.count("user-joined")
	back := nodes[1].dial(reply{"token": benIs["token"]})
	joined := back.must("user-join", reply{})
	if joined["onlineCount"] != 8.0 {
		t.Fatalf("%v", joined["onlineCount"])
	}
	ana.heard("user-joined", `"username":"ben"`, `"online":8`)
	back.must("presence-active", reply{"active": false})
	ana.heard(`presence {"userId":"`+benIs["userId"].(string), "away")
	stranger := nodes[1].join("somebody")
	ana.heard("people-online", `"online":9`)
	if n := ana.count("user-joined") - before; n != 1 {
		t.Errorf("ana heard of %d people, want ben alone", n)
	}
	if ana.count(`"username":"somebody"`) != 0 {
		t.Error("ana hears of somebody she shares no small room with")
	}
	stranger.Close()
	ana.heard("people-online", `"online":8`)
	back.Close()
	ana.heard("user-left", `"username":"ben"`, `"online":7`)
}

// In a large room nobody reads more than a few names of people who are typing.
func TestFewAreSeenTypingInALargeRoom(t *testing.T) {
	s := start(t, "--rate-limit=off", "--crowd=50")
	all := make([]*person, 104)
	for i := range all {
		all[i] = s.join(fmt.Sprintf("p%d", i))
	}
	for _, p := range all[:6] {
		p.must("typing-indicator", reply{"typing": true})
	}
	all[50].heard("typing-indicator", `"typing":true`, `"username":"p2"`)
	all[0].must("typing-indicator", reply{"typing": false})
	all[50].heard("typing-indicator", `"typing":false`, `"username":"p0"`)
	all[7].must("typing-indicator", reply{"typing": true}) // there is room for one again
	all[50].heard("typing-indicator", `"typing":true`, `"username":"p7"`)
	all[5].must("typing-indicator", reply{"typing": false}) // nobody was told, so nobody is told of the end
	time.Sleep(100 * time.Millisecond)
	if n := all[50].count(`"typing":true`); n != 4 {
		t.Errorf("%d are seen typing, want 4", n)
	}
	if n := all[50].count(`"typing":false`); n != 1 {
		t.Errorf("%d have stopped, want 1", n)
	}
	p11 := all[10].must("people-list", reply{"prefix": "p11"})["people"].([]any)[0].(map[string]any)
	direct := all[10].must("direct-open", reply{"userIds": []any{p11["userId"]}})["roomId"]
	all[11].heard("room-added")
	all[10].must("typing-indicator", reply{"roomId": direct, "typing": true})
	all[11].heard("typing-indicator", direct.(string), `"typing":true`)
}

// On several nodes together they are not more.
func TestFewAreSeenTypingOnAllNodes(t *testing.T) {
	nodes, _ := startNodes(t, 2, "--crowd=50")
	all := make([]*person, 204)
	for i := range all {
		all[i] = nodes[i%2].join(fmt.Sprintf("p%d", i))
	}
	here, there := all[100], all[101]
	for i := range 3 {
		all[2*i].must("typing-indicator", reply{"typing": true})
		there.heard("typing-indicator", `"typing":true`, fmt.Sprintf(`"username":"p%d"`, 2*i))
	}
	all[1].must("typing-indicator", reply{"typing": true}) // one too many: nobody is told, nor of the end
	all[1].must("typing-indicator", reply{"typing": false})
	all[0].must("typing-indicator", reply{"typing": false})
	there.heard("typing-indicator", `"typing":false`, `"username":"p0"`)
	all[3].must("typing-indicator", reply{"typing": true}) // there is room for one again
	for _, p := range []*person{here, there} {
		p.heard("typing-indicator", `"typing":true`, `"username":"p3"`)
		if n := p.count("typing-indicator", `"username":"p1"`); n != 0 {
			t.Errorf("told %d times of somebody who is one too many", n)
		}
	}
}
