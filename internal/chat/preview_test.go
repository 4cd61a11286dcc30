package chat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// theWeb has pages with the last part of their address for a title, and notes who was asked. Pages below none.test are not there, those below
// slow.test answer when the test is over.
type theWeb struct {
	mu    sync.Mutex
	asked []string
}

func (w *theWeb) page(ctx context.Context, url string) (*chat.Page, error) {
	w.mu.Lock()
	w.asked = append(w.asked, url)
	w.mu.Unlock()
	switch {
	case strings.HasPrefix(url, "https://none.test"):
		return nil, errors.New("it is not there")
	case strings.HasPrefix(url, "https://busy.test"):
		return nil, &chat.Error{Kind: chat.Unavailable, Message: "busy"}
	case strings.HasPrefix(url, "https://slow.test"):
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &chat.Page{Title: url[strings.LastIndex(url, "/")+1:], Site: "site", JPEG: []byte("picture of " + url), Width: 40, Height: 30}, nil
}

func (w *theWeb) times(url string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.asked {
		if u == url {
			n++
		}
	}
	return n
}

func eachOnline(t *testing.T, limits chat.Limits, run func(t *testing.T, f *fixture, w *theWeb)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		w := &theWeb{}
		run(t, openOnline(t, o, limits, w.page), w)
	})
}

// titles waits until a message shows previews with these titles.
func (f *fixture) titles(a chat.Actor, m chat.Message, want ...string) []chat.Preview {
	f.t.Helper()
	var got []string
	var shown []chat.Preview
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		now, err := f.Message(f.t.Context(), a, m.RoomID, m.ID)
		if err != nil {
			f.t.Fatal(err)
		}
		got, shown = nil, nil
		if now.Previews != nil {
			shown = now.Previews.Shown
		}
		for _, p := range shown {
			got = append(got, p.Title)
		}
		if slices.Equal(got, want) {
			return shown
		}
	}
	f.t.Fatalf("it shows %q, want %q", got, want)
	return nil
}

func TestPreviews(t *testing.T) {
	eachOnline(t, chat.Limits{}, func(t *testing.T, f *fixture, w *theWeb) {
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Kind: chat.Private, Members: []string{ben.UserID}})
		old := f.snapshot(ben, room)
		m := f.say(ana, room, "see https://a.test/one#there, [this](https://a.test/two), `https://a.test/code` and ||https://a.test/spoiler||")
		if m.Previews != nil {
			t.Fatal("the message waited for its previews")
		}
		shown := f.titles(ben, m, "one", "two")
		want := chat.Preview{URL: "https://a.test/one#there", Title: "one", Site: "site", Picture: shown[0].Picture, Width: 40, Height: 30}
		if shown[0] != want {
			t.Fatalf("%+v", shown[0])
		}
		if picture, kind, err := f.PreviewPicture(ctx, shown[0].Picture); err != nil || kind != "image/jpeg" || string(picture) != "picture of https://a.test/one" {
			t.Fatalf("%q, %s, %v", picture, kind, err)
		}
		if _, _, err := f.PreviewPicture(ctx, "none"); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
		f.same(ben, room, old)

		// Asked once, for whoever links to it.
		f.titles(ana, f.say(ben, room, "https://a.test/one#elsewhere"), "one")
		f.titles(ana, f.say(ben, f.thread(ana, room, m).ID, "https://a.test/one"), "one")
		if n := w.times("https://a.test/one"); n != 1 {
			t.Fatalf("asked %d times", n)
		}

		// An edit takes away what it links to no more, and brings what it links to now.
		edited, err := f.EditMessage(ctx, ana, room, m.ID, "only https://a.test/two and https://a.test/three")
		if err != nil || edited.Previews == nil || len(edited.Previews.Shown) != 1 || edited.Previews.Shown[0].Title != "two" {
			t.Fatalf("%+v, %v", edited.Previews, err)
		}
		f.titles(ben, m, "two", "three")
		f.same(ben, room, old)

		// Pages that say nothing are not asked again at once; who was too busy to ask asks the next time.
		for range 2 {
			f.titles(ana, f.say(ben, room, "https://none.test/x https://busy.test/x https://a.test/four"), "four")
		}
		if none, busy := w.times("https://none.test/x"), w.times("https://busy.test/x"); none != 1 || busy != 2 {
			t.Fatalf("asked %d and %d times", none, busy)
		}
		f.titles(ana, f.say(ben, room, "https://a.test/1 https://a.test/2 https://a.test/3 https://a.test/4"), "1", "2", "3")

		if got, err := f.DeleteMessage(ctx, ana, room, m.ID); err != nil || got.Previews != nil {
			t.Fatalf("%+v, %v", got, err)
		}
		if n := f.number(`SELECT count(*) FROM preview_uses WHERE message_id = '` + m.ID + `'`); n != 0 {
			t.Fatalf("%d pictures are kept for it", n)
		}
		f.same(ben, room, old)
	})
}

func (f *fixture) number(query string) (n int) {
	f.t.Helper()
	if err := f.db.QueryRow(f.t.Context(), query).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

func TestPreviewsAreRemoved(t *testing.T) {
	eachOnline(t, chat.Limits{}, func(t *testing.T, f *fixture, _ *theWeb) {
		ctx, owner, ana, ben := t.Context(), f.account("owner"), f.account("ana"), f.account("ben")
		room := f.room(owner, chat.RoomDraft{Name: "Room", Members: []string{ana.UserID, ben.UserID}})
		old := f.snapshot(ben, room)
		remove := func(a chat.Actor, m chat.Message, url string, want chat.Kind) chat.Message {
			t.Helper()
			got, err := f.RemovePreview(ctx, a, m.RoomID, m.ID, url)
			if kindOf(err) != want {
				t.Fatalf("%s: %v", a.Name, err)
			}
			return got
		}
		m := f.say(ana, room, "https://a.test/one https://a.test/two")
		f.titles(ben, m, "one", "two")
		remove(ben, m, "", chat.Forbidden)
		remove(f.account("eve"), m, "", chat.NotFound)
		remove(ana, m, "https://a.test/three", chat.NotFound)
		if got := remove(ana, m, "https://a.test/one", ""); len(got.Previews.Shown) != 1 || got.Previews.Shown[0].Title != "two" || got.Version == m.Seq {
			t.Fatalf("%+v", got.Previews)
		}
		was := remove(ana, m, "https://a.test/one", "") // which it is already
		if got := remove(owner, m, "", ""); len(got.Previews.Shown) != 0 || got.Version == was.Version {
			t.Fatalf("%+v", got.Previews)
		}
		f.same(ben, room, old)
		// An edit does not bring them back.
		if _, err := f.EditMessage(ctx, ana, room, m.ID, "https://a.test/one https://a.test/two https://a.test/three"); err != nil {
			t.Fatal(err)
		}
		f.titles(ben, m, "three")
		f.same(ben, room, old)
		plain := f.say(ana, room, "no links")
		if got := remove(ana, plain, "", ""); got.Version != plain.Version {
			t.Fatal("an entry of nothing")
		}
		remove(ana, f.deleted(ana, room), "", chat.NotFound)
	})
}

// A room has no previews when it wants none, and a conversation when one of the two wants none.
func TestPreviewsAreOffWhereTheyAreOff(t *testing.T) {
	eachOnline(t, chat.Limits{}, func(t *testing.T, f *fixture, w *theWeb) {
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		off, on := false, true
		room := f.room(ana, chat.RoomDraft{Name: "Room", Members: []string{ben.UserID}})
		direct, err := f.OpenDirect(ctx, ben, []string{ana.UserID})
		if err != nil || !direct.Previews {
			t.Fatalf("%+v, %v", direct, err)
		}
		if _, err := f.UpdateRoom(ctx, ben, room, chat.RoomChange{Previews: &off}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		name := "Ours"
		if _, err := f.UpdateRoom(ctx, ben, direct.ID, chat.RoomChange{Previews: &off, Name: &name}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		root := f.say(ana, room, "a thread without")
		old := f.snapshot(ben, room)
		for id, a := range map[string]chat.Actor{room: ana, direct.ID: ben} {
			if r, err := f.UpdateRoom(ctx, a, id, chat.RoomChange{Previews: &off}); err != nil || r.Previews {
				t.Fatalf("%+v, %v", r, err)
			}
			f.say(ana, id, "https://a.test/"+id)
		}
		f.same(ben, room, old)
		f.say(ana, f.thread(ana, room, root).ID, "https://a.test/thread")
		f.titles(ana, f.say(ana, chat.Lobby, "https://a.test/last"), "last")
		if _, err := f.UpdateRoom(ctx, ana, room, chat.RoomChange{Previews: &on}); err != nil {
			t.Fatal(err)
		}
		f.titles(ben, f.say(ana, room, "https://a.test/now"), "now")
		if n := w.times("https://a.test/"+room) + w.times("https://a.test/"+direct.ID) + w.times("https://a.test/thread"); n != 0 {
			t.Fatalf("asked %d times", n)
		}
	})
}

// Whose links are slow waits alone.
func TestSlowPagesHoldUpNobodyElse(t *testing.T) {
	eachOnline(t, chat.Limits{Previews: 2}, func(t *testing.T, f *fixture, w *theWeb) {
		ana, ben := f.account("ana"), f.account("ben")
		for i := range 50 {
			f.say(ana, chat.Lobby, fmt.Sprintf("https://slow.test/%d https://slow.test/a%d https://slow.test/b%d", i, i, i))
		}
		f.titles(ana, f.say(ben, chat.Lobby, "https://a.test/quick"), "quick")
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.asked); n > 9 { // four messages with two links each, and the quick one
			t.Fatalf("%d pages were asked", n)
		}
	})
}

// A server that ends while pages are asked asks them when it is there again, for messages and edits alike.
func TestPreviewsSurviveTheServersEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		asked := make(chan string, 100)
		hangs := func(ctx context.Context, url string) (*chat.Page, error) {
			asked <- url
			<-ctx.Done()
			return nil, ctx.Err()
		}
		before := openOnline(t, o, chat.Limits{}, hangs)
		ana, ben := before.account("ana"), before.account("ben")
		edited := before.say(ben, chat.Lobby, "nothing")
		sent := before.say(ana, chat.Lobby, "https://a.test/sent")
		if _, err := before.EditMessage(t.Context(), ben, chat.Lobby, edited.ID, "https://a.test/edited"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			select {
			case <-asked:
			case <-time.After(10 * time.Second):
				t.Fatal("the pages are not asked")
			}
		}
		before.Close()

		w := &theWeb{}
		f := openOnline(t, o, chat.Limits{}, w.page)
		f.titles(ana, sent, "sent")
		f.titles(ben, edited, "edited")
		f.Close()
		entries := f.number(`SELECT count(*) FROM log`)

		// The next time there is nothing left to be done.
		again := openOnline(t, o, chat.Limits{}, w.page)
		again.titles(ana, again.say(ana, chat.Lobby, "https://a.test/last"), "last")
		if n := again.number(`SELECT count(*) FROM log`); n != entries+2 {
			t.Fatalf("%d entries after %d, a message and its preview", n, entries)
		}
		if n := w.times("https://a.test/sent"); n != 1 {
			t.Fatalf("asked %d times", n)
		}
	})
}

// What was found is forgotten after a day, and a picture when no message shows it.
func TestOldPreviewsAreForgotten(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		w := &theWeb{}
		f := openOnline(t, o, chat.Limits{}, w.page)
		ana := f.account("ana")
		kept, gone := f.say(ana, chat.Lobby, "https://a.test/kept"), f.say(ana, chat.Lobby, "https://a.test/gone")
		picture := f.titles(ana, kept, "kept")[0].Picture
		forgotten := f.titles(ana, gone, "gone")[0].Picture
		if _, err := f.RemovePreview(t.Context(), ana, chat.Lobby, gone.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.PreviewPicture(t.Context(), forgotten); err != nil { // the page is still known
			t.Fatal(err)
		}
		later, err := chat.New(t.Context(), chat.Options{DB: f.db, Preview: w.page, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(later.Close)
		f.until("forgotten", func() bool {
			_, _, err := f.PreviewPicture(t.Context(), forgotten)
			return kindOf(err) == chat.NotFound && f.number(`SELECT count(*) FROM previews`) == 0
		})
		if _, _, err := f.PreviewPicture(t.Context(), picture); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever happens to messages with links while their pages are asked: an old copy and the entries after it are a fresh copy.
func TestPreviewsAreInTheLog(t *testing.T) {
	eachOnline(t, chat.Limits{}, func(t *testing.T, f *fixture, _ *theWeb) {
		ctx, r := t.Context(), rand.New(rand.NewPCG(3, uint64(len(t.Name()))))
		owner := f.account("owner")
		people := []chat.Actor{owner, f.account("ana"), f.account("ben"), f.account("cleo")}
		room := f.room(owner, chat.RoomDraft{Name: "Links", Members: []string{people[1].UserID, people[2].UserID, people[3].UserID}})
		var ids []string
		var stale []*roomCopy
		for step := range 300 {
			if step%50 == 0 {
				stale = append(stale, f.snapshot(owner, room))
			}
			a, some := people[r.IntN(len(people))], ""
			if len(ids) > 0 {
				some = ids[max(0, len(ids)-1-r.IntN(10))]
			}
			text := fmt.Sprintf("https://a.test/%d https://a.test/%d https://none.test/%d", r.IntN(20), r.IntN(20), r.IntN(20))
			var err error
			switch r.IntN(10) {
			case 0, 1, 2, 3:
				var m chat.Message
				m, err = f.SendMessage(ctx, a, chat.Draft{RoomID: room, Text: text})
				ids = append(ids, m.ID)
			case 4, 5, 6:
				_, err = f.EditMessage(ctx, a, room, some, text)
			case 7:
				_, err = f.RemovePreview(ctx, a, room, some, "")
			case 8:
				_, err = f.DeleteMessage(ctx, a, room, some)
			case 9:
				on := r.IntN(4) > 0
				_, err = f.UpdateRoom(ctx, owner, room, chat.RoomChange{Previews: &on})
			}
			if kind := kindOf(err); !slices.Contains([]chat.Kind{"", chat.NotFound, chat.Forbidden}, kind) {
				t.Fatal(err)
			}
		}
		f.Close() // nobody is asked any more
		fresh, told := f.snapshot(owner, room), 0
		for i, s := range stale {
			live, asked := s.clone(), s.clone()
			f.mu.Lock()
			for _, e := range f.events {
				if e.Entry != nil && e.Entry.RoomID == room {
					live.apply(t, e.Entry)
					if e.Entry.Kind == chat.KindPreview && i == 0 {
						told++
					}
				}
			}
			f.mu.Unlock()
			f.catchUp(owner, asked)
			for name, got := range map[string]*roomCopy{"live": live, "asked for": asked} {
				if diff := cmp.Diff(fresh, got, cmp.AllowUnexported(roomCopy{}), cmp.FilterPath(ignored, cmp.Ignore())); diff != "" {
					t.Fatalf("copy %d with events %s differs (-fresh +copy):\n%s", i, name, diff)
				}
			}
		}
		if told < 20 {
			t.Fatalf("only %d entries of previews: nothing was tested", told)
		}
	})
}
