package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/mail/mailtest"
	"parley/socketio/client"
)

// dialFrom connects from another address, behind a proxy that is trusted, with a browser's cookies.
func (s *server) dialFrom(address string, b *browser) *person {
	s.t.Helper()
	h := http.Header{"X-Forwarded-For": {address}, "User-Agent": {"Browser at " + address}}
	if b != nil {
		at, _ := url.Parse(s.url) // it is one
		for _, c := range b.Jar.Cookies(at) {
			if c.Name == "parley-device" {
				h.Set("Cookie", c.Name+"="+c.Value)
			}
		}
	}
	c, err := client.Dial(s.t.Context(), s.url, client.Options{Header: h})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	p := &person{Client: c, t: s.t}
	c.OnAny(func(event string, args []json.RawMessage) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.in = append(p.in, fmt.Sprintf("%s %s", event, args))
	})
	return p
}

// keep makes a browser one that a session was kept in.
func (s *server) keep(token any) *browser {
	s.t.Helper()
	b := s.browser()
	if r := b.post("/api/session", reply{}, "Authorization", "Bearer "+token.(string)); r["success"] != true {
		s.t.Fatal(r)
	}
	return b
}

func login(name, password string) reply { return reply{"name": name, "password": password} }

// Guessing is slow, from however many addresses, and locks nobody out of an account whose device they use.
func TestGuessingIsSlowAndLocksNobodyOut(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--database-url="+o.URL, "--trusted-proxies=127.0.0.1", "--guess-limit=6/h", "--device-limit=3/h", "--connection-rate-per-ip=1000")
		first := s.dialFrom("198.51.100.1", nil)
		who := first.must("account-create", login("ana", "password of ana"))
		mine := s.keep(who["token"])
		for n, name := range []string{"ana", "nobody"} { // there is no telling from it who exists
			for i := range 8 {
				r := s.dialFrom(fmt.Sprintf("203.0.113.%d", 100*n+i), nil).ask("account-login", login(name, fmt.Sprint("guess number ", i)))
				want := map[bool]string{true: "unauthenticated", false: "rate-limited"}[i < 6]
				if r["code"] != want || i >= 6 && (r["retryAfter"].(float64) < 60 || r["retryAfter"].(float64) > 660) {
					t.Fatalf("%s, guess %d: %v", name, i+1, r)
				}
			}
		}
		s.dialFrom("198.51.100.9", nil).refused("account-login", login("ana", "password of ana"), "rate-limited", "wait")
		for range 5 { // at one's own device it works, and what is right does not count
			s.dialFrom("198.51.100.1", mine).must("account-login", login("ANA", "password of ana"))
		}
		// A known device that is stolen has few guesses too, and is known for its own account alone.
		for i := range 4 {
			r := s.dialFrom(fmt.Sprintf("198.51.100.%d", 20+i), mine).ask("account-login", login("ana", fmt.Sprint("guess number ", i)))
			if limited := r["code"] == "rate-limited"; limited != (i == 3) {
				t.Fatal(i, r)
			}
		}
		s.dialFrom("198.51.100.30", mine).refused("account-login", login("nobody", "guess number 1"), "rate-limited", "wait")
		// A cookie that somebody has put there makes nobody known.
		planted := s.browser()
		at, _ := url.Parse(s.url)
		planted.Jar.SetCookies(at, []*http.Cookie{{Name: "parley-device", Value: strings.Repeat("p", 43)}})
		planted.post("/api/session", reply{}, "Authorization", "Bearer "+who["token"].(string))
		for _, c := range planted.Jar.Cookies(at) {
			if c.Name == "parley-device" && c.Value == strings.Repeat("p", 43) {
				t.Fatal("a token that this server never made was taken")
			}
			if strings.Contains(dump(t, s, "devices"), c.Value) {
				t.Fatal("the token itself is in the database")
			}
		}
		s.sql(`UPDATE throttles SET tat = tat - 3600000000`) // an hour later
		s.dialFrom("198.51.100.9", nil).must("account-login", login("ana", "password of ana"))
	})
}

func TestANewDeviceIsToldOf(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		post := mailtest.Start(t, mailtest.Options{})
		s := startWithMail(t, o, post, "--trusted-proxies=127.0.0.1")
		ana := s.dialFrom("198.51.100.1", nil)
		who := ana.must("account-create", login("ana", "password of ana"))
		ana.must("email-change", reply{"address": "ana@mail.test"})
		ana.must("email-verify", reply{"token": post.Wait("ana@mail.test", 1).Link("verify")})
		mine := s.keep(who["token"])
		s.dialFrom("198.51.100.1", mine).must("account-login", login("ana", "password of ana"))
		s.dialFrom("203.0.113.7", nil).refused("account-login", login("ana", "wrong password"), "unauthenticated", "Wrong")
		thief := s.dialFrom("203.0.113.7", nil)
		stolen := thief.must("account-login", login("ana", "password of ana"))
		told := ana.heard("session-new", stolen["sessionId"].(string), "203.0.113.7", "Browser at")
		if n := ana.count("session-new"); n != 1 {
			t.Fatalf("told %d times: %s", n, told)
		}
		if l := post.Wait("ana@mail.test", 2); !strings.Contains(l.Text, "203.0.113.7") {
			t.Fatal(l.Text)
		}
		ana.must("session-revoke", reply{"sessionId": stolen["sessionId"]})
		thief.heard("session-ended")
		if thief.count("session-new") != 0 {
			t.Fatal("the new device was told of itself")
		}
		// A reset forgets all devices: whoever had the password may have made theirs known.
		ana.must("password-forgot", reply{"name": "ana"})
		s.dialFrom("198.51.100.1", nil).must("password-reset", reply{"token": post.Wait("ana@mail.test", 3).Link("reset"), "password": "another password"})
		if text := dump(t, s, "devices"); text != "" {
			t.Fatal(text)
		}
	})
}

func TestADeviceLetsAnotherIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL, "--public-url=https://chat.test")
		ana, who := s.account("ana")
		other := s.dial(reply{"token": who["token"]}) // the same session in another tab
		other.must("user-join", reply{})
		link := ana.must("device-link-create", reply{})
		token := link["token"].(string)
		if link["url"] != "https://chat.test/#device="+token || len(token) != 43 {
			t.Fatal(link)
		}
		phone, thief := s.dial(nil), s.dial(nil)
		thief.refused("device-link-claim", reply{"token": token[:42] + "x"}, "not-found", "over")
		claim := phone.must("device-link-claim", reply{"token": token})
		ana.heard("device-link-claimed", link["linkId"].(string))
		if ana.count(claim["code"].(string)) != 0 {
			t.Fatal("the code is told to who is to read it from the other device")
		}
		thief.refused("device-link-claim", reply{"token": token}, "not-found", "over") // who has photographed it comes too late
		if r := phone.refused("device-link-finish", reply{"claim": claim["claim"]}, "unavailable", "Confirm it"); r["retryAfter"] != 2.0 {
			t.Fatal(r)
		}
		thief.refused("device-link-finish", reply{"claim": token}, "not-found", "over")
		thief.refused("device-link-approve", reply{"linkId": link["linkId"], "code": claim["code"]}, "unauthenticated", "Not properly")
		eve, _ := s.account("eve")
		eve.refused("device-link-approve", reply{"linkId": link["linkId"], "code": claim["code"]}, "not-found", "over")
		second := s.dial(nil) // another session of Ana's cannot either
		second.must("account-login", login("ana", "password of ana"))
		second.refused("device-link-approve", reply{"linkId": link["linkId"], "code": claim["code"]}, "not-found", "over")
		ana.must("device-link-approve", reply{"linkId": link["linkId"], "code": claim["code"]})
		joined := phone.must("device-link-finish", reply{"claim": claim["claim"]})
		if joined["userId"] != who["userId"] || joined["sessionId"] == who["sessionId"] {
			t.Fatal(joined)
		}
		ana.heard("session-new", joined["sessionId"].(string))
		s.dial(nil).refused("device-link-finish", reply{"claim": claim["claim"]}, "not-found", "over") // once
		phone.refused("email-change", reply{"address": ""}, "unconfirmed", "Confirm")                  // it has proved nothing yet
		phone.refused("device-link-create", reply{}, "unconfirmed", "Confirm")
		if text := dump(t, s, "device_links"); strings.Contains(text, token) {
			t.Fatal(text)
		}

		// A wrong code ends the link: nobody guesses it, and who was made to scan another's link gets nothing.
		link = ana.must("device-link-create", reply{})
		claim = s.dial(nil).must("device-link-claim", reply{"token": link["token"]})
		wrong := map[bool]string{true: "000001", false: "000000"}[claim["code"] == "000000"]
		ana.refused("device-link-approve", reply{"linkId": link["linkId"], "code": wrong}, "forbidden", "another one")
		ana.refused("device-link-approve", reply{"linkId": link["linkId"], "code": claim["code"]}, "not-found", "over")

		// It is valid for a short time, one at a time, and not longer than the session that made it.
		link = ana.must("device-link-create", reply{})
		newer := ana.must("device-link-create", reply{})
		s.dial(nil).refused("device-link-claim", reply{"token": link["token"]}, "not-found", "over")
		late := s.dial(nil)
		claim = late.must("device-link-claim", reply{"token": newer["token"]})
		ana.must("device-link-approve", reply{"linkId": newer["linkId"], "code": claim["code"]})
		s.sql(`UPDATE device_links SET expires_at = $1`, time.Now().UnixMicro())
		late.refused("device-link-finish", reply{"claim": claim["claim"]}, "not-found", "over")
		link = ana.must("device-link-create", reply{})
		claim = late.must("device-link-claim", reply{"token": link["token"]})
		ana.must("device-link-approve", reply{"linkId": link["linkId"], "code": claim["code"]})
		ana.must("account-logout", reply{})
		late.refused("device-link-finish", reply{"claim": claim["claim"]}, "not-found", "over")
	})
}
