package chat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// personalCopy is what a device knows of what is its person's own.
type personalCopy struct {
	items   map[string]chat.Personal // by kind and key
	version int64
}

func (c *personalCopy) apply(p chat.Personal) {
	c.version = p.Version
	if id := string(p.Kind) + " " + p.Key; p.Gone {
		delete(c.items, id)
	} else {
		c.items[id] = p
	}
}

// catchUpPersonal brings a copy up to date by asking.
func (f *fixture) catchUpPersonal(a chat.Actor, c *personalCopy) *personalCopy {
	f.t.Helper()
	for {
		news, err := f.PersonalSince(f.t.Context(), a, c.version)
		if err != nil {
			f.t.Fatal(err)
		}
		if news.Reset {
			*c = personalCopy{items: map[string]chat.Personal{}}
			continue
		}
		for _, p := range news.Items {
			c.apply(p)
		}
		if c.version = news.Version; !news.HasMore {
			return c
		}
	}
}

// Whatever somebody does on one device: an old copy on another and what is told afterwards are what a fresh reading gives.
func TestPersonalCopiesStayFresh(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		r := rand.New(rand.NewPCG(2, 2))
		ana, ben := f.account("ana"), f.account("ben")
		var rooms []string
		var messages []chat.Message
		for i := range 4 {
			rooms = append(rooms, f.room(ana, chat.RoomDraft{Name: fmt.Sprint("Room ", i)}))
			messages = append(messages, f.say(ana, rooms[i], "text"))
		}
		var stale []*personalCopy
		for step := range 300 {
			if step%60 == 0 {
				stale = append(stale, f.catchUpPersonal(ana, &personalCopy{items: map[string]chat.Personal{}}))
			}
			f.personalStep(r, ana, ben, rooms[r.IntN(4)], messages[r.IntN(4)])
		}
		fresh := f.catchUpPersonal(ana, &personalCopy{items: map[string]chat.Personal{}})
		f.mu.Lock()
		events := slices.Clone(f.events)
		f.mu.Unlock()
		for i, old := range stale {
			live := &personalCopy{items: map[string]chat.Personal{}, version: old.version}
			for id, p := range old.items {
				live.items[id] = p
			}
			for _, e := range events {
				if p := e.Personal; p != nil && p.Version > live.version {
					if p.Version != live.version+1 || p.UserID != ana.UserID {
						t.Fatalf("version %d of %s after %d", p.Version, p.UserID, live.version)
					}
					live.apply(*p)
				}
			}
			for name, got := range map[string]*personalCopy{"live": live, "asked for": f.catchUpPersonal(ana, old)} {
				if diff := cmp.Diff(fresh, got, cmp.AllowUnexported(personalCopy{})); diff != "" {
					t.Fatalf("copy %d with events %s differs (-fresh +copy):\n%s", i, name, diff)
				}
			}
		}
		if len(fresh.items) == 0 || fresh.version < 100 {
			t.Fatalf("%d items at version %d: nothing was tested", len(fresh.items), fresh.version)
		}
		if other := f.catchUpPersonal(ben, &personalCopy{items: map[string]chat.Personal{}}); len(other.items) != 0 {
			t.Fatalf("somebody else has %+v", other.items)
		}
	})
}

func (f *fixture) personalStep(r *rand.Rand, a, other chat.Actor, room string, m chat.Message) {
	f.t.Helper()
	ctx, on := f.t.Context(), r.IntN(3) > 0
	var err error
	switch r.IntN(6) {
	case 0:
		_, err = f.SaveMessage(ctx, a, m.RoomID, m.ID, on)
	case 1:
		_, err = f.SetDraft(ctx, a, chat.KeptDraft{RoomID: room, Text: strings.Repeat("x", r.IntN(3))}, time.Time{})
	case 2:
		level := []chat.Level{"", chat.LevelAll, chat.LevelNone}[r.IntN(3)]
		_, err = f.SetRoom(ctx, a, room, chat.RoomSettingsChange{Level: &level, Favourite: &on})
	case 3:
		_, err = f.SetNotify(ctx, a, chat.NotifySettings{Keywords: []string{fmt.Sprint("word", r.IntN(5))}})
	case 4:
		_, err = f.SetPrivacy(ctx, a, chat.Privacy{DirectFrom: chat.FromShared})
	case 5:
		block := &chat.Block{Ignore: r.IntN(2) == 0}
		if !on {
			block = nil
		}
		_, err = f.BlockPerson(ctx, a, other.UserID, block)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// What is gone is remembered for a while only: a device that knows less than that begins anew.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana := f.account("ana")
		draft := func(room, text string) {
			t.Helper()
			if _, err := f.SetDraft(t.Context(), ana, chat.KeptDraft{RoomID: room, Text: text}, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		room := f.room(ana, chat.RoomDraft{Name: "Room"})
		draft(room, "x")
		draft(room, "")
		if news, err := f.PersonalSince(t.Context(), ana, 1); err != nil || news.Reset || len(news.Items) != 1 || !news.Items[0].Gone {
			t.Fatalf("%+v, %v", news, err)
		}
		f.exec(`UPDATE personal_heads SET version = version + 2000 WHERE user_id = $1`, ana.UserID)
		draft(chat.Lobby, "x")
		draft(chat.Lobby, "")
		if news, err := f.PersonalSince(t.Context(), ana, 1); err != nil || !news.Reset {
			t.Fatalf("%+v, %v", news, err)
		}
		if news, err := f.PersonalSince(t.Context(), ana, 1<<40); err != nil || !news.Reset {
			t.Fatalf("from the future: %+v, %v", news, err)
		}
		if news, err := f.PersonalSince(t.Context(), ana, 0); err != nil || news.Reset || len(news.Items) != 0 {
			t.Fatalf("%+v, %v", news, err)
		}
	})
}

func TestPersonalLimits(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := openWith(t, o, chat.Limits{Pins: 2, Saved: 2, Drafts: 2, Keywords: 2, Blocks: 2, MessageChars: 50})
		ctx := t.Context()
		ana := f.account("ana")
		for i := range 3 {
			room := f.room(ana, chat.RoomDraft{Name: fmt.Sprint("Room ", i)})
			m, other := f.say(ana, room, "text"), f.account(fmt.Sprint("other", i))
			_, saved := f.SaveMessage(ctx, ana, room, m.ID, true)
			_, draft := f.SetDraft(ctx, ana, chat.KeptDraft{RoomID: room, Text: "x"}, time.Time{})
			_, block := f.BlockPerson(ctx, ana, other.UserID, &chat.Block{})
			_, keywords := f.SetNotify(ctx, ana, chat.NotifySettings{Keywords: []string{"aa", "bb", "cc"}[:i+1]})
			_, pin := f.PinMessage(ctx, ana, chat.Lobby, f.say(ana, chat.Lobby, "pin").ID, true)
			for name, err := range map[string]error{"saved": saved, "draft": draft, "block": block, "keywords": keywords, "pin": pin} {
				if want := map[bool]chat.Kind{true: chat.TooLarge}[i == 2]; kindOf(err) != want {
					t.Errorf("%s no. %d: %v", name, i, err)
				}
			}
		}
		for name, err := range map[string]error{
			"long draft":   second(f.SetDraft(ctx, ana, chat.KeptDraft{RoomID: chat.Lobby, Text: strings.Repeat("x", 51)}, time.Time{})),
			"long keyword": second(f.SetNotify(ctx, ana, chat.NotifySettings{Keywords: []string{strings.Repeat("x", 51)}})),
		} {
			if kindOf(err) != chat.TooLarge {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"keyword":  second(f.SetNotify(ctx, ana, chat.NotifySettings{Keywords: []string{"!?"}})),
			"level":    second(f.SetNotify(ctx, ana, chat.NotifySettings{Level: "some"})),
			"quiet":    second(f.SetNotify(ctx, ana, chat.NotifySettings{QuietFrom: "22:00"})),
			"hours":    second(f.SetNotify(ctx, ana, chat.NotifySettings{QuietFrom: "22:00", QuietTo: "25:00"})),
			"draft":    second(f.SetDraft(ctx, ana, chat.KeptDraft{RoomID: chat.Lobby, Text: "\xff"}, time.Time{})),
			"privacy":  second(f.SetPrivacy(ctx, ana, chat.Privacy{DirectFrom: "friends"})),
			"yourself": second(f.BlockPerson(ctx, ana, ana.UserID, &chat.Block{})),
		} {
			if kindOf(err) != chat.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestDraftsOfTwoDevices(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana := t.Context(), f.account("ana")
		now := time.Now()
		set := func(text string, at time.Time) string {
			t.Helper()
			p, err := f.SetDraft(ctx, ana, chat.KeptDraft{RoomID: chat.Lobby, Text: text}, at)
			if err != nil {
				t.Fatal(err)
			}
			if p.Draft == nil {
				return ""
			}
			return p.Draft.Text
		}
		if got := set("later", now.Add(-time.Minute)); got != "later" {
			t.Fatal(got)
		}
		if got := set("earlier", now.Add(-time.Hour)); got != "later" {
			t.Fatalf("an earlier one took its place: %q", got)
		}
		if got := set("from the future", now.Add(time.Hour)); got != "from the future" { // it counts as now
			t.Fatal(got)
		}
		if got := set("", time.Time{}); got != "" {
			t.Fatal(got)
		}
		if got := set("before it was sent", now.Add(-time.Second)); got != "" {
			t.Fatalf("it came back: %q", got)
		}
		ben := f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Kind: chat.Private})
		if _, err := f.SetDraft(ctx, ben, chat.KeptDraft{RoomID: room, Text: "x"}, time.Time{}); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
	})
}

func TestSavedMessages(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Kind: chat.Private, Members: []string{ben.UserID}})
		m := f.say(ana, room, "remember this")
		reply := f.say(ana, f.thread(ana, room, m).ID, "and this")
		for _, one := range []chat.Message{m, reply, f.say(ana, chat.Lobby, "open")} {
			if _, err := f.SaveMessage(ctx, ben, one.RoomID, one.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.SaveMessage(ctx, f.account("eve"), room, m.ID, true); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
		texts := func() (out []string) {
			list, err := f.SavedMessages(ctx, ben, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				if s.Message == nil {
					out = append(out, "-")
				} else {
					out = append(out, s.Message.Text)
				}
			}
			return out
		}
		if got := texts(); !slices.Equal(got, []string{"open", "and this", "remember this"}) {
			t.Fatal(got)
		}
		if err := f.KickMember(ctx, ana, room, ben.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		if got := texts(); !slices.Equal(got, []string{"open", "-", "-"}) {
			t.Fatalf("outside of the room: %q", got)
		}
		if _, err := f.SaveMessage(ctx, ben, room, m.ID, false); err != nil { // it can be let go of all the same
			t.Fatal(err)
		}
		if got := texts(); len(got) != 2 {
			t.Fatal(got)
		}
	})
}

func TestPins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		f := openWith(t, o, chat.Limits{PinRole: chat.Moderator})
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Kind: chat.Private, History: chat.HistoryAll, Members: []string{ben.UserID}})
		old := f.snapshot(ben, room)
		one, two := f.say(ben, room, "one"), f.say(ben, room, "two")
		if _, err := f.PinMessage(ctx, ben, room, one.ID, true); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		for _, m := range []chat.Message{one, two, one} {
			if m, err := f.PinMessage(ctx, ana, room, m.ID, true); err != nil || m.Pinned == nil || m.Pinned.UserID != ana.UserID {
				t.Fatalf("%+v, %v", m, err)
			}
		}
		if m, err := f.EditMessage(ctx, ben, room, two.ID, "two, edited"); err != nil || m.Pinned == nil {
			t.Fatalf("%+v, %v", m, err)
		}
		if pins, err := f.Pins(ctx, ben, room); err != nil || len(pins) != 2 || pins[0].Text != "two, edited" {
			t.Fatalf("%+v, %v", pins, err)
		}
		if m, err := f.DeleteMessage(ctx, ben, room, two.ID); err != nil || m.Pinned != nil {
			t.Fatalf("%+v, %v", m, err)
		}
		if m, err := f.PinMessage(ctx, ana, room, one.ID, false); err != nil || m.Pinned != nil {
			t.Fatalf("%+v, %v", m, err)
		}
		if pins, err := f.Pins(ctx, ben, room); err != nil || len(pins) != 0 {
			t.Fatalf("%+v, %v", pins, err)
		}
		f.same(ben, room, old)
		direct, err := f.OpenDirect(ctx, ben, []string{ana.UserID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.PinMessage(ctx, ben, direct.ID, f.say(ana, direct.ID, "hi").ID, true); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Pins(ctx, f.account("eve"), room); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
	})
}

func TestBlocking(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		admin, ana, ben, cleo := f.account("admin"), f.account("ana"), f.account("ben"), f.account("cleo")
		direct, err := f.OpenDirect(ctx, ana, []string{ben.UserID})
		if err != nil {
			t.Fatal(err)
		}
		f.say(ben, direct.ID, "before")
		block := func(a, b chat.Actor, how *chat.Block) {
			t.Helper()
			if _, err := f.BlockPerson(ctx, a, b.UserID, how); err != nil {
				t.Fatal(err)
			}
		}
		says := func(a chat.Actor, want string) {
			t.Helper()
			_, err := f.SendMessage(ctx, a, chat.Draft{RoomID: direct.ID, Text: "hello"})
			if want == "" && err != nil || want != "" && (kindOf(err) != chat.Forbidden || !strings.Contains(err.Error(), want)) {
				t.Fatalf("%v, want %q", err, want)
			}
		}
		block(ana, ben, &chat.Block{Ignore: true})
		says(ben, "")
		block(ana, ben, &chat.Block{})
		says(ben, "no direct messages from you")
		says(ana, "You have blocked them")
		room := f.room(ben, chat.RoomDraft{Name: "Trap", Kind: chat.Private})
		if _, err := f.AddMembers(ctx, ben, room, []string{ana.UserID}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if _, err := f.CreateRoom(ctx, ben, chat.RoomDraft{Name: "Another", Kind: chat.Private, Members: []string{ana.UserID}}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if _, err := f.OpenDirect(ctx, ben, []string{ana.UserID, cleo.UserID}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		block(ana, ben, nil)
		says(ben, "")

		privacy := func(a chat.Actor, from chat.DirectFrom) {
			t.Helper()
			if _, err := f.SetPrivacy(ctx, a, chat.Privacy{DirectFrom: from}); err != nil {
				t.Fatal(err)
			}
		}
		privacy(cleo, chat.FromShared)
		if _, err := f.OpenDirect(ctx, ben, []string{cleo.UserID}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		f.room(cleo, chat.RoomDraft{Name: "Shared", Members: []string{ben.UserID}})
		if _, err := f.OpenDirect(ctx, ben, []string{cleo.UserID}); err != nil {
			t.Fatal(err)
		}
		privacy(cleo, chat.FromNobody)
		if _, err := f.OpenDirect(ctx, ana, []string{cleo.UserID}); kindOf(err) != chat.Forbidden {
			t.Fatal(err)
		}
		if _, err := f.OpenDirect(ctx, ben, []string{cleo.UserID}); err != nil { // what there is goes on
			t.Fatal(err)
		}
		if _, err := f.OpenDirect(ctx, admin, []string{cleo.UserID}); err != nil { // the first account is the owner's
			t.Fatal(err)
		}
	})
}

// What counts in the list of rooms follows from what somebody wants to hear.
func TestBadges(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx, ana, ben := t.Context(), f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Room", Members: []string{ben.UserID}})
		direct, err := f.OpenDirect(ctx, ana, []string{ben.UserID})
		if err != nil {
			t.Fatal(err)
		}
		f.say(ana, room, "one")
		f.say(ana, room, "two, @ben")
		f.say(ana, direct.ID, "three")
		counts := func(want ...int) {
			t.Helper()
			for i, id := range []string{room, direct.ID} {
				r, err := f.MyRoom(ctx, ben, id)
				if err != nil || r.Badge != want[i] {
					t.Fatalf("%s: %d of %d count, want %d (%v)", r.Kind, r.Badge, r.Unread, want[i], err)
				}
			}
		}
		counts(1, 1)
		f.say(ana, room, "a third, @ben, with a word")
		f.say(ana, room, "and the Wörd alone")
		for _, words := range []struct {
			keywords []string
			level    chat.Level
			want     int
		}{{[]string{"word"}, "", 3}, {[]string{"word"}, chat.LevelNone, 0}, {[]string{"wor", "and word"}, "", 2}, {nil, "", 2}} {
			if _, err := f.SetNotify(ctx, ben, chat.NotifySettings{Keywords: words.keywords, Level: words.level}); err != nil {
				t.Fatal(err)
			}
			counts(words.want, 1)
			rooms, err := f.MyRooms(ctx, ben)
			if i := slices.IndexFunc(rooms, func(r chat.MyRoom) bool { return r.ID == room }); err != nil || rooms[i].Badge != words.want {
				t.Fatalf("%v: %+v, %v", words, rooms, err)
			}
		}
		if _, err := f.SetNotify(ctx, ben, chat.NotifySettings{Level: chat.LevelAll}); err != nil {
			t.Fatal(err)
		}
		counts(4, 1)
		soon, none, never := time.Now().Add(time.Hour), chat.LevelNone, time.Time{}
		for _, id := range []string{room, direct.ID} {
			if _, err := f.SetRoom(ctx, ben, id, chat.RoomSettingsChange{MutedUntil: &soon}); err != nil {
				t.Fatal(err)
			}
		}
		counts(2, 0)
		for _, id := range []string{room, direct.ID} {
			if _, err := f.SetRoom(ctx, ben, id, chat.RoomSettingsChange{MutedUntil: &never, Level: &none}); err != nil {
				t.Fatal(err)
			}
		}
		counts(0, 0)
		rooms, err := f.MyRooms(ctx, ben)
		if err != nil || !slices.ContainsFunc(rooms, func(r chat.MyRoom) bool { return r.ID == room && r.Settings.Level == chat.LevelNone }) {
			t.Fatalf("%+v, %v", rooms, err)
		}
		if _, err := f.SetRoom(ctx, f.account("eve"), room, chat.RoomSettingsChange{Level: &none}); kindOf(err) != chat.NotFound {
			t.Fatal(err)
		}
	})
}
