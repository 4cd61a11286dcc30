package cli

import (
	"archive/zip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

func TestSigningInWithMoreThanAPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--public-url=https://chat.test", "--database-url="+o.URL)
		ana, is := s.account("ana")
		code := func(secret any, periods int) string {
			c, err := totp.GenerateCode(secret.(string), time.Now().Add(time.Duration(periods)*30*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		secret := ana.must("totp-begin", reply{})["secret"]
		ana.refused("totp-enable", reply{"code": "000000"}, "unauthenticated", "code")
		recovery := ana.must("totp-enable", reply{"code": code(secret, 0)})["recoveryCodes"].([]any)
		login := reply{"name": "ana", "password": "password of ana"}
		s.dial(nil).refused("account-login", login, "second-factor", "")
		with := func(proof string, value any) reply {
			return reply{"name": "ana", "password": "password of ana", proof: value}
		}
		if again := s.dial(nil).must("account-login", with("code", code(secret, 1))); again["userId"] != is["userId"] {
			t.Fatalf("%v", again)
		}
		s.dial(nil).must("account-login", with("code", recovery[0]))
		s.dial(nil).refused("account-login", with("code", recovery[0]), "unauthenticated", "")

		// A passkey signs in alone.
		party := virtualwebauthn.RelyingParty{ID: "chat.test", Name: "chat.test", Origin: "https://chat.test"}
		phone, key := virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		phone.Options.UserHandle = []byte(is["userId"].(string))
		wrapped := func(options any) string {
			data, err := json.Marshal(map[string]any{"publicKey": options})
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		adding, err := virtualwebauthn.ParseAttestationOptions(wrapped(ana.must("passkey-begin", reply{})["options"]))
		if err != nil {
			t.Fatal(err)
		}
		made := virtualwebauthn.CreateAttestationResponse(party, phone, key, *adding)
		if keys := ana.must("passkey-add", reply{"passkey": json.RawMessage(made), "name": "Phone"})["passkeys"].([]any); len(keys) != 1 {
			t.Fatalf("%v", keys)
		}
		phone.AddCredential(key)
		answer := func(p *person) json.RawMessage {
			asked, err := virtualwebauthn.ParseAssertionOptions(wrapped(p.must("passkey-challenge", reply{})["options"]))
			if err != nil {
				t.Fatal(err)
			}
			key.Counter++
			return json.RawMessage(virtualwebauthn.CreateAssertionResponse(party, phone, key, *asked))
		}
		tablet, other := s.dial(nil), s.dial(nil)
		signed := answer(tablet)
		other.refused("passkey-login", reply{"passkey": signed}, "unauthenticated", "") // it was asked on another connection
		if in := tablet.must("passkey-login", reply{"passkey": signed}); in["userId"] != is["userId"] {
			t.Fatalf("%v", in)
		}
	})
}

func TestWhatCountsLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL)
		ana, anaIs := s.account("ana")
		ben, _ := s.account("ben")
		say := func(text string) { ana.must("chat-message", reply{"text": text}) }
		badge := func(want float64, when string) {
			t.Helper()
			if r := ben.must("room-get", reply{"roomId": "general"})["room"].(map[string]any); r["badge"] != want {
				t.Fatalf("%s: %v, want %v", when, r["badge"], want)
			}
		}
		say("to nobody in particular")
		badge(0, "by default only what addresses one counts")
		say("look, @ben")
		badge(1, "a mention")
		ben.must("room-notify", reply{"level": "all"})
		badge(2, "all of it")
		ben.must("room-notify", reply{"mutedUntil": time.Now().Add(time.Hour)})
		badge(1, "muted: only what addresses one")
		ben.must("room-notify", reply{"level": "none", "mutedUntil": ""})
		badge(0, "nothing")
		ben.must("room-notify", reply{"level": "", "favourite": true})
		ben.must("notify-set", reply{"level": "all", "keywords": []any{"parley"}})
		badge(2, "the person's own default")
		ben.refused("notify-set", reply{"keywords": []any{"x"}}, "invalid", "two characters")
		ben.refused("notify-set", reply{"quietFrom": "25:00", "quietTo": "07:00"}, "invalid", "22:00")
		ben.must("profile-update", reply{"presence": "dnd"})
		ana.heard("user-updated", `"presence":"dnd"`)

		// Who may write to whom.
		ana.must("privacy-set", reply{"directFrom": "nobody"})
		ben.refused("direct-open", reply{"userIds": []any{anaIs["userId"]}}, "forbidden", "")
		ana.must("privacy-set", reply{"directFrom": "everybody"})
		direct := ben.must("direct-open", reply{"userIds": []any{anaIs["userId"]}})["roomId"]
		ben.must("chat-message", reply{"roomId": direct, "text": "hello"})
		benID := ben.must("user-join", reply{"username": "Ben"})["userId"]
		ana.must("person-block", reply{"userId": benID})
		ben.refused("chat-message", reply{"roomId": direct, "text": "hello?"}, "forbidden", "no direct messages")
		ben.refused("room-create", reply{"name": "Come", "members": []any{anaIs["userId"]}}, "forbidden", "")
		ana.must("person-block", reply{"userId": benID, "on": false})
		ben.must("chat-message", reply{"roomId": direct, "text": "hello!"})
		cleo, cleoIs := s.account("cleo")
		ben.must("privacy-set", reply{"directFrom": "shared"})
		cleo.refused("direct-open", reply{"userIds": []any{benID}}, "forbidden", "no direct messages")
		ben.must("room-create", reply{"name": "Ours", "members": []any{cleoIs["userId"]}})
		cleo.must("direct-open", reply{"userIds": []any{benID}})
	})
}

// Markup is not searched for, what it marks is; and what stands in code calls nobody.
func TestMarkdownLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL)
		ana, _ := s.account("ana")
		ben, _ := s.account("ben")
		text := "# Plan\n\n**bold**ly ~~never~~ ||hidden|| [words](https://a.test/target) `@ben`\n\n| a | b |\n|---|---|\n| cell | 1 |\n\n- [x] done\n\n```go\nfunc main() {}\n```"
		sent := ana.must("chat-message", reply{"text": text})
		ben.heard("new-message", sent["messageId"].(string))
		if r := ben.must("room-get", reply{"roomId": "general"})["room"].(map[string]any); r["mentions"] != 0.0 {
			t.Fatalf("a mention in code: %v", r)
		}
		found := func(query string) bool {
			for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if hits := ben.must("search", reply{"query": query})["hits"].([]any); len(hits) == 1 {
					return hits[0].(map[string]any)["message"].(map[string]any)["text"] == text
				}
			}
			return false
		}
		for _, query := range []string{"boldly", "never", "hidden", "words", "cell", "main"} {
			if !found(query) {
				t.Errorf("%q is not found", query)
			}
		}
	})
}

// archive writes a ZIP file.
func archive(t *testing.T, entries map[string]string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "archive.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for entry, text := range entries {
		w, err := z.Create(entry)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// What other systems had is brought in beside a running server, by the people whom it is about seen as it was, and goes out again, with all
// that was said here.
func TestImportsAndExportsLive(t *testing.T) {
	for system, tc := range map[string]struct {
		entries map[string]string
		counts  string
	}{
		"slack": {map[string]string{
			"users.json":            `[{"id":"U1","name":"cleo","profile":{"real_name":"Cleo"}},{"id":"U2","name":"dora","profile":{}}]`,
			"channels.json":         `[{"id":"C1","name":"plans","creator":"U1","members":["U1","U2"]}]`,
			"plans/2026-01-01.json": `[{"type":"message","user":"U1","text":"*old* plans","ts":"1767225601.000200","thread_ts":"1767225601.000200","reactions":[{"name":"thumbsup","users":["U2"]}]},{"type":"message","user":"U2","text":"an answer","ts":"1767225602.000300","thread_ts":"1767225601.000200"}]`,
		}, "people 2, rooms 1, threads 1, messages 2, reactions 1, files 0; here already: 0 messages"},
		"mattermost": {map[string]string{"import.jsonl": `{"type":"version","version":1}
{"type":"team","team":{"name":"t","display_name":"T"}}
{"type":"channel","channel":{"team":"t","name":"plans","display_name":"plans","type":"P"}}
{"type":"user","user":{"username":"cleo","email":"cleo@a.test","teams":[{"name":"t","channels":[{"name":"plans"}]}]}}
{"type":"user","user":{"username":"dora","email":"dora@a.test","teams":[{"name":"t","channels":[{"name":"plans"}]}]}}
{"type":"post","post":{"team":"t","channel":"plans","user":"cleo","message":"**old** plans","create_at":1767225600123,"reactions":[{"user":"dora","emoji_name":"+1"}],"replies":[{"user":"dora","message":"an answer","create_at":1767225602000}]}}
`}, "people 2, rooms 1, threads 1, messages 2, reactions 1, files 0; here already: 0 messages"},
	} {
		t.Run(system, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, o db.Options) {
				dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
				s := start(t, "--rate-limit=off", "--database-url="+o.URL, "--data="+dir)
				ana, _ := s.account("ana")
				where := []string{"--database-url=" + o.URL, "--data=" + dir}
				name := archive(t, tc.entries)
				if got := cli(t, 0, append([]string{"import", system, name}, where...)...); !strings.HasPrefix(got, tc.counts) {
					t.Fatal(got)
				}
				if got := cli(t, 0, append([]string{"import", system, name}, where...)...); !strings.Contains(got, "messages 0, reactions 0, files 0; here already: 2 messages") {
					t.Fatal(got)
				}
				password := regexp.MustCompile(`password: (\S+)`).FindStringSubmatch(cli(t, 0, append([]string{"admin", "set-password", "cleo"}, where...)...))
				cleo := s.dial(nil)
				cleo.must("account-login", reply{"name": "cleo", "password": password[1]})
				room := ""
				for _, r := range cleo.must("room-list", reply{})["rooms"].([]any) {
					if r := r.(map[string]any); r["name"] == "plans" {
						room = r["roomId"].(string)
					}
				}
				history := cleo.must("room-history", reply{"roomId": room})["messages"].([]any)
				m := history[0].(map[string]any)
				if len(history) != 1 || m["text"] != "**old** plans" || len(m["reactions"].([]any)) != 1 {
					t.Fatalf("%v", history)
				}
				thread := cleo.must("thread-open", reply{"roomId": room, "messageId": m["id"]})["roomId"]
				if replies := cleo.must("room-history", reply{"roomId": thread})["messages"].([]any); len(replies) != 1 || replies[0].(map[string]any)["text"] != "an answer" {
					t.Fatalf("%v", replies)
				}

				// Out again, with what is only here.
				poll := cleo.must("poll-create", reply{"roomId": room, "question": "Go on?", "options": []any{"yes", "no"}})
				secret := cleo.must("poll-create", reply{"roomId": room, "question": "Really?", "options": []any{"yes", "no"}, "anonymous": true})
				for _, id := range []any{poll["messageId"], secret["messageId"]} {
					cleo.must("poll-vote", reply{"roomId": room, "messageId": id, "choices": []any{0}})
				}
				hour := time.Now().Add(time.Hour)
				cleo.must("message-schedule", reply{"roomId": room, "text": "canary for later", "at": hour})
				cleo.must("reminder-set", reply{"text": "canary to remember", "at": hour})
				ana.must("emoji-add", reply{"name": "gopher", "picture": tinyPicture})
				ana.must("reminder-set", reply{"text": "what is ana's", "at": hour})
				all := cli(t, 0, append([]string{"export", out}, where...)...)
				theirs := cli(t, 0, append([]string{"export", out + "-cleo", "--person=cleo"}, where...)...)
				for table, rows := range map[string][2]string{"polls": {"2", "2"}, "votes": {"2", "1"}, "emojis": {"1", "0"}, "personal": {"3", "2"}, "avatars": {"1", "0"}} {
					for i, printed := range []string{all, theirs} {
						if !regexp.MustCompile(`(?m)^` + table + ` +` + rows[i] + ` rows$`).MatchString(printed) {
							t.Errorf("%s: %s rows are not in\n%s", table, rows[i], printed)
						}
					}
				}
				read := func(dir, table string) string {
					data, err := os.ReadFile(filepath.Join(dir, table+".jsonl"))
					if err != nil {
						t.Fatal(err)
					}
					return string(data)
				}
				if text := read(out+"-cleo", "personal"); !strings.Contains(text, "canary for later") || !strings.Contains(text, "canary to remember") || strings.Contains(text, "ana's") {
					t.Error(text)
				}
				if text := read(out, "polls"); strings.Contains(text, "salt") {
					t.Error(text)
				}
			})
		})
	}
}

// A person's package from Discord is brought in beside a running server: what they wrote, in rooms that are theirs alone, in its order.
func TestADiscordPackageLive(t *testing.T) {
	name := archive(t, map[string]string{
		"Account/user.json":         `{"id":"7","username":"cleo","global_name":"Cleo","email":"cleo@a.test"}`,
		"Messages/c1/channel.json":  `{"id":"1","type":"GUILD_TEXT","name":"lounge","guild":{"id":"9","name":"Club"}}`,
		"Messages/c1/messages.json": `[{"ID":12,"Timestamp":"2026-01-01 00:00:02","Contents":"**later** <:Party:123>","Attachments":"https://cdn.test/b.png?ex=1"},{"ID":11,"Timestamp":"2026-01-01 00:00:01","Contents":"first","Attachments":""}]`,
		"Messages/c2/channel.json":  `{"id":"2","type":1,"recipients":["7","8"]}`,
		"Messages/c2/messages.csv":  "ID,Timestamp,Contents,Attachments\n21,2026-01-01 00:00:03.120000+00:00,\"psst, you\",\n22,nonsense,x,\n",
	})
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		dir := t.TempDir()
		s := start(t, "--rate-limit=off", "--database-url="+o.URL, "--data="+dir)
		ana, _ := s.account("ana")
		where := []string{"--database-url=" + o.URL, "--data=" + dir}
		got := cli(t, 0, append([]string{"import", "discord", name}, where...)...)
		want := "people 1, rooms 2, threads 0, messages 3, reactions 0, files 1; here already: 0 messages\nleft out: bytes of a file 1\nleft out: malformed 1\n"
		if got != want {
			t.Fatal(got)
		}
		t.Log(got)
		if got := cli(t, 0, append([]string{"import", "discord", name}, where...)...); !strings.HasPrefix(got, "people 0, rooms 0, threads 0, messages 0, reactions 0, files 0; here already: 3 messages") {
			t.Fatal(got)
		}
		password := regexp.MustCompile(`password: (\S+)`).FindStringSubmatch(cli(t, 0, append([]string{"admin", "set-password", "cleo"}, where...)...))
		cleo := s.dial(nil)
		cleo.must("account-login", reply{"name": "cleo", "password": password[1]})
		texts := map[string][]any{}
		for _, r := range cleo.must("room-list", reply{})["rooms"].([]any) {
			r := r.(map[string]any)
			if r["roomId"] == "general" {
				continue
			}
			if r["kind"] != "private" || r["unread"] != 0.0 {
				t.Errorf("%v", r)
			}
			for _, m := range cleo.must("room-history", reply{"roomId": r["roomId"]})["messages"].([]any) {
				texts[r["name"].(string)] = append(texts[r["name"].(string)], m.(map[string]any)["text"], m.(map[string]any)["timestamp"])
			}
			ana.refused("room-history", reply{"roomId": r["roomId"]}, "not-found", "No such room")
		}
		for room, want := range map[string][]any{
			"lounge":    {"first", "2026-01-01T00:00:01.000Z", "**later** :party:\n📎 b.png", "2026-01-01T00:00:02.000Z"},
			"Discord 2": {"psst, you", "2026-01-01T00:00:03.120Z"},
		} {
			if diff := cmp.Diff(want, texts[room]); diff != "" {
				t.Error(room, diff)
			}
		}
	})
}
