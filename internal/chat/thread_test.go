package chat_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/chat"
)

func (f *fixture) thread(a chat.Actor, room string, m chat.Message) chat.MyRoom {
	f.t.Helper()
	r, err := f.OpenThread(f.t.Context(), a, room, m.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) say(a chat.Actor, room, text string) chat.Message {
	f.t.Helper()
	m, err := f.SendMessage(f.t.Context(), a, chat.Draft{RoomID: room, Text: text})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// summary waits until a message shows so many replies.
func (f *fixture) summary(a chat.Actor, room string, seq int64, replies int) *chat.ThreadSummary {
	f.t.Helper()
	var got *chat.ThreadSummary
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		page, err := f.History(f.t.Context(), a, chat.HistoryQuery{RoomID: room, AroundSeq: seq, Limit: 2})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, m := range page.Messages {
			if m.Seq == seq {
				got = m.Thread
			}
		}
		if got == nil && replies == 0 || got != nil && got.Replies == replies {
			return got
		}
	}
	f.t.Fatalf("it shows %+v, want %d replies", got, replies)
	return nil
}

func TestThreads(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		ana, ben, cleo, dora := f.account("ana"), f.account("ben"), f.account("cleo"), f.account("dora")
		room := f.room(ana, chat.RoomDraft{Name: "Plans", Kind: chat.Private, Members: []string{ben.UserID, cleo.UserID}})
		root := f.say(ana, room, "what shall we do?")
		th := f.thread(ben, room, root)
		if again := f.thread(cleo, room, root); again.ID != th.ID || again.ParentID != room || again.RootID != root.ID || again.Following {
			t.Fatalf("%+v", again)
		}
		reply := f.say(ben, th.ID, "sleep, @cleo")
		if reply.Seq != 2 || reply.Thread != nil {
			t.Fatalf("%+v", reply)
		}
		for _, who := range []struct {
			a                chat.Actor
			unread, mentions int
		}{{ana, 1, 0}, {ben, 0, 0}, {cleo, 1, 1}} { // the root's author, who replied, who was addressed
			list, err := f.Threads(ctx, who.a, chat.ThreadQuery{})
			if err != nil || len(list.Threads) != 1 || list.Threads[0].Unread != who.unread || list.Threads[0].Mentions != who.mentions ||
				!list.Threads[0].Following || list.Roots[root.ID].Text != "what shall we do?" {
				t.Fatalf("%s: %+v, %v", who.a.Name, list, err)
			}
		}
		if _, err := f.MarkRead(ctx, ana, th.ID, reply.Seq, false); err != nil {
			t.Fatal(err)
		}
		if list, _ := f.Threads(ctx, ana, chat.ThreadQuery{Unread: true}); len(list.Threads) != 0 {
			t.Fatalf("%+v", list)
		}
		if s := f.summary(ana, room, root.Seq, 1); s.RoomID != th.ID || !slices.Equal(s.UserIDs, []string{ben.UserID}) || !s.Last().Equal(reply.CreatedAt) {
			t.Fatalf("%+v", s)
		}
		// The rooms' list, the directory and what members do not are no threads' business.
		if rooms, _ := f.MyRooms(ctx, ana); len(rooms) != 2 {
			t.Fatalf("%d rooms", len(rooms))
		}
		for name, err := range map[string]error{
			"leave": f.LeaveRoom(ctx, ben, th.ID), "kick": f.KickMember(ctx, ana, th.ID, ben.UserID, false, ""),
			"role": f.SetRoomRole(ctx, ana, th.ID, ben.UserID, chat.Moderator), "unban": f.LiftBan(ctx, ana, th.ID, ben.UserID),
			"ban": f.KickMember(ctx, ana, th.ID, dora.UserID, true, ""),
		} {
			if kindOf(err) != chat.Forbidden {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := f.AddMembers(ctx, ana, th.ID, []string{dora.UserID}); kindOf(err) != chat.Forbidden {
			t.Error(err)
		}
		if _, err := f.OpenThread(ctx, ana, th.ID, reply.ID); kindOf(err) != chat.Invalid {
			t.Errorf("a thread in a thread: %v", err)
		}
		if _, err := f.OpenThread(ctx, ana, chat.Lobby, root.ID); kindOf(err) != chat.NotFound {
			t.Errorf("of another room: %v", err)
		}
		// Nobody from outside reads it, nor who has left, nor who came after the root where history begins with joining.
		if _, err := f.AddMembers(ctx, ana, room, []string{dora.UserID}); err != nil {
			t.Fatal(err)
		}
		if err := f.KickMember(ctx, ana, room, ben.UserID, false, ""); err != nil {
			t.Fatal(err)
		}
		for _, a := range []chat.Actor{f.account("eve"), ben, dora} {
			f.outside(a, room, th.ID, root, reply)
		}
		// Its messages are like others: edited, reacted to, deleted, searched.
		f.finds(cleo, "sleep", "sleep, @cleo")
		f.finds(cleo, "sleep in:Plans", "sleep, @cleo")
		hits, err := f.Search(ctx, cleo, chat.SearchQuery{Text: "sleep", RoomID: room})
		if err != nil || len(hits.Hits) != 1 || hits.Hits[0].ParentID != room || hits.Hits[0].RootID != root.ID || hits.Hits[0].RoomName != "Plans" {
			t.Fatalf("%+v, %v", hits, err)
		}
		if hits, err := f.Search(ctx, cleo, chat.SearchQuery{Text: "sleep", RoomID: th.ID}); err != nil || len(hits.Hits) != 1 || hits.Hits[0].RoomName != "Plans" {
			t.Fatalf("%+v, %v", hits, err)
		}
		mine := f.say(cleo, th.ID, "or dance")
		if _, err := f.EditMessage(ctx, cleo, th.ID, mine.ID, "or sing"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.React(ctx, ana, th.ID, mine.ID, "🎉", true); err != nil {
			t.Fatal(err)
		}
		if s := f.summary(ana, room, root.Seq, 2); !slices.Equal(s.UserIDs, []string{cleo.UserID, ben.UserID}) {
			t.Fatalf("%+v", s)
		}
		if _, err := f.DeleteMessage(ctx, ana, th.ID, mine.ID); err != nil {
			t.Fatal(err)
		}
		f.summary(ana, room, root.Seq, 1)
		// An edit of the root keeps what it shows, its deletion too: what was said stays, and can be answered.
		if m, err := f.EditMessage(ctx, ana, room, root.ID, "what now?"); err != nil || m.Thread == nil || m.Thread.Replies != 1 {
			t.Fatalf("%+v, %v", m, err)
		}
		if m, err := f.DeleteMessage(ctx, ana, room, root.ID); err != nil || m.Thread == nil {
			t.Fatalf("%+v, %v", m, err)
		}
		f.say(cleo, th.ID, "still here")
		f.summary(ana, room, root.Seq, 2)
		if _, err := f.OpenThread(ctx, ana, room, f.deleted(ana, room).ID); kindOf(err) != chat.NotFound {
			t.Fatalf("a thread about nothing: %v", err)
		}
		archived := true
		if _, err := f.UpdateRoom(ctx, ana, room, chat.RoomChange{Archived: &archived}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.SendMessage(ctx, cleo, chat.Draft{RoomID: th.ID, Text: "late"}); kindOf(err) != chat.Forbidden {
			t.Fatalf("in an archived room: %v", err)
		}
	})
}

func (f *fixture) deleted(a chat.Actor, room string) chat.Message {
	f.t.Helper()
	m, err := f.DeleteMessage(f.t.Context(), a, room, f.say(a, room, "nothing").ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

// outside checks that somebody learns nothing of a thread.
func (f *fixture) outside(a chat.Actor, room, thread string, root, reply chat.Message) {
	f.t.Helper()
	ctx := f.t.Context()
	_, history := f.History(ctx, a, chat.HistoryQuery{RoomID: thread})
	_, sync := f.Sync(ctx, a, chat.Position{RoomID: thread})
	_, open := f.OpenThread(ctx, a, room, root.ID)
	_, get := f.MyRoom(ctx, a, thread)
	_, send := f.SendMessage(ctx, a, chat.Draft{RoomID: thread, Text: "let me in"})
	_, react := f.React(ctx, a, thread, reply.ID, "👍", true)
	_, revisions := f.Revisions(ctx, a, thread, reply.ID)
	_, follow := f.FollowThread(ctx, a, thread, true)
	_, read := f.MarkRead(ctx, a, thread, 1, false)
	_, receipts := f.Receipts(ctx, a, thread)
	_, members := f.Members(ctx, a, thread, "", false)
	_, search := f.Search(ctx, a, chat.SearchQuery{Text: "sleep", RoomID: thread})
	_, at := f.ThreadAt(ctx, a, thread)
	for name, err := range map[string]error{
		"history": history, "sync": sync, "open": open, "get": get, "send": send, "react": react, "revisions": revisions, "follow": follow,
		"read": read, "receipts": receipts, "members": members, "search": search, "hear": at,
	} {
		if kindOf(err) != chat.NotFound {
			f.t.Errorf("%s by %s: %v", name, a.Name, err)
		}
	}
	if list, err := f.Threads(ctx, a, chat.ThreadQuery{}); err != nil || len(list.Threads) != 0 {
		f.t.Errorf("%s lists %+v, %v", a.Name, list, err)
	}
	if hits, _ := f.Search(ctx, a, chat.SearchQuery{Text: "sleep"}); len(hits.Hits) != 0 {
		f.t.Errorf("%s finds %+v", a.Name, hits)
	}
}

func TestFollowing(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		ana, ben := f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Open", Members: []string{ben.UserID}})
		th := f.thread(ana, room, f.say(ana, room, "root"))
		f.say(ana, th.ID, "one")
		r, err := f.FollowThread(ctx, ben, th.ID, true)
		if err != nil || !r.Following || r.Unread != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		f.say(ana, th.ID, "two")
		if r, _ = f.MyRoom(ctx, ben, th.ID); r.Unread != 1 {
			t.Fatalf("%+v", r)
		}
		if r, err = f.FollowThread(ctx, ben, th.ID, false); err != nil || r.Following || r.Unread != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		f.say(ana, th.ID, "@ben, listen") // who has stopped is left alone
		if r, _ = f.MyRoom(ctx, ben, th.ID); r.Following || r.Unread != 0 {
			t.Fatalf("%+v", r)
		}
		f.say(ben, th.ID, "well")
		if r, _ = f.MyRoom(ctx, ben, th.ID); !r.Following {
			t.Fatalf("%+v", r)
		}
		members, err := f.Members(ctx, ana, th.ID, "", false)
		if err != nil || len(members) != 2 {
			t.Fatalf("%+v, %v", members, err)
		}
		if _, err := f.FollowThread(ctx, ben, room, true); kindOf(err) != chat.Invalid {
			t.Fatalf("a room: %v", err)
		}
	})
}

func TestAlsoToTheRoom(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		ana := f.account("ana")
		room := f.room(ana, chat.RoomDraft{Name: "Open"})
		th := f.thread(ana, room, f.say(ana, room, "root"))
		d := chat.Draft{RoomID: th.ID, Text: "for all", ClientID: "c1", AlsoToRoom: true}
		first, err := f.SendMessage(ctx, ana, d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := f.SendMessage(ctx, ana, d); err != nil || again.ID != first.ID {
			t.Fatalf("%+v, %v", again, err)
		}
		page, _ := f.History(ctx, ana, chat.HistoryQuery{RoomID: room})
		var copies []chat.Message
		for _, m := range page.Messages {
			if m.Text == "for all" {
				copies = append(copies, m)
			}
		}
		if len(copies) != 1 || copies[0].From == nil || *copies[0].From != (chat.ThreadPlace{RoomID: th.ID, MessageID: first.ID}) {
			t.Fatalf("%+v", copies)
		}
		if _, err := f.SendMessage(ctx, ana, chat.Draft{RoomID: room, Text: "x", AlsoToRoom: true}); kindOf(err) != chat.Invalid {
			t.Fatal(err)
		}
	})
}

// A copy of the parent and one of the thread, and what their logs say afterwards, are fresh copies at every moment, although the
// parent is told of the thread only now and then.
func TestAThreadsParentIsTold(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Open", Members: []string{ben.UserID}})
		var threads []string
		for i := range 3 {
			threads = append(threads, f.thread(ana, room, f.say(ana, room, fmt.Sprint("root ", i))).ID)
		}
		begun := time.Now()
		stale, inThread := f.snapshot(ana, room), f.snapshot(ben, threads[0])
		for i := range 60 {
			m := f.say([]chat.Actor{ana, ben}[i%2], threads[i%3], fmt.Sprint("reply ", i))
			if i%5 == 4 {
				if _, err := f.DeleteMessage(t.Context(), ana, threads[i%3], m.ID); err != nil {
					t.Fatal(err)
				}
			}
			if i%10 == 0 {
				f.same(ana, room, stale)
				f.same(ben, threads[0], inThread)
			}
		}
		entries := 0
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			page, _ := f.History(t.Context(), ana, chat.HistoryQuery{RoomID: room})
			told := 0
			for _, m := range page.Messages {
				if m.Thread != nil {
					told += m.Thread.Replies
				}
			}
			if told == 48 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the room shows %d of 48 replies", told)
			}
		}
		f.same(ana, room, stale)
		f.mu.Lock()
		for _, e := range f.events {
			if e.Entry != nil && e.Entry.Kind == chat.KindThread {
				entries++
			}
		}
		f.mu.Unlock()
		if most := 3 * (2 + int(time.Since(begun)/tellEvery)); entries == 0 || entries > most {
			t.Fatalf("%d entries for 60 replies in three threads, at most %d", entries, most)
		}
	})
}

// same compares what an old copy becomes by catching up with a fresh one. Where the log has moved on in between it tries again.
func (f *fixture) same(a chat.Actor, room string, old *roomCopy) {
	f.t.Helper()
	for range 20 {
		got := old.clone()
		f.catchUp(a, got)
		fresh := f.snapshot(a, room)
		if fresh.Room.ParentID != "" { // who follows a thread is in no log
			got.Members, got.Room.Members = fresh.Members, fresh.Room.Members
		}
		if now, err := f.Room(f.t.Context(), a, room); err != nil || got.seq != fresh.seq || now.LastSeq != fresh.seq {
			continue
		}
		if diff := cmp.Diff(fresh, got, cmp.AllowUnexported(roomCopy{}), cmp.FilterPath(ignored, cmp.Ignore())); diff != "" {
			f.t.Fatalf("an old copy with what came after differs (-fresh +copy):\n%s", diff)
		}
		return
	}
	f.t.Fatal("the log never rests")
}

// A thread of thousands of replies opens and takes replies as fast as a room of as many messages.
func TestThousandsOfReplies(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		const replies, rounds = 5000, 50
		ana, ben := f.account("ana"), f.account("ben")
		room := f.room(ana, chat.RoomDraft{Name: "Busy", Members: []string{ben.UserID}})
		other := f.room(ana, chat.RoomDraft{Name: "As busy", Members: []string{ben.UserID}})
		thread := f.thread(ana, room, f.say(ana, room, "root")).ID
		// In turns: what else the machine does is then between the two, not with one of them.
		var wrote, read [2][]time.Duration
		for range rounds {
			for i, where := range []string{other, thread} {
				wrote[i] = append(wrote[i], timed(func() { f.sayAtOnce(ana, where, replies/rounds) }))
			}
		}
		for range rounds {
			for i, where := range []string{other, thread} {
				read[i] = append(read[i], timed(func() {
					if r, err := f.MyRoom(t.Context(), ben, where); err != nil || r.LastSeq < replies {
						t.Fatalf("%+v, %v", r, err)
					}
					if page, err := f.History(t.Context(), ben, chat.HistoryQuery{RoomID: where}); err != nil || len(page.Messages) != 40 {
						t.Fatal(len(page.Messages), err)
					}
				}))
			}
		}
		for what, times := range map[string][2][]time.Duration{"written": wrote, "opened": read} {
			room, thread := median(times[0]), median(times[1])
			if t.Logf("%s: %v in a room, %v in a thread", what, room, thread); thread > 4*room {
				t.Errorf("%s: %v in a room, %v in a thread", what, room, thread)
			}
		}
		f.summary(ben, room, 4, replies)
	})
}

// sayAtOnce sends n messages, all at once.
func (f *fixture) sayAtOnce(a chat.Actor, where string, n int) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if _, err := f.SendMessage(f.t.Context(), a, chat.Draft{RoomID: where, Text: "a reply"}); err != nil {
				f.t.Error(err)
			}
		})
	}
	wg.Wait()
}

func timed(fn func()) time.Duration {
	begun := time.Now()
	fn()
	return time.Since(begun)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
