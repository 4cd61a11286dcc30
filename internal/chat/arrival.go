package chat

import (
	"context"
	"database/sql"
	"time"

	"parley/internal/db"
)

const (
	arrivalReaders = 2  // that read at the same time, each for many
	maxArrivals    = 64 // people read for together
	// arrivalTimeout bounds one reading. A database that takes longer is as good as away.
	arrivalTimeout = 15 * time.Second
)

// Arrival is what somebody finds who comes: themselves, the rooms they are in, and the directory's version.
type Arrival struct {
	User    User
	Rooms   []MyRoom
	Version int64
}

// arriving is somebody who waits for it.
type arriving struct {
	userID string
	found  Arrival
	done   chan error // buffered: a reader never waits for somebody who has left
}

// Arrive reads what the actor finds here. Those who come together are read for together, by few readers: when thousands come back at
// once, the database has no more to do at a time than when a few do, and less for each.
func (c *Chat) Arrive(ctx context.Context, a Actor) (Arrival, error) {
	one := &arriving{userID: a.UserID, done: make(chan error, 1)}
	select {
	case c.arrivals <- one:
	case <-c.stopping:
		return Arrival{}, &Error{Kind: Unavailable, Message: "The server is restarting", RetryAfter: time.Second}
	case <-ctx.Done():
		return Arrival{}, unreadable(ctx.Err())
	}
	select {
	case err := <-one.done:
		return one.found, err
	case <-ctx.Done():
		return Arrival{}, unreadable(ctx.Err())
	}
}

// readArrivals reads for those who wait, whoever has come by the time it begins.
func (c *Chat) readArrivals() {
	for {
		var all []*arriving
		select {
		case first := <-c.arrivals:
			all = append(all, first)
		case <-c.stopping:
			return
		}
		for len(all) < maxArrivals {
			select {
			case next := <-c.arrivals:
				all = append(all, next)
				continue
			default:
			}
			break
		}
		err := c.readFor(all)
		for _, one := range all {
			if err == nil && one.found.User.ID == "" {
				one.done <- errorf(NotFound, "No such person")
				continue
			}
			one.done <- err
		}
	}
}

func (c *Chat) readFor(all []*arriving) error {
	ctx, cancel := context.WithTimeout(context.Background(), arrivalTimeout)
	defer cancel()
	version, err := c.DirectoryVersion(ctx)
	if err != nil {
		return err
	}
	ids, asked := []string{}, map[string]bool{}
	for _, one := range all {
		if !asked[one.userID] {
			asked[one.userID] = true
			ids = append(ids, one.userID)
		}
	}
	rooms, err := c.roomsOf(ctx, ids)
	if err != nil {
		return unreadable(err)
	}
	users, err := c.users(ctx, ids)
	if err != nil {
		return unreadable(err)
	}
	for _, one := range all {
		one.found = Arrival{users[one.userID], rooms[one.userID], version}
	}
	return nil
}

// users reads people by their ids; who is not there is not in the map.
func (c *Chat) users(ctx context.Context, ids []string) (map[string]User, error) {
	out := map[string]User{}
	err := eachOf(ids, func(args []any, list string) error {
		rows, err := c.db.Query(ctx, selectUsers+`WHERE u.id IN `+list, args...)
		_, err = db.Scan(rows, err, func(rows *sql.Rows, u *User) error {
			err := scanUser(rows, u)
			out[u.ID] = *u
			return err
		})
		return err
	})
	return out, err
}

// eachOf cuts ids into the arguments of queries, each with the text of its list.
func eachOf(ids []string, do func(args []any, list string) error) error {
	return eachChunk(len(ids), func(from, n, size int) error {
		args := make([]any, size)
		for i := range args {
			args[i] = ids[from+min(i, n-1)]
		}
		return do(args, `(VALUES `+values(size, 1)+`)`)
	})
}
