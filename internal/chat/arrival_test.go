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
	"parley/internal/db"
	"parley/internal/db/dbtest"
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

// Guests who come together are made together: each is somebody, with a version of the directory of their own.
func TestGuestsWhoComeTogether(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		version, err := f.DirectoryVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const people = 100
		locked, release, released := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			released <- f.db.Tx(t.Context(), func(tx *db.Tx) error { // nobody can be made meanwhile
				var v int64
				err := tx.QueryRow(t.Context(), `SELECT value FROM counters WHERE name = 'directory'`+tx.Dialect().ForUpdate()).Scan(&v)
				close(locked)
				<-release
				return err
			})
		}()
		<-locked
		before := f.db.Queries()
		guests := make([]chat.User, people)
		var coming, begun sync.WaitGroup
		for i := range guests {
			begun.Add(1)
			coming.Go(func() {
				begun.Done()
				var err error
				if guests[i], err = f.CreateGuest(t.Context(), fmt.Sprint("g", i)); err != nil {
					t.Error(err)
				}
			})
		}
		begun.Wait()
		close(release)
		if err := <-released; err != nil {
			t.Fatal(err)
		}
		coming.Wait()
		together := f.db.Queries() - before
		versions := map[int64]bool{}
		for i, u := range guests {
			versions[u.Version-version] = true
			if found, err := f.User(t.Context(), u.ID); err != nil || found.Name != fmt.Sprint("g", i) || found.Version != u.Version {
				t.Errorf("%+v, %v", found, err)
			}
			if rooms, err := f.MyRooms(t.Context(), chat.Actor{UserID: u.ID}); err != nil || len(rooms) != 1 {
				t.Errorf("%+v, %v", rooms, err)
			}
		}
		for v := range int64(people) {
			if !versions[v+1] {
				t.Errorf("nobody has version %d", v+1)
			}
		}
		if t.Logf("%d statements", together); together > 27*people/10 { // alone each takes three
			t.Errorf("%d statements for %d guests", together, people)
		}
	})
}

// However many are being caught up with, and however long that takes, others find a connection to the database.
func TestCatchingUpLeavesConnectionsToOthers(t *testing.T) {
	f := open(t, dbtest.NewPostgres(t)) // SQLite has no reader that waits
	a := f.guest("Ana")
	first := f.send(a, "1", "one")
	f.send(a, "2", "two")
	locked, release, released := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		released <- f.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `LOCK TABLE log IN ACCESS EXCLUSIVE MODE`)
			close(locked)
			<-release
			return err
		})
	}()
	<-locked
	var coming sync.WaitGroup
	for range 50 {
		coming.Go(func() {
			news, err := f.Sync(t.Context(), a, chat.Position{Seq: first.Seq, ID: first.ID})
			if err != nil || len(news.Entries) != 1 {
				t.Errorf("%+v, %v", news, err)
			}
		})
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 20 {
		if _, err := f.User(soon, a.UserID); err != nil {
			t.Error("nobody else is answered", err)
			break
		}
		time.Sleep(time.Millisecond) // they come one after the other
	}
	close(release)
	if err := <-released; err != nil {
		t.Fatal(err)
	}
	coming.Wait()
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
