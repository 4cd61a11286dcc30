package chat_test

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"parley/internal/chat"
)

// Those who come together are read for together, and each finds what they would find alone.
func TestThoseWhoComeTogetherFindTheirOwn(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		const people = 150 // more than are read for at once
		all := make([]chat.Actor, people)
		for i := range all {
			all[i] = f.guest(fmt.Sprint("p", i))
		}
		for i := range 10 {
			if _, err := f.OpenDirect(t.Context(), all[i], []string{all[i+1].UserID}); err != nil {
				t.Fatal(err)
			}
		}
		f.send(all[0], "1", "hello @p1")
		want := make([]chat.Arrival, people)
		before := f.db.Queries()
		for i, a := range all {
			var err error
			if want[i], err = f.Arrive(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if rooms, err := f.MyRooms(t.Context(), a); err != nil || !reflect.DeepEqual(rooms, want[i].Rooms) || want[i].User.ID != a.UserID {
				t.Fatalf("%+v\n%+v, %v", rooms, want[i], err)
			}
		}
		alone := f.db.Queries() - before
		if n := len(want[1].Rooms); n != 3 || len(want[1].Rooms[0].Peers)+len(want[1].Rooms[1].Peers)+len(want[1].Rooms[2].Peers) != 2 {
			t.Fatalf("%+v", want[1].Rooms)
		}
		const each = 4
		var coming, begun sync.WaitGroup
		read := f.holdReaders() // otherwise who is fast is read for before the next has come
		before = f.db.Queries()
		for range each {
			for i, a := range all {
				begun.Add(1)
				coming.Go(func() {
					begun.Done()
					if got, err := f.Arrive(t.Context(), a); err != nil || !reflect.DeepEqual(got, want[i]) {
						t.Errorf("%+v, want %+v, %v", got, want[i], err)
					}
				})
			}
		}
		begun.Wait()
		read()
		coming.Wait()
		together := f.db.Queries() - before
		if t.Logf("%d statements for %d who come together, %d for %d alone", together, each*people, alone, people); together > each*people/2 {
			t.Errorf("%d statements for %d people", together, each*people)
		}
		_, err := f.Arrive(t.Context(), chat.Actor{UserID: "nobody"})
		refusedAs(t, "nobody", err, chat.NotFound)
	})
}

// holdReaders has all connections that read, until it is told to let them go.
func (f *fixture) holdReaders() (release func()) {
	var held []*sql.Rows
	for {
		ctx, cancel := context.WithCancel(f.t.Context())
		f.t.Cleanup(cancel)
		giveUp := time.AfterFunc(time.Second, cancel)
		rows, err := f.db.Query(ctx, `SELECT 1 UNION ALL SELECT 2`)
		if !giveUp.Stop() { // there is no other
			return func() {
				for _, r := range held {
					_ = r.Close() // nothing of it was read
				}
			}
		}
		if err != nil || rows.Err() != nil {
			f.t.Fatal(err, rows.Err())
		}
		held = append(held, rows)
	}
}
