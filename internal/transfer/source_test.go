package transfer_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/transfer"
)

// archive writes a ZIP file.
func archive(t *testing.T, entries map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range entries {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "archive.zip")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

type content struct {
	People   []transfer.Person
	Rooms    []transfer.Room
	Messages []transfer.Message
	Skipped  map[string]int
}

func read(t *testing.T, open func(string) (transfer.Source, error), name string) content {
	t.Helper()
	s, err := open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var c content
	if err := s.People(t.Context(), func(p transfer.Person) error { c.People = append(c.People, p); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Rooms(t.Context(), func(r transfer.Room) error { c.Rooms = append(c.Rooms, r); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Messages(t.Context(), func(m transfer.Message) error { c.Messages = append(c.Messages, m); return nil }); err != nil {
		t.Fatal(err)
	}
	c.Skipped = s.Skipped()
	return c
}

var slackExport = map[string]string{
	"users.json": `[{"id":"U1","name":"ana","profile":{"display_name":"Ana B","email":"ana@a.test"}},
		{"id":"U2","name":"bob","real_name":"Bob","deleted":true,"profile":{}}]`,
	"channels.json":           `[{"id":"C1","name":"general","creator":"U2","members":["U1","U2"],"topic":{"value":"All &amp; sundry"},"purpose":{"value":"p"}}]`,
	"groups.json":             `[{"id":"G1","name":"secret","creator":"U1","members":["U1"],"is_archived":true}]`,
	"dms.json":                `[{"id":"D1","members":["U1","U2"]}]`,
	"general/2026-01-02.json": `[{"type":"message","user":"U2","text":"second day","ts":"1767312000.000100"}]`,
	"general/2026-01-01.json": `[
		{"type":"message","user":"U2","text":"*bold* _so_ ~gone~ <@U1> <!here> <!channel> <#C1|general> <https://a.test/?a=1&amp;b|a [page]> <https://b.test> &lt;tag&gt; ` + "`*code*`" + ` :wave::skin-tone-3:","ts":"1767225601.000200","thread_ts":"1767225601.000200",
			"edited":{"user":"U2","ts":"1767225700.000000"},"reactions":[{"name":"thumbsup","users":["U1","U2"]}],
			"files":[{"id":"F1","name":"a.txt","mimetype":"text/plain","size":3,"url_private":"https://files.test/a.txt"}]},
		{"type":"message","user":"U1","text":"an answer","ts":"1767225602.000300","thread_ts":"1767225601.000200"},
		{"type":"message","subtype":"channel_join","user":"U1","text":"joined","ts":"1767225600.000000"},
		{"type":"message","text":"nobody","ts":"1767225603.000000"}]`,
	"D1/2026-01-01.json":        `[{"type":"message","user":"U1","text":"psst","ts":"1767225604.000000"}]`,
	"__uploads/F1/a.txt":        "abc",
	"../../etc/2026-01-01.json": `[{"type":"message","user":"U1","text":"outside","ts":"1767225604.000000"}]`,
}

func at(seconds int64, micros int64) time.Time { return time.Unix(seconds, micros*1000).UTC() }

func TestSlack(t *testing.T) {
	got := read(t, transfer.OpenSlack, archive(t, slackExport))
	want := content{
		People: []transfer.Person{
			{ID: "U1", Login: "ana", Name: "Ana B", Email: "ana@a.test"}, {ID: "U2", Login: "bob", Name: "Bob", Gone: true},
		},
		Rooms: []transfer.Room{
			{ID: "C1", Kind: transfer.Public, Name: "general", Topic: "All & sundry", Description: "p", Members: []string{"U2", "U1"}},
			{ID: "G1", Kind: transfer.Private, Name: "secret", Archived: true, Members: []string{"U1"}},
			{ID: "D1", Kind: transfer.Direct, Members: []string{"U1", "U2"}},
		},
		Messages: []transfer.Message{
			{
				ID: "1767225601.000200", RoomID: "C1", PersonID: "U2", At: at(1767225601, 200), EditedAt: at(1767225700, 0),
				Text:      "**bold** _so_ ~~gone~~ @ana @here @all #general [a \\[page\\]](https://a.test/?a=1&b) https://b.test <tag> `*code*` :wave:",
				Reactions: []transfer.Reaction{{Emoji: ":thumbsup:", People: []string{"U1", "U2"}}},
				Files:     []transfer.File{{Name: "a.txt", MediaType: "text/plain", Size: 3, Path: "__uploads/F1/a.txt", URL: "https://files.test/a.txt"}},
			},
			{ID: "1767225602.000300", RoomID: "C1", PersonID: "U1", At: at(1767225602, 300), Text: "an answer", ThreadOf: "1767225601.000200"},
			{ID: "1767312000.000100", RoomID: "C1", PersonID: "U2", At: at(1767312000, 100), Text: "second day"},
			{ID: "1767225604.000000", RoomID: "D1", PersonID: "U1", At: at(1767225604, 0), Text: "psst"},
		},
		Skipped: map[string]int{"channel_join": 1, "malformed": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

var mattermostExport = map[string]string{
	"import.jsonl": `{"type":"version","version":1}
{"type":"team","team":{"name":"t","display_name":"T"}}
{"type":"channel","channel":{"team":"t","name":"town","display_name":"Town Square","type":"O","header":"h","purpose":"p"}}
{"type":"channel","channel":{"team":"t","name":"inner","display_name":"Inner","type":"P"}}
{"type":"user","user":{"username":"ana","email":"ana@a.test","first_name":"Ana","last_name":"B","teams":[{"name":"t","channels":[{"name":"town"},{"name":"inner"}]}]}}
{"type":"user","user":{"username":"bob","nickname":"Bobby","delete_at":5,"teams":[{"name":"t","channels":[{"name":"town"}]}]}}
{"type":"post","post":{"team":"t","channel":"town","user":"ana","message":"**hi**","create_at":1767225600123,"edit_at":1767225601000,"reactions":[{"user":"bob","emoji_name":"+1"},{"user":"ana","emoji_name":"+1"}],"attachments":[{"path":"20260101/../../x.txt"}],"replies":[{"user":"bob","message":"there","create_at":1767225602000}]}}
{"type":"post","post":{"team":"t","channel":"town","user":"ana","type":"system_join_channel","message":"joined","create_at":1}}
{"type":"direct_channel","direct_channel":{"members":["bob","ana"]}}
{"type":"direct_post","direct_post":{"channel_members":["ana","bob"],"user":"bob","message":"psst","create_at":1767225603000}}
{"type":"emoji","emoji":{"name":"party"}}
`,
	"data/x.txt": "abc",
}

func TestMattermost(t *testing.T) {
	got := read(t, transfer.OpenMattermost, archive(t, mattermostExport))
	ids := map[string]bool{}
	for i := range got.Messages {
		ids[got.Messages[i].ID] = true
		got.Messages[i].ID = ""
		if got.Messages[i].ThreadOf != "" && !ids[got.Messages[i].ThreadOf] {
			t.Errorf("an answer to nothing: %+v", got.Messages[i])
		}
		got.Messages[i].ThreadOf = strings.Map(func(rune) rune { return 'x' }, got.Messages[i].ThreadOf)
	}
	if len(ids) != 3 {
		t.Errorf("%d ids", len(ids))
	}
	want := content{
		People: []transfer.Person{{ID: "ana", Login: "ana", Name: "Ana B", Email: "ana@a.test"}, {ID: "bob", Login: "bob", Name: "Bobby", Gone: true}},
		Rooms: []transfer.Room{
			{ID: "t/town", Kind: transfer.Public, Name: "Town Square", Topic: "h", Description: "p", Members: []string{"ana", "bob"}},
			{ID: "t/inner", Kind: transfer.Private, Name: "Inner", Members: []string{"ana"}},
			{ID: "@ana,bob", Kind: transfer.Direct, Members: []string{"bob", "ana"}},
		},
		Messages: []transfer.Message{
			{
				RoomID: "t/town", PersonID: "ana", At: at(1767225600, 123000), EditedAt: at(1767225601, 0), Text: "**hi**",
				Reactions: []transfer.Reaction{{Emoji: ":+1:", People: []string{"bob", "ana"}}}, Files: []transfer.File{{Name: "x.txt", Path: "data/x.txt"}},
			},
			{RoomID: "t/town", PersonID: "bob", At: at(1767225602, 0), Text: "there", ThreadOf: strings.Repeat("x", 32)},
			{RoomID: "@ana,bob", PersonID: "bob", At: at(1767225603, 0), Text: "psst"},
		},
		Skipped: map[string]int{"system": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

var discordPackage = map[string]string{
	"account/user.json":          `{"id":"7","username":"ana","global_name":"Ana","email":"ana@a.test"}`,
	"messages/c1/channel.json":   `{"id":"1","type":0,"name":"lounge","guild":{"id":"9","name":"Club"}}`,
	"messages/c1/messages.json":  `[{"ID":12,"Timestamp":"2026-01-01 00:00:02","Contents":"later <:Party:123>","Attachments":""},{"ID":11,"Timestamp":"2026-01-01 00:00:01","Contents":"first","Attachments":"https://cdn.test/a/b.png?ex=1"}]`,
	"messages/c2/channel.json":   `{"id":"2","type":1,"recipients":["7","8"]}`,
	"messages/c2/messages.csv":   "ID,Timestamp,Contents,Attachments\n21,2026-01-01 00:00:03.120000+00:00,\"psst, you\",\n22,nonsense,x,\n",
	"messages/index.json":        `{"1":"lounge"}`,
	"activity/analytics/ev.json": `{}`,
}

func TestDiscord(t *testing.T) {
	got := read(t, transfer.OpenDiscord, archive(t, discordPackage))
	want := content{
		People: []transfer.Person{{ID: "7", Login: "ana", Name: "Ana", Email: "ana@a.test"}},
		Rooms: []transfer.Room{
			{ID: "1", Kind: transfer.Private, Name: "lounge", Description: "Club", Members: []string{"7"}},
			{ID: "2", Kind: transfer.Private, Name: "Discord 2", Members: []string{"7"}},
		},
		Messages: []transfer.Message{
			{ID: "11", RoomID: "1", PersonID: "7", At: at(1767225601, 0), Text: "first", Files: []transfer.File{{Name: "b.png", URL: "https://cdn.test/a/b.png?ex=1"}}},
			{ID: "12", RoomID: "1", PersonID: "7", At: at(1767225602, 0), Text: "later :party:"},
			{ID: "21", RoomID: "2", PersonID: "7", At: at(1767225603, 120000), Text: "psst, you"},
		},
		Skipped: map[string]int{"malformed": 1},
	}
	// The archive's order is no order.
	byRoom := map[string][]transfer.Message{}
	for _, m := range got.Messages {
		byRoom[m.RoomID] = append(byRoom[m.RoomID], m)
	}
	got.Messages = slices.Concat(byRoom["1"], byRoom["2"])
	if len(got.Rooms) == 2 && got.Rooms[0].ID == "2" {
		got.Rooms[0], got.Rooms[1] = got.Rooms[1], got.Rooms[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An archive is not trusted: what is wrong with it is said, and nothing outside of it is read.
func TestHostileArchives(t *testing.T) {
	for name, tc := range map[string]struct {
		open    func(string) (transfer.Source, error)
		entries map[string]string
	}{
		"no list":       {transfer.OpenSlack, map[string]string{"users.json": `{"a":1}`}},
		"no users":      {transfer.OpenSlack, map[string]string{"x": ""}},
		"cut off":       {transfer.OpenSlack, map[string]string{"users.json": `[{"id":"U1"`}},
		"other types":   {transfer.OpenSlack, map[string]string{"users.json": `[{"id":{"a":1}}]`}},
		"no lines":      {transfer.OpenMattermost, map[string]string{"x.json": ""}},
		"broken line":   {transfer.OpenMattermost, map[string]string{"x.jsonl": "{\"type\":\"user\",\"user\":{\n"}},
		"no account":    {transfer.OpenDiscord, map[string]string{"messages/c1/channel.json": "{}"}},
		"broken folder": {transfer.OpenDiscord, map[string]string{"account/user.json": "[]"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := tc.open(archive(t, tc.entries))
			if err != nil {
				return
			}
			defer func() { _ = s.Close() }()
			if err := s.People(t.Context(), func(transfer.Person) error { return nil }); err == nil {
				t.Error("nothing was wrong")
			}
		})
	}
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "users.json")); err != nil {
		t.Fatal(err)
	}
	s, err := transfer.OpenSlack(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.People(t.Context(), func(transfer.Person) error { return nil }); err == nil || !strings.Contains(err.Error(), "no \"users.json\"") {
		t.Errorf("a link out of the folder: %v", err)
	}
}
