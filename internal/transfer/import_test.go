package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/transfer"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

type fixture struct {
	*chat.Chat

	t     *testing.T
	db    *db.DB
	files string
	owner chat.User
}

func eachDB(t *testing.T, run func(t *testing.T, f *fixture)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		c, err := chat.New(t.Context(), chat.Options{DB: d})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(); _ = d.Close() })
		f := &fixture{Chat: c, t: t, db: d, files: t.TempDir()}
		if f.owner, err = c.CreateAccount(t.Context(), chat.AccountDraft{Login: "zelda", PasswordHash: "x"}); err != nil {
			t.Fatal(err)
		}
		run(t, f)
	})
}

func (f *fixture) bringIn(ctx context.Context, open func(string) (transfer.Source, error), name string, same bool) (transfer.Counts, error) {
	f.t.Helper()
	s, err := open(name)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	return transfer.Import(ctx, s, transfer.ImportOptions{Chat: f.Chat, FilesDir: f.files, SamePeople: same})
}

// count counts rows.
func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	if err := f.db.QueryRow(f.t.Context(), `SELECT count(*) FROM `+query, args...).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// as is somebody with a login.
func (f *fixture) as(login string) chat.Actor {
	f.t.Helper()
	u, _, err := f.Credentials(f.t.Context(), login)
	if err != nil {
		f.t.Fatal(err)
	}
	return chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
}

func (f *fixture) room(a chat.Actor, name string) chat.MyRoom {
	f.t.Helper()
	rooms, err := f.MyRooms(f.t.Context(), a)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range rooms {
		if r.Name == name && r.ID != chat.Lobby {
			return r
		}
	}
	f.t.Fatalf("%s is not in %s", a.Name, name)
	return chat.MyRoom{}
}

func (f *fixture) texts(a chat.Actor, roomID string) (out []string) {
	f.t.Helper()
	page, err := f.History(f.t.Context(), a, chat.HistoryQuery{RoomID: roomID})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, m := range page.Messages {
		out = append(out, m.SenderName+": "+m.Text)
	}
	return out
}

func TestSlackIsBroughtInOnce(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		name := archive(t, slackExport)
		want := transfer.Counts{
			People: 2, Rooms: 3, Threads: 1, Messages: 4, Reactions: 2, Files: 1, Skipped: map[string]int{"channel_join": 1, "malformed": 1},
		}
		got, err := f.bringIn(t.Context(), transfer.OpenSlack, name, false)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		ana := f.as("ana")
		general := f.room(ana, "general")
		if general.Unread != 0 || general.Mentions != 0 || general.Topic != "All & sundry" {
			t.Errorf("%+v", general)
		}
		texts := f.texts(ana, general.ID)
		if len(texts) != 2 || !strings.HasPrefix(texts[0], "Bob: **bold**") || !strings.HasSuffix(texts[0], "\n📎 a.txt") || texts[1] != "Bob: second day" {
			t.Errorf("%q", texts)
		}
		page, _ := f.History(t.Context(), ana, chat.HistoryQuery{RoomID: general.ID})
		m := page.Messages[0]
		if !m.CreatedAt.Equal(at(1767225601, 200)) || !m.EditedAt.Equal(at(1767225700, 0)) || len(m.Reactions) != 1 || m.Reactions[0].Emoji != "👍" {
			t.Errorf("%+v", m)
		}
		if thread, err := f.OpenThread(t.Context(), ana, general.ID, m.ID); err != nil || thread.Unread != 0 {
			t.Errorf("%+v, %v", thread, err)
		} else if texts := f.texts(ana, thread.ID); len(texts) != 1 || texts[0] != "Ana B: an answer" {
			t.Errorf("%q", texts)
		}
		if secret := f.room(ana, "secret"); secret.ArchivedAt.IsZero() || secret.Kind != chat.Private {
			t.Errorf("%+v", secret)
		}
		if bytes, err := os.ReadFile(filepath.Join(f.files, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")); err != nil || string(bytes) != "abc" {
			t.Errorf("%q, %v", bytes, err)
		}
		// Nobody outside of them sees the private ones; who is gone cannot sign in.
		if _, err := f.History(t.Context(), f.as("zelda"), chat.HistoryQuery{RoomID: f.room(ana, "secret").ID}); chat.AsError(err).Kind != chat.NotFound {
			t.Errorf("%v", err)
		}
		if bob, _, err := f.Credentials(t.Context(), "bob"); err != nil || !bob.Deactivated {
			t.Errorf("%+v, %v", bob, err)
		}
		// Again: nothing is new.
		before := f.count("log")
		got, err = f.bringIn(t.Context(), transfer.OpenSlack, name, false)
		if diff := cmp.Diff(transfer.Counts{Known: 4, Skipped: want.Skipped}, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if after := f.count("log"); after != before {
			t.Errorf("%d entries, then %d", before, after)
		}
		// What is said from now on is news, and stands behind what was brought in.
		if _, err := f.SendMessage(t.Context(), chat.Actor{UserID: f.as("zelda").UserID}, chat.Draft{RoomID: general.ID, Text: "no"}); err == nil {
			t.Error("somebody from outside wrote")
		}
	})
}

func TestMattermostAndDiscordAreBroughtIn(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		got, err := f.bringIn(t.Context(), transfer.OpenMattermost, archive(t, mattermostExport), false)
		want := transfer.Counts{People: 2, Rooms: 3, Threads: 1, Messages: 3, Reactions: 2, Files: 1, Skipped: map[string]int{"system": 1}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		// The same login in another system is another person, unless one says otherwise.
		got, err = f.bringIn(t.Context(), transfer.OpenDiscord, archive(t, discordPackage), false)
		want = transfer.Counts{People: 1, Rooms: 2, Messages: 3, Files: 1, Skipped: map[string]int{"malformed": 1, "bytes of a file": 1}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		if other := f.as("ana-2"); other.UserID == f.as("ana").UserID {
			t.Error("two people became one")
		}
		got, err = f.bringIn(t.Context(), transfer.OpenSlack, archive(t, slackExport), true)
		if err != nil || got.People != 0 || got.Messages != 4 {
			t.Fatalf("%+v, %v", got, err)
		}
		if texts := f.texts(f.as("ana-2"), f.room(f.as("ana-2"), "lounge").ID); len(texts) == 0 {
			t.Error("nothing")
		}
	})
}

// An import that is cut off anywhere and begun again brings in everything, once.
func TestAnInterruptedImportGoesOn(t *testing.T) {
	var day strings.Builder
	const messages = 1500
	for i := range messages {
		fmt.Fprintf(&day, `%s{"type":"message","user":"U%d","text":"message %d","ts":"%d.000000"}`, map[bool]string{true: "["}[i == 0], 1+i%2, i, 1767225600+i)
		day.WriteString(map[bool]string{true: "]", false: ",\n"}[i == messages-1])
	}
	entries := maps.Clone(slackExport)
	entries["general/2026-01-03.json"] = strings.ReplaceAll(day.String(), `"ts":"17`, `"ts":"18`)
	eachDB(t, func(t *testing.T, f *fixture) {
		name := archive(t, entries)
		for round := 0; ; round++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(5+20*round)*time.Millisecond)
			_, err := f.bringIn(ctx, transfer.OpenSlack, name, false)
			cancel()
			if err == nil {
				break
			}
			if round > 200 {
				t.Fatal(err)
			}
		}
		if n := f.count(`log WHERE kind = 'message'`); n != messages+4 {
			t.Errorf("%d messages", n)
		}
		ana := f.as("ana")
		page, err := f.History(t.Context(), ana, chat.HistoryQuery{RoomID: f.room(ana, "general").ID, Limit: 300})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(page.Messages); i++ {
			if page.Messages[i].CreatedAt.Before(page.Messages[i-1].CreatedAt) || page.Messages[i].Seq != page.Messages[i-1].Seq+1 {
				t.Fatalf("%+v after %+v", page.Messages[i], page.Messages[i-1])
			}
		}
	})
}

func readLines(t *testing.T, name string) (rows []map[string]any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestExport(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		if _, err := f.bringIn(t.Context(), transfer.OpenSlack, archive(t, slackExport), false); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		o := transfer.ExportOptions{DB: f.db, Dir: dir, FilesDir: f.files, Version: "test"}
		m, err := transfer.Export(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for table, rows := range m.Tables {
			if got := len(readLines(t, filepath.Join(dir, table+".jsonl"))); int64(got) != rows || got != f.count(table) {
				t.Errorf("%s: %d lines, %d rows by the manifest, %d in the database", table, got, rows, f.count(table))
			}
		}
		if m.Files != 1 || m.Tables["log"] == 0 {
			t.Errorf("%+v", m)
		}
		for _, row := range readLines(t, filepath.Join(dir, "users.jsonl")) {
			if _, there := row["password_hash"]; there {
				t.Error("a password's hash")
			}
			if _, err := time.Parse(time.RFC3339Nano, row["created_at"].(string)); err != nil {
				t.Error(err)
			}
		}
		if _, err := transfer.Export(t.Context(), o); !errors.Is(err, transfer.ErrExported) {
			t.Error(err)
		}
		// One that was cut off goes on: what is there is kept, what is missing is written.
		for _, name := range []string{"manifest.json", "log.jsonl", "files/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		again, err := transfer.Export(t.Context(), o)
		if diff := cmp.Diff(m.Tables, again.Tables); err != nil || diff != "" || again.Files != 1 {
			t.Error(err, diff)
		}
	})
}

func TestExportOfAPersonIsTheirsAlone(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		if _, err := f.bringIn(t.Context(), transfer.OpenSlack, archive(t, slackExport), false); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := transfer.Export(t.Context(), transfer.ExportOptions{DB: f.db, Dir: dir, FilesDir: f.files, PersonID: f.as("ana").UserID}); err != nil {
			t.Fatal(err)
		}
		all := ""
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				data, err := os.ReadFile(filepath.Join(dir, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				all += string(data)
			}
		}
		for _, wanted := range []string{"an answer", "psst", "ana@a.test"} {
			if !strings.Contains(all, wanted) {
				t.Errorf("%q is missing", wanted)
			}
		}
		for _, foreign := range []string{"second day", "**bold**", "zelda"} {
			if strings.Contains(all, foreign) {
				t.Errorf("%q is another's", foreign)
			}
		}
	})
}

// Whoever adds a table decides what of it leaves the server.
func TestEveryTableIsDecidedOn(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		names, err := f.db.Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if missing := transfer.Undecided(names); len(missing) > 0 {
			t.Errorf("internal/transfer/tables.go says nothing of %v", missing)
		}
	})
}
