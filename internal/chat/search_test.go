package chat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// finds waits until a search finds just these texts, in this order.
func (f *fixture) finds(a chat.Actor, query string, want ...string) {
	f.t.Helper()
	var got []string
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got = nil
		for q := (chat.SearchQuery{Text: query}); ; {
			r, err := f.Search(f.t.Context(), a, q)
			if err != nil {
				f.t.Fatalf("%s: %v", query, err)
			}
			for _, h := range r.Hits {
				got = append(got, h.Message.Text)
			}
			if q.Cursor = r.Cursor; r.Cursor == "" {
				break
			}
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s finds %q, want %q", query, got, want)
		}
	}
}

func TestSearch(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		owner, ben, eve := f.account("owner"), f.account("ben"), f.account("eve")
		secret := f.room(owner, chat.RoomDraft{Name: "Secret plans", Kind: chat.Private, Members: []string{ben.UserID}})
		say := func(a chat.Actor, room, text string) chat.Message {
			t.Helper()
			m, err := f.SendMessage(ctx, a, chat.Draft{RoomID: room, Text: text})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		say(owner, secret, "the canary sings at https://example.org/song")
		cafe := say(ben, chat.Lobby, "Zum Café am Straßenrand, ÉCLAIR!")
		say(owner, chat.Lobby, "我们明天在北京开会")
		say(owner, chat.Lobby, "東京タワーに行きたい")
		say(ben, chat.Lobby, "quick brown fox, @owner")
		say(ben, chat.Lobby, "brown quick fox")
		f.finds(ben, "canary", "the canary sings at https://example.org/song")
		f.finds(eve, "canary")
		f.finds(eve, "has:link")
		f.finds(ben, "has:link sings", "the canary sings at https://example.org/song")
		f.finds(ben, "cafe eclair", cafe.Text)
		f.finds(ben, "北京", "我们明天在北京开会")
		f.finds(ben, "会", "我们明天在北京开会")
		f.finds(ben, "北京明天", []string{}...)
		f.finds(ben, "タワー", "東京タワーに行きたい")
		f.finds(ben, "quick brown", "brown quick fox", "quick brown fox, @owner")
		f.finds(ben, `"quick brown"`, "quick brown fox, @owner")
		f.finds(owner, "mentions:me", "quick brown fox, @owner")
		f.finds(ben, "mentions:me")
		f.finds(ben, `in:"secret plans" sings`, "the canary sings at https://example.org/song")
		f.finds(ben, "from:owner canary", "the canary sings at https://example.org/song")
		f.finds(ben, "from:@ben quick after:2020-01-01 before:2100-01-01", "brown quick fox", "quick brown fox, @owner")
		f.finds(ben, "quick before:2020-01-01")
		if _, err := f.EditMessage(ctx, ben, chat.Lobby, cafe.ID, "Zum Teehaus"); err != nil {
			t.Fatal(err)
		}
		f.finds(ben, "teehaus", "Zum Teehaus")
		f.finds(ben, "cafe")
		if _, err := f.DeleteMessage(ctx, ben, chat.Lobby, cafe.ID); err != nil {
			t.Fatal(err)
		}
		f.finds(ben, "teehaus")
		if err := f.LeaveRoom(ctx, ben, secret); err != nil {
			t.Fatal(err)
		}
		f.finds(ben, "canary")
		for i := range 45 {
			say(ben, chat.Lobby, fmt.Sprint("page ", i))
		}
		var want []string
		for i := range 45 {
			want = append(want, fmt.Sprint("page ", 44-i))
		}
		f.finds(ben, "page", want...)
		for query, kind := range map[string]chat.Kind{
			"": chat.Invalid, "  ": chat.Invalid, "!?": chat.Invalid, "has:file": chat.Invalid, "before:yesterday": chat.Invalid,
			"from:nobody-here x": chat.NotFound, "in:nowhere x": chat.NotFound, strings.Repeat("a ", 17): chat.TooLarge, strings.Repeat("a", 501): chat.TooLarge,
		} {
			_, err := f.Search(ctx, ben, chat.SearchQuery{Text: query})
			refusedAs(t, query, err, kind)
		}
		for _, query := range []string{`"`, `'`, `a" OR "b`, `x' | 'y`, `NEAR(a b)`, `tokens:x`, `a*`, `(a`, `a\`, "a\x00b", `:`, `-a`, `xroom`, "😀 x"} {
			if _, err := f.Search(ctx, ben, chat.SearchQuery{Text: query}); err != nil && kindOf(err) != chat.Invalid {
				t.Errorf("%q: %v", query, err)
			}
		}
	})
}

// What was written while the indexer was not there is found when it is back.
func TestSearchPicksUpWhereItWas(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := open(t, o)
		a := f.guest("Ana")
		f.send(a, "", "first of all")
		f.finds(a, "first", "first of all")
		f.exec(`DELETE FROM search_rooms`)
		f.exec(`DELETE FROM search_docs`)
		f.Close()
		again := open(t, o)
		again.finds(a, "first", "first of all")
	})
}

func FuzzSearchQuery(f *testing.F) {
	for _, q := range []string{`a "b c" from:x`, `in:#y 北京 "unended`, "before:2026-01-31 has:link", "\xff\xfe", `"":""`} {
		f.Add(q)
	}
	d, err := db.Open(f.Context(), db.Options{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	c, err := chat.New(f.Context(), chat.Options{DB: d})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close(); _ = d.Close() })
	u, err := c.CreateGuest(f.Context(), "Ana")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		_, err := c.Search(t.Context(), chat.Actor{UserID: u.ID}, chat.SearchQuery{Text: query})
		switch kindOf(err) {
		case "", chat.Invalid, chat.NotFound, chat.TooLarge:
		default:
			t.Fatalf("%q: %v", query, err)
		}
	})
}

// The median time of a search in a million messages, of which the searcher may read nine tenths.
func BenchmarkSearchMillion(b *testing.B) {
	for name, o := range map[string]func() db.Options{
		"sqlite": func() db.Options { return db.Options{Dir: b.TempDir()} }, "postgres": func() db.Options { return dbtest.NewPostgres(b) },
	} {
		b.Run(name, func(b *testing.B) { benchmarkSearch(b, o()) })
	}
}

const searched = 1_000_000

func benchmarkSearch(b *testing.B, o db.Options) {
	d, err := db.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	c, err := chat.New(b.Context(), chat.Options{DB: d})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { c.Close(); _ = d.Close() }()
	u, err := c.CreateGuest(b.Context(), "Ana")
	if err != nil {
		b.Fatal(err)
	}
	seed(b, d, u.ID, 10)
	begun := time.Now()
	for behind := 1; behind > 0; time.Sleep(200 * time.Millisecond) {
		err := d.QueryRow(b.Context(), `SELECT count(*) FROM rooms r LEFT JOIN search_rooms s ON s.room_id = r.id WHERE r.last_seq > COALESCE(s.seq, 0)`).Scan(&behind)
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("indexed in %v", time.Since(begun).Round(time.Second))
	for _, query := range []string{"w1", "w50", "w2000", "w1 w2", "w10 w3000", `"w1 w2"`, "w3 in:r5", "from:ana w7 after:2020-01-01"} {
		b.Run(query, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if _, err := c.Search(b.Context(), chat.Actor{UserID: u.ID}, chat.SearchQuery{Text: query}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
		})
	}
}

// seed writes a million messages of words as frequent as in a language, in some rooms, behind the chat's back.
func seed(b *testing.B, d *db.DB, user string, rooms int) {
	b.Helper()
	words := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.2, 4, 20_000)
	now := time.Now().UnixMicro()
	each := searched / rooms
	for room := range rooms {
		id := fmt.Sprint("r", room)
		err := d.Tx(b.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(b.Context(), `INSERT INTO rooms (id, kind, name, epoch, last_seq, created_at) VALUES ($1, 'public', $1, 'e', $2, $3)`, id, each, now); err != nil {
				return err
			}
			if room < 9 { // the tenth room is not theirs
				if _, err := tx.Exec(b.Context(), `INSERT INTO memberships (room_id, user_id, joined_seq) VALUES ($1, $2, 0)`, id, user); err != nil {
					return err
				}
			}
			for seq := 1; seq <= each; {
				text, args := `INSERT INTO log (room_id, seq, id, kind, actor_id, text, created_at, version) VALUES `, []any{}
				for range 100 {
					var say strings.Builder
					for range 10 {
						fmt.Fprint(&say, "w", words.Uint64(), " ")
					}
					n := len(args)
					text += fmt.Sprintf("($%d, $%d, $%d, 'message', $%d, $%d, $%d, $%d),", n+1, n+2, n+3, n+4, n+5, n+6, n+2)
					args = append(args, id, seq, fmt.Sprint(id, "-", seq), user, say.String(), now)
					seq++
				}
				if _, err := tx.Exec(b.Context(), strings.TrimSuffix(text, ","), args...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Analyze(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// Where a search goes on says nothing of how much others write, and is of use to nobody else.
func TestCursorsAreOnesOwn(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		var all []string
		for i := range chat.SearchPage + 5 {
			f.say(ana, chat.Lobby, fmt.Sprint("needle ", i))
			all = append([]string{fmt.Sprint("needle ", i)}, all...)
		}
		f.finds(ben, "needle", all...)
		r, err := f.Search(t.Context(), ana, chat.SearchQuery{Text: "needle"})
		if err != nil || len(r.Hits) != chat.SearchPage || len(r.Cursor) != 22 {
			t.Fatalf("%d hits, cursor %q, %v", len(r.Hits), r.Cursor, err)
		}
		of := func(a chat.Actor, cursor string) (chat.SearchResult, error) {
			return f.Search(t.Context(), a, chat.SearchQuery{Text: "needle", Cursor: cursor})
		}
		if more, err := of(ana, r.Cursor); err != nil || len(more.Hits) != 5 || more.Cursor != "" {
			t.Fatalf("%d more, cursor %q, %v", len(more.Hits), more.Cursor, err)
		}
		refusedAs(t, "of somebody else", second(of(ben, r.Cursor)), chat.Invalid)
		for _, cursor := range []string{"5", "AAAAAAAAAAAAAAAAAAAAAA", r.Cursor + "AA", strings.ToUpper(r.Cursor) + "=", "\x00"} {
			refusedAs(t, cursor, second(of(ana, cursor)), chat.Invalid)
		}
	})
}
