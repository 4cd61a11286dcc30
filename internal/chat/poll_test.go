package chat_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

func (f *fixture) poll(a chat.Actor, d chat.PollDraft) chat.Message {
	f.t.Helper()
	m, err := f.CreatePoll(f.t.Context(), a, d)
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// tally waits until a poll shows these votes.
func (f *fixture) tally(a chat.Actor, m chat.Message, want ...int) *chat.Poll {
	f.t.Helper()
	var got []int
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		now, err := f.Message(f.t.Context(), a, m.RoomID, m.ID)
		if err != nil {
			f.t.Fatal(err)
		}
		got = nil
		for _, o := range now.Poll.Options {
			got = append(got, o.Votes)
		}
		if slices.Equal(got, want) {
			return now.Poll
		}
	}
	f.t.Fatalf("it shows %v, want %v", got, want)
	return nil
}

func TestPolls(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana, ben, cleo := t.Context(), f.account("ana"), f.account("ben"), f.account("cleo")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Members: []string{ben.UserID, cleo.UserID}})
		old := f.snapshot(ben, room)
		d := chat.PollDraft{RoomID: room, ClientID: "p1", Question: "When?", Options: []string{"today", "tomorrow", "never"}}
		m := f.poll(ana, d)
		if again := f.poll(ana, d); again.ID != m.ID || len(again.Poll.Options) != 3 {
			t.Fatalf("%+v", again)
		}
		d.Options[2] = "later"
		if _, err := f.CreatePoll(ctx, ana, d); kindOf(err) != chat.Conflict {
			t.Fatalf("with other options: %v", err)
		}
		vote := func(a chat.Actor, want chat.Kind, choices ...int) {
			t.Helper()
			if _, err := f.Vote(ctx, a, room, m.ID, choices); kindOf(err) != want {
				t.Fatalf("%v: %v", choices, err)
			}
		}
		vote(ben, "", 0)
		vote(ben, "", 1) // they have thought better of it
		vote(cleo, "", 1)
		vote(cleo, chat.Invalid, 0, 1)
		vote(cleo, chat.Invalid, 3)
		vote(cleo, chat.Invalid, -1)
		vote(f.account("eve"), chat.NotFound, 1)
		p := f.tally(ana, m, 0, 2, 0)
		if p.Voters != 2 || !slices.Contains(p.Options[1].UserIDs, ben.UserID) {
			t.Fatalf("%+v", p)
		}
		if _, mine, err := f.OwnVotes(ctx, ben, room, m.ID); err != nil || !slices.Equal(mine, []int{1}) {
			t.Fatalf("%v, %v", mine, err)
		}
		vote(ben, "")
		f.tally(ana, m, 0, 1, 0)
		f.same(ben, room, old)
		if _, err := f.EditMessage(ctx, ana, room, m.ID, "Why?"); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if _, err := f.ClosePoll(ctx, ben, room, m.ID); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if got, err := f.ClosePoll(ctx, ana, room, m.ID); err != nil || got.Poll.ClosedAt == 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		vote(ben, chat.Forbidden, 0)
		f.finds(cleo, "tomorrow", "When?")
		f.same(ben, room, old)
		if got, err := f.DeleteMessage(ctx, ana, room, m.ID); err != nil || got.Poll != nil {
			t.Fatalf("%+v, %v", got, err)
		}
		vote(ben, chat.NotFound, 0)
		for name, d := range map[string]chat.PollDraft{
			"one option": {Options: []string{"a"}}, "many": {Options: strings.Split(strings.Repeat("a,", 21), ",")}, "twice": {Options: []string{"a", " a"}},
			"empty": {Options: []string{"a", ""}}, "over already": {Options: []string{"a", "b"}, ClosesAt: time.Now().Add(-time.Minute)},
		} {
			d.RoomID, d.Question = room, "?"
			if _, err := f.CreatePoll(ctx, ana, d); kindOf(err) != chat.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := f.Vote(ctx, ben, room, f.say(ana, room, "no poll").ID, []int{0}); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
	})
}

// Nothing that anybody is told, and nothing that is stored once it is closed, says who voted in an anonymous poll.
func TestAnonymousPolls(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana, ben, cleo := t.Context(), f.account("ana"), f.account("ben"), f.account("cleo")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Members: []string{ben.UserID, cleo.UserID}})
		start := f.snapshot(ana, room)
		m := f.poll(ana, chat.PollDraft{RoomID: room, Question: "Who?", Options: []string{"me", "you"}, Multiple: true, Anonymous: true})
		f.mu.Lock()
		before := len(f.events)
		f.mu.Unlock()
		for _, a := range []chat.Actor{ben, cleo} {
			if _, err := f.Vote(ctx, a, room, m.ID, []int{0, 1, 0}); err != nil {
				t.Fatal(err)
			}
		}
		f.tally(ana, m, 2, 2)
		if _, mine, err := f.OwnVotes(ctx, ben, room, m.ID); err != nil || !slices.Equal(mine, []int{0, 1}) {
			t.Fatalf("%v, %v", mine, err)
		}
		news, err := f.Sync(ctx, ana, chat.Position{RoomID: room, Seq: start.seq})
		if err != nil {
			t.Fatal(err)
		}
		stored := func() string {
			rows, err := f.db.Query(ctx, `SELECT voter FROM votes WHERE message_id = $1 UNION ALL SELECT data FROM log WHERE room_id = $2 AND data LIKE '%poll%'
				UNION ALL SELECT salt FROM polls WHERE message_id = $1`, m.ID, room)
			list, err := db.Scan(rows, err, scanText)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(list, "\n")
		}
		f.mu.Lock()
		told, _ := json.Marshal([]any{f.events[before:], news.Entries})
		f.mu.Unlock()
		for _, who := range []chat.Actor{ben, cleo} {
			if strings.Contains(string(told), who.UserID) || strings.Contains(stored(), who.UserID) {
				t.Fatalf("%s is told of: %s\n%s", who.Name, told, stored())
			}
		}
		if got, err := f.ClosePoll(ctx, ana, room, m.ID); err != nil || got.Poll.Voters != 2 || got.Poll.Options[0].Votes != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		if left := strings.Split(stored(), "\n"); len(left) != 2 || left[1] != "" { // the message, and no salt
			t.Fatalf("%q", left)
		}
		if _, mine, err := f.OwnVotes(ctx, ben, room, m.ID); err != nil || len(mine) != 0 {
			t.Fatalf("%v, %v", mine, err)
		}
	})
}

func TestPollsCloseByThemselves(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana := t.Context(), f.account("ana")
		d := chat.PollDraft{RoomID: chat.Lobby, ClientID: "quick", Question: "Quick?", Options: []string{"a", "b"}, Anonymous: true, ClosesAt: time.Now().Add(300 * time.Millisecond)}
		m := f.poll(ana, d)
		if _, err := f.Vote(ctx, ana, chat.Lobby, m.ID, []int{1}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			now, err := f.Message(ctx, ana, chat.Lobby, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			if now.Poll.ClosedAt != 0 {
				if now.Poll.Options[1].Votes != 1 {
					t.Fatalf("%+v", now.Poll)
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("it stays open")
			}
		}
		if _, err := f.Vote(ctx, ana, chat.Lobby, m.ID, []int{0}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if again := f.poll(ana, d); again.ID != m.ID { // a late retry
			t.Fatalf("%+v", again)
		}
	})
}

func TestForwarding(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		secret := f.room(ana, chat.RoomDraft{Name: "Very secret", Kind: chat.Private})
		open := f.room(ana, chat.RoomDraft{Name: "Open", Members: []string{ben.UserID}})
		hidden, seen := f.say(ana, secret, "a secret plan"), f.say(ana, chat.Lobby, "an open plan")
		pass := func(a chat.Actor, m chat.Message, text, client string) (chat.Message, error) {
			return f.ForwardMessage(ctx, a, chat.ForwardDraft{RoomID: m.RoomID, MessageID: m.ID, To: open, Text: text, ClientID: client})
		}
		one, err := pass(ana, hidden, "", "f1")
		if err != nil || one.Text != "" || one.Forward.Text != "a secret plan" || one.Forward.UserID != ana.UserID || one.Forward.RoomID != "" || one.Forward.MessageID != "" {
			t.Fatalf("%+v, %v", one.Forward, err)
		}
		data, _ := json.Marshal(one)
		if strings.Contains(string(data), secret) || strings.Contains(string(data), hidden.ID) || strings.Contains(string(data), "Very secret") {
			t.Fatalf("it tells where it is from: %s", data)
		}
		if again, err := pass(ana, hidden, "", "f1"); err != nil || again.ID != one.ID {
			t.Fatalf("%+v, %v", again, err)
		}
		if _, err := f.ForwardMessage(ctx, ana, chat.ForwardDraft{RoomID: secret, MessageID: hidden.ID}); kindOf(err) != chat.Invalid {
			t.Fatalf("without a room to go to: %v", err)
		}
		// A retry is answered also when the message has become another one meanwhile, or is gone.
		if _, err := f.EditMessage(ctx, ana, secret, hidden.ID, "another plan"); err != nil {
			t.Fatal(err)
		}
		if again, err := pass(ana, hidden, "", "f1"); err != nil || again.ID != one.ID || again.Forward.Text != "a secret plan" {
			t.Fatalf("%+v, %v", again, err)
		}
		if _, err := f.DeleteMessage(ctx, ana, secret, hidden.ID); err != nil {
			t.Fatal(err)
		}
		if again, err := pass(ana, hidden, "", "f1"); err != nil || again.ID != one.ID {
			t.Fatalf("%+v, %v", again, err)
		}
		if _, err := pass(ana, hidden, "with a word", "f1"); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
		if _, err := pass(ana, seen, "", "f1"); kindOf(err) != chat.Conflict {
			t.Fatalf("another message under the same client id: %v", err)
		}
		two, err := pass(ben, seen, "look", "f1")
		if err != nil || two.Text != "look" || two.Forward.RoomID != chat.Lobby || two.Forward.MessageID != seen.ID {
			t.Fatalf("%+v, %v", two.Forward, err)
		}
		if three, err := pass(ben, one, "", ""); err != nil || three.Forward.Text != "a secret plan" || three.Forward.UserID != ana.UserID || three.Forward.MessageID != "" {
			t.Fatalf("passed on again: %+v, %v", three.Forward, err)
		}
		if _, err := pass(ben, hidden, "", ""); kindOf(err) != chat.NotFound {
			t.Fatalf("what he may not read: %v", err)
		}
		if _, err := pass(ana, f.deleted(ana, open), "", ""); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
		if _, err := f.SendMessage(ctx, ana, chat.Draft{RoomID: open, Text: " "}); kindOf(err) != chat.Invalid {
			t.Fatalf("an empty message: %v", err)
		}
		if _, err := f.ForwardMessage(ctx, ben, chat.ForwardDraft{RoomID: chat.Lobby, MessageID: seen.ID, To: secret}); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
		f.finds(ben, "secret", "", "")
		page, err := f.History(ctx, ben, chat.HistoryQuery{RoomID: open})
		if err != nil || page.Messages[0].Forward == nil || page.Messages[0].Forward.Text != "a secret plan" {
			t.Fatalf("%+v, %v", page, err)
		}
	})
}

// Who may not read a message is told the same as if there were none.
func TestPermalinks(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Kind: chat.Private})
		m := f.say(ana, room, "here")
		reply := f.say(ana, f.thread(ana, room, m).ID, "there")
		if p, err := f.FindMessage(ctx, ana, m.ID); err != nil || p.Message.Text != "here" || p.Message.RoomID != room || p.ParentID != "" {
			t.Fatalf("%+v, %v", p, err)
		}
		if p, err := f.FindMessage(ctx, ana, reply.ID); err != nil || p.ParentID != room || p.RootID != m.ID {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, id := range []string{m.ID, reply.ID, "none", ""} {
			if _, err := f.FindMessage(ctx, ben, id); kindOf(err) != chat.NotFound || err.Error() != "No such message" {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}

const square = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func TestEmoji(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := openWith(t, o, chat.Limits{Emojis: 2})
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben") // ana is the owner
		m := f.say(ana, chat.Lobby, "hello")
		if _, err := f.React(ctx, ben, chat.Lobby, m.ID, ":gopher:", true); kindOf(err) != chat.Invalid {
			t.Fatal(err)
		}
		if _, err := f.AddEmoji(ctx, ben, "gopher", square); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		for name, picture := range map[string]string{"x": square, "UPPER": square, "a b": square, "none": "", "svg": "data:image/svg+xml;base64,PHN2Zy8+"} {
			if _, err := f.AddEmoji(ctx, ana, name, picture); kindOf(err) != chat.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		for i, name := range []string{"gopher", "party-parrot", "three"} {
			if _, err := f.AddEmoji(ctx, ana, name, square); kindOf(err) != map[bool]chat.Kind{true: chat.TooLarge}[i == 2] {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if _, err := f.React(ctx, ben, chat.Lobby, m.ID, ":gopher:", true); err != nil {
			t.Fatal(err)
		}
		stale, err := f.EmojiSince(ctx, 0)
		if err != nil || len(stale) != 2 {
			t.Fatalf("%+v, %v", stale, err)
		}
		if _, err := f.AddEmoji(ctx, ana, "gopher", square); kindOf(err) != chat.Conflict && kindOf(err) != chat.TooLarge {
			t.Fatal(err)
		}
		if _, err := f.RemoveEmoji(ctx, ben, "gopher"); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if _, err := f.RemoveEmoji(ctx, ana, "gopher"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.AddEmoji(ctx, ana, "three", square); err != nil {
			t.Fatal(err)
		}
		// A stale list and what has changed since, or was told since, are a fresh list.
		fresh, _ := f.EmojiSince(ctx, 0)
		asked, live := map[string]string{}, map[string]string{}
		for _, e := range stale {
			asked[e.Name], live[e.Name] = e.Picture, e.Picture
		}
		apply := func(to map[string]string, e chat.Emoji) {
			if to[e.Name] = e.Picture; e.Picture == "" {
				delete(to, e.Name)
			}
		}
		last := stale[len(stale)-1].Version
		news, _ := f.EmojiSince(ctx, last)
		for _, e := range news {
			apply(asked, e)
		}
		f.mu.Lock()
		for _, e := range f.events {
			if e.Emoji != nil && e.Emoji.Version > last {
				apply(live, *e.Emoji)
			}
		}
		f.mu.Unlock()
		want := map[string]string{}
		for _, e := range fresh {
			want[e.Name] = e.Picture
		}
		if len(want) != 2 || fmt.Sprint(asked) != fmt.Sprint(want) || fmt.Sprint(live) != fmt.Sprint(want) {
			t.Fatalf("fresh %v, asked %v, live %v", want, asked, live)
		}
		if _, err := f.React(ctx, ana, chat.Lobby, m.ID, ":gopher:", true); kindOf(err) != chat.Invalid {
			t.Fatal(err)
		}
		if now, err := f.React(ctx, ben, chat.Lobby, m.ID, ":gopher:", false); err != nil || len(now.Reactions) != 0 { // one can take it back
			t.Fatalf("%+v, %v", now, err)
		}
	})
}
