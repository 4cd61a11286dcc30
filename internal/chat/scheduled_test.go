package chat_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

func scanText(rows *sql.Rows, s *string) error { return rows.Scan(s) }

// until waits for something, for as long as what is due may take.
func (f *fixture) until(what string, is func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("never: " + what)
		}
	}
}

func (f *fixture) texts(a chat.Actor, room string) (out []string) {
	f.t.Helper()
	page, err := f.History(f.t.Context(), a, chat.HistoryQuery{RoomID: room, Limit: 300})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range page.Messages {
		out = append(out, m.Text)
	}
	return out
}

func (f *fixture) mine(a chat.Actor, kind chat.PersonalKind) (out []chat.Personal) {
	f.t.Helper()
	for _, p := range f.catchUpPersonal(a, &personalCopy{items: map[string]chat.Personal{}}).items {
		if p.Kind == kind {
			out = append(out, p)
		}
	}
	return out
}

func TestScheduledMessages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := openWith(t, o, chat.Limits{Scheduled: 2})
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Kind: chat.Private, Members: []string{ben.UserID}})
		later := func(a chat.Actor, client, text string, at time.Time) error {
			_, err := f.ScheduleMessage(ctx, a, chat.Draft{RoomID: room, ClientID: client, Text: text}, at)
			return err
		}
		hour, soon := time.Now().Add(time.Hour), time.Now().Add(3*time.Second) // all before "sent" is done by then, on a busy machine too
		for name, err := range map[string]error{
			"in the past": later(ana, "", "x", time.Now().Add(-time.Second)), "in two years": later(ana, "", "x", hour.AddDate(2, 0, 0)), "empty": later(ana, "", " ", hour),
		} {
			if kindOf(err) != chat.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := later(f.account("eve"), "", "x", hour); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
		for range 2 { // a retry
			if err := later(ana, "c1", "good morning", soon); err != nil {
				t.Fatal(err)
			}
		}
		if err := later(ana, "c1", "something else", soon); kindOf(err) != chat.Conflict {
			t.Fatal(err)
		}
		if err := later(ana, "c2", "cancelled", soon); err != nil {
			t.Fatal(err)
		}
		if err := later(ana, "c3", "one too many", hour); kindOf(err) != chat.TooLarge {
			t.Fatal(err)
		}
		if p, err := f.CancelScheduled(ctx, ana, "c2"); err != nil || !p.Gone {
			t.Fatalf("%+v, %v", p, err)
		}
		f.until("sent", func() bool { return slices.Contains(f.texts(ben, room), "good morning") })
		f.until("forgotten", func() bool { return len(f.mine(ana, chat.PersonalScheduled)) == 0 })
		if err := later(ana, "c1", "good morning", hour); err != nil { // a late retry
			t.Fatal(err)
		}
		if list := f.mine(ana, chat.PersonalScheduled); len(list) != 0 {
			t.Fatalf("scheduled again: %+v", list)
		}
		// What may not be sent any more stays, with the reason.
		if err := later(ben, "c1", "from ben", time.Now().Add(3*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := f.KickMember(ctx, ana, room, ben.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		f.until("refused", func() bool {
			list := f.mine(ben, chat.PersonalScheduled)
			return len(list) == 1 && list[0].Scheduled.Error == "No such room"
		})
		if got := f.texts(ana, room); len(got) != 1 {
			t.Fatalf("%q", got)
		}
		if _, err := f.CancelScheduled(ctx, ben, "c1"); err != nil {
			t.Fatal(err)
		}
	})
}

// A command that works beside the server sends nothing and reminds nobody: nobody would hear of it.
func TestACommandLeavesWhatIsDueToTheServer(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		command, err := chat.New(t.Context(), chat.Options{DB: d})
		if err != nil {
			t.Fatal(err)
		}
		u, err := command.CreateAccount(t.Context(), chat.AccountDraft{Login: "ana", PasswordHash: "-"})
		if err != nil {
			t.Fatal(err)
		}
		ana := chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
		if _, err := command.SetReminder(t.Context(), ana, "tea", chat.Reminder{Text: "tea"}, time.Now().Add(50*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond) // somebody who wakes does so every second
		news, err := command.PersonalSince(t.Context(), ana, 0)
		command.Close()
		if err := errors.Join(err, d.Close()); err != nil || len(news.Items) != 1 || news.Items[0].Reminder.Due {
			t.Fatalf("%+v, %v", news, err)
		}
		f := open(t, o)
		f.until("reminded", func() bool { list := f.mine(ana, chat.PersonalReminder); return len(list) == 1 && list[0].Reminder.Due })
	})
}

// A node that dies between sending a message and noting that it has sent it, and several nodes that want to send the same ones: each
// is sent once.
func TestScheduledMessagesAreSentOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := open(t, o)
		ctx, ana := t.Context(), f.account("ana")
		nodes := []*chat.Chat{f.Chat}
		for range 2 { // SQLite has one node, which may have been started twice by mistake: that does no harm either
			other, err := chat.New(ctx, chat.Options{DB: f.db, Publish: func(chat.Event) {}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(other.Close)
			nodes = append(nodes, other)
		}
		const messages = 30
		at := time.Now().Add(700 * time.Millisecond)
		for i := range messages {
			d := chat.Draft{RoomID: chat.Lobby, ClientID: fmt.Sprint("c", i), Text: fmt.Sprint("message ", i)}
			if _, err := nodes[i%3].ScheduleMessage(ctx, ana, d, at); err != nil {
				t.Fatal(err)
			}
		}
		f.until("sent", func() bool {
			return len(f.texts(ana, chat.Lobby)) >= messages && len(f.mine(ana, chat.PersonalScheduled)) == 0
		})
		// As a node leaves it that dies just after it has sent.
		f.exec(`INSERT INTO due (kind, user_id, key, at, taken_until) SELECT 'scheduled', user_id, key, $1, $1 FROM personal WHERE user_id = $2 AND kind = 'scheduled'`,
			time.Now().Add(-time.Minute).UnixMicro(), ana.UserID)
		f.exec(`UPDATE personal SET gone = 0, data = '{"scheduled":{"roomId":"general","text":"message ' || substr(key, 2) || '","at":"2026-01-01T00:00:00.000Z"}}'
			WHERE user_id = $1 AND kind = 'scheduled'`, ana.UserID)
		f.until("noted", func() bool { return len(f.mine(ana, chat.PersonalScheduled)) == 0 })
		got := f.texts(ana, chat.Lobby)
		slices.Sort(got)
		if n := len(slices.Compact(slices.Clone(got))); len(got) != messages || n != messages {
			t.Fatalf("%d messages, %d different ones: %q", len(got), n, got)
		}
		f.checkContiguous()
	})
}

func TestReminders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := openWith(t, o, chat.Limits{Reminders: 2})
		ctx, ana := t.Context(), f.account("ana")
		m := f.say(ana, chat.Lobby, "remember")
		set := func(key string, r chat.Reminder, at time.Time) (chat.Personal, error) {
			return f.SetReminder(ctx, ana, key, r, at)
		}
		soon, hour := time.Now().Add(300*time.Millisecond), time.Now().Add(time.Hour)
		one, err := set("", chat.Reminder{RoomID: chat.Lobby, MessageID: m.ID}, soon)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set("two", chat.Reminder{Text: "tea"}, hour); err != nil {
			t.Fatal(err)
		}
		for name, tc := range map[string]struct {
			err  error
			want chat.Kind
		}{
			"too many":      {second(set("", chat.Reminder{Text: "x"}, hour)), chat.TooLarge},
			"about nothing": {second(set("", chat.Reminder{}, hour)), chat.Invalid},
			"in the past":   {second(set("", chat.Reminder{Text: "x"}, time.Now())), chat.Invalid},
			"long":          {second(set("", chat.Reminder{Text: strings.Repeat("x", 501)}, hour)), chat.TooLarge},
			"no message":    {second(set("", chat.Reminder{RoomID: chat.Lobby, MessageID: "none"}, hour)), chat.NotFound},
			"no room":       {second(set("", chat.Reminder{RoomID: "none", MessageID: m.ID}, hour)), chat.NotFound},
		} {
			if kindOf(tc.err) != tc.want {
				t.Errorf("%s: %v", name, tc.err)
			}
		}
		due := func() (keys []string) {
			for _, p := range f.mine(ana, chat.PersonalReminder) {
				if p.Reminder.Due {
					keys = append(keys, p.Key)
				}
			}
			return keys
		}
		f.until("due", func() bool { return slices.Equal(due(), []string{one.Key}) })
		f.mu.Lock()
		told := slices.ContainsFunc(f.events, func(e chat.Event) bool {
			return e.Personal != nil && e.Personal.Reminder != nil && e.Personal.Reminder.Due
		})
		f.mu.Unlock()
		if !told {
			t.Fatal("nobody was told")
		}
		if p, err := set(one.Key, chat.Reminder{RoomID: chat.Lobby, MessageID: m.ID}, time.Now().Add(500*time.Millisecond)); err != nil || p.Reminder.Due { // put off
			t.Fatalf("%+v, %v", p, err)
		}
		f.until("due again", func() bool { return len(due()) == 1 })
		// What it is about may be deleted meanwhile: it reminds of where it was, and says nothing of what was there.
		if _, err := f.DeleteMessage(ctx, ana, chat.Lobby, m.ID); err != nil {
			t.Fatal(err)
		}
		if list := f.mine(ana, chat.PersonalReminder); len(list) != 2 || slices.ContainsFunc(list, func(p chat.Personal) bool { return strings.Contains(p.Reminder.Text, "remember") }) {
			t.Fatalf("%+v", list)
		}
		if _, err := set("", chat.Reminder{RoomID: chat.Lobby, MessageID: m.ID}, hour); kindOf(err) != chat.NotFound {
			t.Fatalf("about a deleted message: %v", err)
		}
		if _, err := f.FinishReminder(ctx, ana, one.Key); err != nil {
			t.Fatal(err)
		}
		if left := f.mine(ana, chat.PersonalReminder); len(left) != 1 || left[0].Key != "two" {
			t.Fatalf("%+v", left)
		}
	})
}
