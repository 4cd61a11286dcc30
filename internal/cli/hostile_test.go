package cli

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// login signs an account in that account has made, on another connection.
func (s *server) login(name string) (*person, reply) {
	s.t.Helper()
	p := s.dial(nil)
	return p, p.must("account-login", reply{"name": name, "password": "password of " + name})
}

// A session that ends in the middle of somebody's joining leaves nobody behind who is here for ever.
func TestASessionThatEndsWhileJoiningLeavesNobodyHere(t *testing.T) {
	s := start(t, "--rate-limit=off")
	ana, _ := s.account("ana")
	for i := range 20 {
		first, is := s.login("ana")
		first.Close()
		again := s.dial(reply{"token": is["token"]})
		var both sync.WaitGroup
		joined := false
		both.Go(func() {
			answer, err := again.EmitWithAck(t.Context(), "user-join", reply{})
			joined = err != nil || strings.Contains(string(answer[0]), `"success":true`)
		})
		time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		ana.must("session-revoke", reply{"sessionId": is["sessionId"]})
		if both.Wait(); joined { // or it was refused: then it is nobody's, and may stay
			again.endsWithin(20 * time.Second)
		}
		again.Close()
	}
	ana.Close()
	s.nobodyIsHere()
}

// endsWithin waits until the server has closed the connection: one that nobody was told of is found by looking, every few seconds.
func (p *person) endsWithin(most time.Duration) {
	p.t.Helper()
	for deadline := time.Now().Add(most); p.Emit("who-is-here", reply{}) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal("still connected")
		}
	}
}

// nobodyIsHere waits until everybody has left.
func (s *server) nobodyIsHere() {
	s.t.Helper()
	p := s.dial(nil)
	p.must("user-join", reply{"username": "Looks"})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if here := p.must("who-is-here", reply{})["online"].([]any); len(here) == 1 {
			return
		}
	}
	s.t.Fatal("somebody is here who has no connection")
}

// A role that is taken away from somebody who is just joining is taken away.
func TestRolesOfThoseWhoAreJoining(t *testing.T) {
	s := start(t, "--rate-limit=off")
	owner, _ := s.account("owner")
	_, mal := s.account("mal")
	for i := range 20 {
		owner.must("person-role", reply{"userId": mal["userId"], "role": "moderator"})
		p := s.dial(reply{"token": mal["token"]})
		var both sync.WaitGroup
		both.Go(func() { p.must("user-join", reply{}) })
		time.Sleep(time.Duration(i) * 50 * time.Microsecond)
		owner.must("person-role", reply{"userId": mal["userId"], "role": "member"})
		both.Wait()
		p.refused("room-create", reply{"name": fmt.Sprint("News ", i), "kind": "announcement"}, "forbidden", "moderators")
		p.Close()
	}
}

// Everybody is told of a new name, so it cannot be had as often as one likes.
func TestRenamingIsLimited(t *testing.T) {
	s := start(t, "--creation-limit=3/h")
	p := s.join("Ana")
	for i := range 3 {
		p.must("user-join", reply{"username": fmt.Sprint("Ana ", i)})
	}
	p.must("user-join", reply{"username": "Ana 2"}) // is called so
	p.refused("user-join", reply{"username": "Ana 3"}, "rate-limited", "Rate limit")
	p.refused("profile-update", reply{"username": "Ana 3"}, "rate-limited", "Rate limit")
}

// Around the size of a crowd everybody knows how many are here, whichever way they were told last.
func TestTheCountIsRightAroundTheSizeOfACrowd(t *testing.T) {
	s := start(t, "--rate-limit=off", "--crowd=3")
	ana := s.join("Ana")
	s.join("Ben")
	s.join("Cleo")
	for round := range 3 {
		fourth := s.join(fmt.Sprint("somebody ", round))
		for deadline := time.Now().Add(10 * time.Second); ana.count("people-online", `"online":4`) <= round; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: ana was told of 3 people last, and there are 4", round)
			}
		}
		fourth.Close()
		for ana.count("user-left", `"online":3`) <= round {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// Over HTTPS only the cookies count that browsers keep to HTTPS and to this host: others may have been set by a neighbour.
func TestPlainCookiesCountOnPlainConnectionsOnly(t *testing.T) {
	s := start(t, "--rate-limit=off", "--trusted-proxies=127.0.0.1")
	_, is := s.account("ana")
	token := is["token"].(string)
	leave := func(cookie, proto string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.url+"/api/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "other=1; "+cookie+"="+token)
		r.Header.Set("X-Forwarded-Proto", proto)
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
	}
	leave("parley", "https")
	s.dial(reply{"token": token}).must("user-join", reply{})
	leave("__Host-parley", "https")
	s.dial(reply{"token": token}).refused("user-join", reply{}, "unauthenticated", "ended")
	_, is = s.login("ana")
	token = is["token"].(string)
	leave("parley", "http")
	s.dial(reply{"token": token}).refused("user-join", reply{}, "unauthenticated", "ended")
}
