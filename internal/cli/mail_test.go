package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/mail/mailtest"
)

func startWithMail(t *testing.T, o db.Options, post *mailtest.Server, more ...string) *server {
	t.Helper()
	args := []string{
		"--rate-limit=off", "--smtp-host=127.0.0.1", fmt.Sprint("--smtp-port=", post.Port), "--smtp-security=none",
		"--public-url=https://chat.test", "--database-url=" + o.URL,
	}
	return start(t, append(args, more...)...)
}

// open opens the server's database beside it.
func (s *server) open() *db.DB {
	s.t.Helper()
	var o db.Options
	for _, a := range s.args { // the last one counts
		if url, ok := strings.CutPrefix(a, "--database-url="); ok {
			o.URL = url
		}
		if dir, ok := strings.CutPrefix(a, "--data="); ok {
			o.Dir = dir
		}
	}
	d, err := db.Open(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// sql changes what is in the database.
func (s *server) sql(text string, args ...any) {
	s.t.Helper()
	d := s.open()
	defer func() { _ = d.Close() }()
	err := d.Tx(s.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(s.t.Context(), text, args...)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// hurry lets jobs of a kind be due now.
func (s *server) hurry(kind string) {
	s.t.Helper()
	s.sql(`UPDATE jobs SET run_at = 0 WHERE kind = $1`, kind)
}

// dump is all that is in a table.
func dump(t *testing.T, s *server, table string) string {
	t.Helper()
	d := s.open()
	defer func() { _ = d.Close() }()
	rows, err := d.Pool().QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, _ := rows.Columns()
	var b strings.Builder
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", row)
	}
	return b.String()
}

// withMail makes an account whose password is "password of NAME", and its address if one is given.
func (s *server) withMail(name string, post *mailtest.Server, address string) *person {
	s.t.Helper()
	p := s.dial(nil)
	p.must("account-create", reply{"name": name, "password": "password of " + name})
	if address != "" {
		p.must("email-change", reply{"address": address})
		p.must("email-verify", reply{"token": post.Wait(address, 1).Link("verify")})
	}
	return p
}

func TestAnAddressIsVerifiedByItsAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		post := mailtest.Start(t, mailtest.Options{})
		s := startWithMail(t, o, post)
		ana, eve := s.withMail("ana", post, ""), s.withMail("eve", post, "")
		for _, bad := range []string{"ana", "ana@", "a b@mail.test", "ana@mail.test\r\nBcc: eve@mail.test", "ana@mail.test, eve@mail.test", `"x"@mail.test`, "аna@mail.test", strings.Repeat("x", 65) + "@mail.test"} {
			ana.refused("email-change", reply{"address": bad}, "invalid", "no e-mail address")
		}
		// Eve enters Ana's address. Ana follows the link: it must not become Eve's by it.
		eve.must("email-change", reply{"address": "ana@mail.test"})
		theirs := post.Wait("ana@mail.test", 1)
		if !strings.Contains(theirs.Text, "account eve on chat.test") {
			t.Fatal(theirs.Text)
		}
		ana.refused("email-verify", reply{"token": theirs.Link("verify")}, "not-found", "over")
		ana.must("email-change", reply{"address": " Ana@Mail.test "})
		mine := post.Wait("ana@mail.test", 2).Link("verify")
		eve.refused("email-verify", reply{"token": mine}, "not-found", "over")
		if r := ana.must("email-verify", reply{"token": mine}); r["email"] != "ana@mail.test" {
			t.Fatal(r)
		}
		ana.refused("email-verify", reply{"token": mine}, "not-found", "over") // once
		// Whose address it is, is told only to who reads it.
		eve.must("email-change", reply{"address": "ana@mail.test"})
		if l := post.Wait("ana@mail.test", 3); l.Link("verify") != "" || !strings.Contains(l.Text, "belongs to your account") {
			t.Fatal(l.Text)
		}
		eve.refused("email-verify", reply{"token": theirs.Link("verify")}, "conflict", "Another account")
		if r := eve.must("account-security", reply{}); r["email"] != nil {
			t.Fatal(r)
		}
		// Another address: the old one is told.
		ana.must("email-change", reply{"address": "ana2@mail.test"})
		ana.must("email-verify", reply{"token": post.Wait("ana2@mail.test", 1).Link("verify")})
		if l := post.Wait("ana@mail.test", 4); !strings.Contains(l.Text, "was changed to another one") {
			t.Fatal(l.Text)
		}
		ana.must("email-change", reply{"address": ""})
		if r := ana.must("account-security", reply{}); r["email"] != nil {
			t.Fatal(r)
		}
	})
}

func TestAForgottenPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		post := mailtest.Start(t, mailtest.Options{})
		s := startWithMail(t, o, post)
		ana := s.withMail("ana", post, "ana@mail.test")
		s.withMail("ben", post, "")
		stranger := s.dial(nil)
		known := stranger.must("password-forgot", reply{"name": "ana"})
		for _, name := range []string{"nobody", "ben", "nobody@mail.test"} { // the same answer, and no letter
			if r := stranger.must("password-forgot", reply{"name": name}); fmt.Sprint(r) != fmt.Sprint(known) {
				t.Fatal(r, known)
			}
		}
		first := post.Wait("ana@mail.test", 2).Link("reset")
		if text := post.Wait("ana@mail.test", 2).Text; !strings.Contains(text, " https://chat.test/#reset=") && !strings.Contains(text, "\nhttps://chat.test/#reset=") || len(first) != 43 {
			t.Fatal(text)
		}
		stranger.must("password-forgot", reply{"name": "ANA@mail.test"})
		second := post.Wait("ana@mail.test", 3).Link("reset")
		stranger.refused("password-reset", reply{"token": first, "password": "short"}, "invalid", "at least 8")
		stranger.refused("password-reset", reply{"token": first[:42] + "x", "password": "another password"}, "not-found", "over")
		stranger.must("password-reset", reply{"token": first, "password": "another password"}) // a password that was refused cost nothing
		ana.heard("session-ended")
		for _, token := range []string{first, second} { // with one, all are used up
			stranger.refused("password-reset", reply{"token": token, "password": "a third password"}, "not-found", "over")
		}
		stranger.refused("account-login", reply{"name": "ana", "password": "password of ana"}, "unauthenticated", "Wrong")
		stranger.must("account-login", reply{"name": "ana", "password": "another password"})
		if l := post.Wait("ana@mail.test", 4); !strings.Contains(l.Text, "was reset") {
			t.Fatal(l.Text)
		}
		if n := len(post.Letters("ben@mail.test")); n != 0 {
			t.Fatal(n)
		}
		for _, table := range []string{"jobs", "account_tokens"} { // no token is anywhere but in the letters
			if text := dump(t, s, table); strings.Contains(text, first) || strings.Contains(text, second) {
				t.Fatal(text)
			}
		}
		// A change of the address makes links worthless that the old one got.
		two := s.dial(nil)
		two.must("account-login", reply{"name": "ana", "password": "another password"})
		two.must("password-forgot", reply{"name": "ana"})
		third := post.Wait("ana@mail.test", 5).Link("reset")
		two.must("email-change", reply{"address": ""})
		s.dial(nil).refused("password-reset", reply{"token": third, "password": "a third password"}, "not-found", "over")
	})
}

// A letter is not lost while the mail server is away, nor by a restart of ours, and comes once.
func TestTheMailServerIsDown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		post := mailtest.Start(t, mailtest.Options{})
		data := "--data=" + t.TempDir()
		s := startWithMail(t, o, post, data)
		ana := s.withMail("ana", post, "")
		post.Down()
		answer := ana.must("invite-create", reply{"email": "ben@mail.test"})
		if answer["token"] != nil {
			t.Fatal("the inviter got the token too", answer)
		}
		time.Sleep(1500 * time.Millisecond) // the first attempt fails
		s.stop()
		if !strings.Contains(s.log.String(), "job failed") {
			t.Fatal(s.log)
		}
		s = startWithMail(t, o, post, data)
		post.Up()
		l := post.Wait("ben@mail.test", 1)
		if !strings.Contains(l.Header.Get("Subject"), "ana invites you to chat.test") {
			t.Fatal(l.Raw)
		}
		ben := s.dial(nil)
		ben.must("account-create", reply{"name": "ben", "password": "password of ben", "invitation": l.Link("invite")})
		time.Sleep(2 * time.Second)
		if n := len(post.Letters("ben@mail.test")); n != 1 {
			t.Fatalf("%d letters", n)
		}
	})
}

func TestTheDigestTellsWhatOneMayStillRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		post := mailtest.Start(t, mailtest.Options{})
		s := startWithMail(t, o, post)
		ana, ben := s.withMail("ana", post, ""), s.withMail("ben", post, "ben@mail.test")
		ben.refused("email-digest", reply{"every": "hourly"}, "invalid", "every")
		ana.refused("email-digest", reply{"every": "daily"}, "conflict", "Verify")
		ben.must("email-digest", reply{"every": "weekly"})
		if r := ben.must("email-digest", reply{"every": "daily"}); r["digest"] != "daily" {
			t.Fatal(r)
		}
		me := ben.must("person-get", reply{"userId": ben.must("user-join", reply{"username": "Ben"})["userId"]})["person"].(map[string]any)["userId"]
		room := func(name string) any {
			return ana.must("room-create", reply{"name": name, "kind": "private", "members": []any{me}})["roomId"]
		}
		kept, lost, seen := room("Kept"), room("Lost"), room("Seen")
		ana.must("chat-message", reply{"roomId": kept, "text": "hello @ben <b>bold</b>"})
		ana.must("chat-message", reply{"roomId": lost, "text": "a secret for members"})
		gone := ana.must("chat-message", reply{"roomId": kept, "text": "regretted"})
		ana.must("message-delete", reply{"roomId": kept, "messageId": gone["messageId"]})
		last := ana.must("chat-message", reply{"roomId": seen, "text": "already read"})
		ben.must("room-read", reply{"roomId": seen, "seq": last["seq"]})
		ana.must("member-kick", reply{"roomId": lost, "userId": me})
		s.hurry("mail-digest")
		l := post.Wait("ben@mail.test", 2)
		if !strings.Contains(l.Text, "hello @ben <b>bold</b>") || !strings.Contains(l.Text, "1 to you") || !strings.Contains(l.HTML, "&lt;b&gt;bold") {
			t.Fatal(l.Text, l.HTML)
		}
		for _, not := range []string{"secret", "Lost", "regretted", "already read", "Seen"} {
			if strings.Contains(l.Raw, not) {
				t.Errorf("the digest has %q: %s", not, l.Text)
			}
		}
		time.Sleep(200 * time.Millisecond)
		s.hurry("mail-digest") // the next one waits, and there is nothing new to tell
		time.Sleep(1500 * time.Millisecond)
		if n := len(post.Letters("ben@mail.test")); n != 2 {
			t.Fatalf("%d letters", n)
		}
		if text := dump(t, s, "jobs"); !strings.Contains(text, "mail-digest") {
			t.Fatal("no next digest waits", text)
		}
		ben.must("email-digest", reply{"every": "off"})
		if text := dump(t, s, "jobs"); strings.Contains(text, "mail-digest") {
			t.Fatal("a digest waits that nobody wants", text)
		}
	})
}

// What is muted, switched off, of somebody ignored, or to nobody in particular, is in no letter; what calls is, in plain words.
func TestTheDigestHonoursWhatOneWantsToHear(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		post := mailtest.Start(t, mailtest.Options{})
		s := startWithMail(t, o, post)
		ana, ben := s.withMail("ana", post, ""), s.withMail("ben", post, "ben@mail.test")
		eve, eveIs := s.account("eve")
		me := ben.must("user-join", reply{"username": "Ben"})["userId"]
		room := func(name string) any {
			return ana.must("room-create", reply{"name": name, "kind": "private", "members": []any{me, eveIs["userId"]}})["roomId"]
		}
		say := func(p *person, room any, text string) { p.must("chat-message", reply{"roomId": room, "text": text}) }
		muted, off, all, called := room("Muted"), room("Off"), room("All"), room("Called")
		ben.must("room-notify", reply{"roomId": muted, "level": "all", "mutedUntil": time.Now().Add(time.Hour)})
		ben.must("room-notify", reply{"roomId": off, "level": "none"})
		ben.must("room-notify", reply{"roomId": all, "level": "all"})
		ben.must("notify-set", reply{"keywords": []any{"parley"}, "quietFrom": "00:00", "quietTo": "23:59"})
		ben.must("person-block", reply{"userId": eveIs["userId"], "ignore": true})
		ben.must("email-digest", reply{"every": "daily"})
		say(ana, muted, "while it is muted")
		say(ana, off, "@ben although it is off")
		say(ana, all, "to *all* of us ||but hidden||")
		say(ana, called, "to nobody in particular")
		say(ana, called, "about Parley itself")
		say(eve, called, "@ben from somebody ignored")
		say(eve, called, "@ben about parley again")
		s.hurry("mail-digest")
		l := post.Wait("ben@mail.test", 2)
		for _, wanted := range []string{"to all of us █████", "about Parley itself"} {
			if !strings.Contains(l.Text, wanted) {
				t.Errorf("%q is missing: %s", wanted, l.Text)
			}
		}
		for _, not := range []string{"muted", "Muted", "Off", "although", "hidden", "nobody", "ignored", "again"} {
			if strings.Contains(l.Text, not) {
				t.Errorf("the digest has %q: %s", not, l.Text)
			}
		}
	})
}

// What changes who gets into an account is asked for again.
func TestSensitiveChangesNeedAProof(t *testing.T) {
	post := mailtest.Start(t, mailtest.Options{})
	s := startWithMail(t, db.Options{}, post)
	ana := s.withMail("ana", post, "")
	s.sql(`UPDATE sessions SET confirmed_at = 0`)
	ana.refused("email-change", reply{"address": "ana@mail.test"}, "unconfirmed", "Confirm")
	ana.refused("email-change", reply{"address": ""}, "unconfirmed", "Confirm")
	ana.refused("account-confirm", reply{"password": "wrong password"}, "forbidden", "Wrong")
	ana.refused("email-change", reply{"address": "ana@mail.test"}, "unconfirmed", "Confirm")
	ana.must("account-confirm", reply{"password": "password of ana"})
	ana.must("email-change", reply{"address": "ana@mail.test"})
	// Where there is no mail, nobody waits for it.
	quiet := start(t, "--rate-limit=off")
	ben := quiet.withMail("ben", nil, "")
	ben.refused("email-change", reply{"address": "ben@mail.test"}, "forbidden", "no mail")
	ben.refused("password-forgot", reply{"name": "ben"}, "forbidden", "no mail")
	ben.refused("invite-create", reply{"email": "x@mail.test"}, "forbidden", "no mail")
}

func TestLettersAreLimited(t *testing.T) {
	post := mailtest.Start(t, mailtest.Options{})
	s := startWithMail(t, db.Options{}, post, "--rate-limit=30/m", "--sign-in-limit=1000/s", "--letter-limit=3/h")
	stranger := s.dial(nil)
	for _, name := range []string{"ana", "nobody"} {
		for i := range 4 {
			r := stranger.ask("password-forgot", reply{"name": name})
			if limited := r["code"] == "rate-limited"; limited != (i == 3) || limited && r["retryAfter"].(float64) < 60 {
				t.Fatalf("%s, attempt %d: %v", name, i+1, r)
			}
		}
	}
}
