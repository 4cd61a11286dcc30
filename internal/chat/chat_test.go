package chat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// tellEvery is how often a room is told of a thread here.
const tellEvery = 200 * time.Millisecond

type fixture struct {
	*chat.Chat
	t  *testing.T
	db *db.DB

	mu        sync.Mutex
	published []chat.Message
	events    []chat.Event
}

func TestMain(m *testing.M) { dbtest.Main(m) }

// eachDB runs a test on every database.
func eachDB(t *testing.T, run func(t *testing.T, f *fixture)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, o db.Options) { run(t, open(t, o)) })
}

func open(t *testing.T, o db.Options) *fixture {
	t.Helper()
	return openWith(t, o, chat.Limits{})
}

func openWith(t *testing.T, o db.Options, limits chat.Limits) *fixture {
	t.Helper()
	return openOnline(t, o, limits, nil)
}

// openOnline opens a chat that asks pages that are linked to.
func openOnline(t *testing.T, o db.Options, limits chat.Limits, pages func(ctx context.Context, url string) (*chat.Page, error)) *fixture {
	t.Helper()
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, db: d}
	f.Chat, err = chat.New(t.Context(), chat.Options{DB: d, Limits: limits, TellEvery: tellEvery, Preview: pages, Publish: func(e chat.Event) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.events = append(f.events, e)
		if e.Entry != nil && e.Entry.Kind == chat.KindMessage {
			f.published = append(f.published, *e.Entry.Message)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) guest(name string) chat.Actor {
	f.t.Helper()
	u, err := f.CreateGuest(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	return chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
}

func (f *fixture) send(a chat.Actor, clientID, text string) chat.Message {
	f.t.Helper()
	m, err := f.SendMessage(f.t.Context(), a, chat.Draft{ClientID: clientID, Text: text})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// log reads the lobby straight from the database.
func (f *fixture) log() (seqs []int64, texts []string) {
	f.t.Helper()
	rows, err := f.db.Query(f.t.Context(), "SELECT seq, text FROM log WHERE room_id = $1 ORDER BY seq", chat.Lobby)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var seq int64
		var text string
		if err := rows.Scan(&seq, &text); err != nil {
			f.t.Fatal(err)
		}
		seqs, texts = append(seqs, seq), append(texts, text)
	}
	return seqs, texts
}

func (f *fixture) checkContiguous() {
	f.t.Helper()
	seqs, _ := f.log()
	for i, seq := range seqs {
		if seq != int64(i)+1 {
			f.t.Fatalf("seq %d stands at place %d", seq, i+1)
		}
	}
}

func kindOf(err error) chat.Kind {
	if err == nil {
		return ""
	}
	return chat.AsError(err).Kind
}

func TestConcurrentSendersGetOneOrderWithoutGaps(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		const senders, each = 20, 50
		var wg sync.WaitGroup
		for i := range senders {
			a := f.guest(fmt.Sprintf("sender %d", i))
			wg.Go(func() {
				last := int64(0)
				for n := range each {
					m, err := f.SendMessage(t.Context(), a, chat.Draft{ClientID: fmt.Sprint(n), Text: fmt.Sprintf("%d/%d", i, n)})
					if err != nil || m.Seq <= last {
						t.Errorf("seq %d after %d, %v", m.Seq, last, err)
					}
					last = m.Seq
				}
			})
		}
		wg.Wait()
		f.checkContiguous()
		if seqs, _ := f.log(); len(seqs) != senders*each {
			t.Fatalf("%d messages", len(seqs))
		}
		for i, m := range f.published {
			if m.Seq != int64(i)+1 {
				t.Fatalf("published seq %d at place %d", m.Seq, i+1)
			}
		}
	})
}

func TestRetriesReturnTheFirstAnswer(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a, b := f.guest("Ana"), f.guest("Ben")
		first := f.send(a, "c1", "hello")
		f.send(a, "c2", "between")
		if again := f.send(a, "c1", "hello"); again.ID != first.ID || again.Seq != first.Seq || !again.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("%+v, then %+v", first, again)
		}
		if _, err := f.SendMessage(t.Context(), a, chat.Draft{ClientID: "c1", Text: "other"}); kindOf(err) != chat.Conflict {
			t.Fatalf("another text: %v", err)
		}
		if other := f.send(b, "c1", "hello"); other.ID == first.ID {
			t.Fatal("two senders share a client id's message")
		}
		var wg sync.WaitGroup
		ids := make([]string, 50)
		for i := range ids {
			wg.Go(func() { ids[i] = f.send(a, "c3", "all at once").ID })
		}
		wg.Wait()
		if len(slices.Compact(ids)) != 1 {
			t.Fatalf("concurrent retries made %q", ids)
		}
		f.checkContiguous()
		if len(f.published) != 4 {
			t.Fatalf("%d messages published", len(f.published))
		}
	})
}

func TestRefusedDraftsLeaveNoTrace(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.guest("Ana")
		for _, tc := range []struct {
			draft chat.Draft
			kind  chat.Kind
			text  string
		}{
			{chat.Draft{Text: " \n\t "}, chat.Invalid, "Message is empty"},
			{chat.Draft{Text: strings.Repeat("é", 4001)}, chat.TooLarge, "Message too long (max 4000 characters)"},
			{chat.Draft{Text: "a\x00b"}, chat.Invalid, "Message is not valid text"},
			{chat.Draft{Text: "\xff"}, chat.Invalid, "Message is not valid text"},
			{chat.Draft{Text: "x", ClientID: strings.Repeat("c", 65)}, chat.Invalid, "Invalid clientId"},
			{chat.Draft{Text: "x", RoomID: "no such"}, chat.NotFound, "No such room"},
		} {
			_, err := f.SendMessage(t.Context(), a, tc.draft)
			if kindOf(err) != tc.kind || err.Error() != tc.text {
				t.Errorf("%.20q: %v", tc.draft.Text, err)
			}
		}
		if _, err := f.SendMessage(t.Context(), chat.Actor{UserID: "stranger"}, chat.Draft{Text: "let me in"}); kindOf(err) != chat.NotFound {
			t.Errorf("a stranger: %v", err)
		}
		m := f.send(a, "", "  kept <b>as</b>  it is\n")
		if m.Seq != 1 || m.Text != "kept <b>as</b>  it is" {
			t.Fatalf("%+v", m)
		}
		f.send(a, "", strings.Repeat("é", 4000))
		f.checkContiguous()
	})
}

func TestHistoryPages(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.guest("Ana")
		const total = 95
		for i := range total {
			f.send(a, fmt.Sprint(i), fmt.Sprint(i+1))
		}
		page := func(q chat.HistoryQuery) chat.HistoryPage {
			t.Helper()
			p, err := f.History(t.Context(), a, q)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		newest := page(chat.HistoryQuery{})
		if len(newest.Messages) != 40 || !newest.HasMore || newest.Messages[0].Seq != 56 || newest.Messages[39].Seq != 95 {
			t.Fatalf("the newest page has %d messages from %d", len(newest.Messages), newest.Messages[0].Seq)
		}
		for limit := 1; limit <= 100; limit += 7 {
			var back, forth []int64
			for before := int64(0); ; {
				p := page(chat.HistoryQuery{BeforeSeq: before, Limit: limit})
				for i := len(p.Messages) - 1; i >= 0; i-- {
					back = append(back, p.Messages[i].Seq)
				}
				if !p.HasMore {
					break
				}
				before = p.Messages[0].Seq
			}
			for after := int64(0); ; {
				p := page(chat.HistoryQuery{AfterSeq: &after, Limit: limit})
				for _, m := range p.Messages {
					forth = append(forth, m.Seq)
				}
				if !p.HasMore {
					break
				}
				after = p.Messages[len(p.Messages)-1].Seq
			}
			slices.Reverse(back)
			if len(back) != total || !slices.Equal(back, forth) {
				t.Fatalf("pages of %d: back %v, forth %v", limit, back, forth)
			}
		}
		if _, err := f.History(t.Context(), chat.Actor{UserID: "stranger"}, chat.HistoryQuery{}); kindOf(err) != chat.NotFound {
			t.Fatalf("a stranger reads: %v", err)
		}
	})
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"":                      "Invalid username",
		"  ":                    "Invalid username",
		"a\nb":                  "Invalid username",
		"a\u202eb":              "Invalid username",
		"\xff\xfe":              "Invalid username",
		" x ":                   "Username too short",
		strings.Repeat("x", 31): "Username too long",
	} {
		if _, err := chat.CleanName(name); err == nil || err.Error() != want || kindOf(err) != chat.Invalid {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"Al", strings.Repeat("é", 30), "李小龙", "<script>"} {
		if got, err := chat.CleanName("  " + name + " "); err != nil || got != name {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

func TestRenameShowsInHistory(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.guest("Ana")
		f.send(a, "", "hello")
		if _, err := f.RenameUser(t.Context(), a, "Anastasia"); err != nil {
			t.Fatal(err)
		}
		p, err := f.History(t.Context(), a, chat.HistoryQuery{})
		if err != nil || p.Messages[0].SenderName != "Anastasia" {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}

// A batch that fails answers everybody, leaves no gap, and says whether trying again is safe.
func TestFailedCommitsAreToldAndLeaveNoGap(t *testing.T) {
	f := open(t, db.Options{Dir: t.TempDir()})
	a := f.guest("Ana")
	f.send(a, "1", "before")
	f.exec(`CREATE TRIGGER broken BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'disk is full'); END`)
	_, err := f.SendMessage(t.Context(), a, chat.Draft{ClientID: "2", Text: "lost?"})
	if kindOf(err) != chat.Unavailable || chat.AsError(err).RetryAfter <= 0 {
		t.Fatalf("got %v", err)
	}
	f.exec(`DROP TRIGGER broken`)
	if m := f.send(a, "2", "lost?"); m.Seq != 2 {
		t.Fatalf("seq %d after a rollback", m.Seq)
	}
	f.checkContiguous()
}

func (f *fixture) exec(text string, args ...any) {
	f.t.Helper()
	if err := f.db.Tx(f.t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(f.t.Context(), text, args...); return err }); err != nil {
		f.t.Fatal(err)
	}
}

func TestAfterCloseNothingIsAccepted(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.guest("Ana")
		f.Close()
		if _, err := f.SendMessage(t.Context(), a, chat.Draft{Text: "late"}); kindOf(err) != chat.Unavailable {
			t.Fatalf("got %v", err)
		}
	})
}

func TestACallerThatLeavesIsNotLiedTo(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		a := f.guest("Ana")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m, err := f.SendMessage(ctx, a, chat.Draft{ClientID: "c", Text: "hello"})
		if err == nil && m.Seq != 1 || err != nil && kindOf(err) != chat.Retry {
			t.Fatalf("%+v, %v", m, err)
		}
		if m := f.send(a, "c", "hello"); m.Seq != 1 {
			t.Fatalf("%+v", m)
		}
	})
}

func TestReopening(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		c, err := chat.New(t.Context(), chat.Options{DB: d})
		if err != nil {
			t.Fatal(err)
		}
		u, err := c.CreateGuest(t.Context(), "Ana")
		if err != nil {
			t.Fatal(err)
		}
		a := chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
		first, err := c.SendMessage(t.Context(), a, chat.Draft{ClientID: "c", Text: "kept"})
		if err != nil {
			t.Fatal(err)
		}
		before, err := c.Room(t.Context(), a, chat.Lobby)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		f := open(t, o)
		if again := f.send(a, "c", "kept"); again.ID != first.ID {
			t.Fatal("the client id was forgotten")
		}
		if after, err := f.Room(t.Context(), a, chat.Lobby); err != nil || after != before {
			t.Fatalf("%+v, then %+v, %v", before, after, err)
		}
	})
}

func TestErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("cause")
	e := chat.AsError(fmt.Errorf("wrapped: %w", cause))
	if e.Kind != chat.Internal || !errors.Is(e, cause) || strings.Contains(e.Message, "cause") {
		t.Fatalf("%+v", e)
	}
}

// Durable messages per second over many senders, each waiting for its acknowledgement.
func BenchmarkSendMessage(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkSend(b, db.Options{Dir: b.TempDir()}) })
	b.Run("postgres", func(b *testing.B) { benchmarkSend(b, dbtest.NewPostgres(b)) })
}

func benchmarkSend(b *testing.B, o db.Options) {
	d, err := db.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	c, err := chat.New(b.Context(), chat.Options{DB: d})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { c.Close(); _ = d.Close() }()
	const senders = 200
	actors, rooms := make([]chat.Actor, senders), []string{chat.Lobby}
	for i := range actors {
		u, err := c.CreateGuest(b.Context(), fmt.Sprintf("sender %d", i))
		if err != nil {
			b.Fatal(err)
		}
		actors[i] = chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}
	}
	for i := range 9 {
		owner := actors[i]
		owner.Role = chat.Member
		r, err := c.CreateRoom(b.Context(), owner, chat.RoomDraft{Name: fmt.Sprint("room ", i)})
		if err != nil {
			b.Fatal(err)
		}
		rooms = append(rooms, r.ID)
		for j, a := range actors {
			if j%10 == i+1 {
				if _, err := c.JoinRoom(b.Context(), a, r.ID); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ResetTimer()
	start := time.Now()
	var wg sync.WaitGroup
	for i, a := range actors {
		wg.Go(func() {
			for n := i; n < b.N; n += senders {
				d := chat.Draft{RoomID: rooms[i%10], ClientID: fmt.Sprint(n), Text: "a message of ordinary length, as people write them"}
				if _, err := c.SendMessage(b.Context(), a, d); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "messages/s")
}

// The time from sending to the acknowledgement, at 2,000 messages a second from 200 senders.
func BenchmarkAckLatency(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkAcks(b, db.Options{Dir: b.TempDir()}) })
	b.Run("postgres", func(b *testing.B) { benchmarkAcks(b, dbtest.NewPostgres(b)) })
}

func benchmarkAcks(b *testing.B, o db.Options) {
	d, err := db.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	c, err := chat.New(b.Context(), chat.Options{DB: d})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { c.Close(); _ = d.Close() }()
	const senders, perSecond, seconds = 200, 2000, 5
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range senders {
		u, err := c.CreateGuest(b.Context(), fmt.Sprintf("sender %d", i))
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			time.Sleep(time.Duration(i) * time.Second * senders / perSecond / senders)
			for n := range seconds * perSecond / senders {
				sent := time.Now()
				if _, err := c.SendMessage(b.Context(), chat.Actor{UserID: u.ID, Name: u.Name}, chat.Draft{ClientID: fmt.Sprint(n), Text: "a message of ordinary length, as people write them"}); err != nil {
					b.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(sent))
				mu.Unlock()
				time.Sleep(time.Until(sent.Add(time.Second * senders / perSecond)))
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/time.Since(begun).Seconds(), "messages/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	b.ReportMetric(0, "ns/op")
}

// What a server does when somebody opens a room of a million messages: the room, its newest page, and who is in it.
func BenchmarkOpenRoomOfAMillion(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkOpen(b, db.Options{Dir: b.TempDir()}) })
	b.Run("postgres", func(b *testing.B) { benchmarkOpen(b, dbtest.NewPostgres(b)) })
}

func benchmarkOpen(b *testing.B, o db.Options) {
	d, err := db.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	c, err := chat.New(b.Context(), chat.Options{DB: d})
	if err != nil {
		b.Fatal(err)
	}
	u, err := c.CreateGuest(b.Context(), "Ana")
	if err != nil {
		b.Fatal(err)
	}
	c.Close() // its index would be made meanwhile
	seed(b, d, u.ID, 1)
	a := chat.Actor{UserID: u.ID, Name: u.Name}
	for b.Loop() {
		r, err := c.MyRoom(b.Context(), a, "r0")
		if err != nil || r.LastSeq != searched {
			b.Fatal(r, err)
		}
		page, err := c.History(b.Context(), a, chat.HistoryQuery{RoomID: "r0"})
		if err != nil || len(page.Messages) != 40 {
			b.Fatal(len(page.Messages), err)
		}
		if _, err := c.Members(b.Context(), a, "r0", "", false); err != nil {
			b.Fatal(err)
		}
	}
}

// A node that is stopped in the midst of a transaction holds back the others who write in its rooms for some seconds and no longer; when it goes on,
// what it was at is rolled back, and done anew.
func TestAStoppedNodeHoldsNobodyBack(t *testing.T) {
	o := dbtest.NewPostgres(t)
	f := open(t, o)
	ana := f.account("ana")
	stopped, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stopped.Close() }()
	locked, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	attempts := 0
	go func() {
		ended <- stopped.Tx(t.Context(), func(tx *db.Tx) error {
			attempts++
			_, err := tx.Exec(t.Context(), `UPDATE rooms SET topic = $1 WHERE id = $2`, fmt.Sprint("attempt ", attempts), chat.Lobby)
			if attempts == 1 {
				close(locked)
				<-goOn
				_, err = tx.Exec(t.Context(), `UPDATE rooms SET topic = 'stale' WHERE id = $1`, chat.Lobby)
			}
			return err
		})
	}()
	<-locked
	begun := time.Now()
	if m := f.say(ana, chat.Lobby, "meanwhile"); m.Seq != 1 {
		t.Errorf("seq %d", m.Seq)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the others waited %v", took)
	}
	close(goOn)
	if err := <-ended; err != nil || attempts != 2 {
		t.Errorf("the stopped one went on: %d attempts, %v", attempts, err)
	}
	r, err := f.MyRoom(t.Context(), ana, chat.Lobby)
	if err != nil || r.Topic != "attempt 2" {
		t.Errorf("topic %q, %v", r.Topic, err)
	}
}
