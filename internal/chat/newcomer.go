package chat

import (
	"context"
	"time"

	"parley/internal/db"
)

const (
	maxNewcomers    = 64 // guests in one transaction
	newcomerTimeout = 15 * time.Second
)

// newcomer is somebody who is about to become a guest.
type newcomer struct {
	user User
	done chan error // buffered: nobody waits for somebody who has left
}

// CreateGuest makes a person without an account. Those who come together are made together: each changes the version of the directory, and if
// each waited for the one before with a connection to the database of its own, nobody else would get one.
func (c *Chat) CreateGuest(ctx context.Context, name string) (User, error) {
	name, err := CleanName(name)
	if err != nil {
		return User{}, err
	}
	one := &newcomer{user: User{Name: name, Role: Guest}, done: make(chan error, 1)}
	select {
	case c.newcomers <- one:
	case <-c.stopping:
		return User{}, &Error{Kind: Unavailable, Message: "The server is restarting", RetryAfter: time.Second}
	case <-ctx.Done():
		return User{}, unreadable(ctx.Err())
	}
	select {
	case err := <-one.done:
		return one.user, err
	case <-ctx.Done():
		return User{}, unwritten(ctx.Err())
	}
}

// createGuests makes guests of those who wait, whoever has come by the time it begins.
func (c *Chat) createGuests() {
	for {
		var all []*newcomer
		select {
		case first := <-c.newcomers:
			all = append(all, first)
		case <-c.stopping:
			return
		}
		for waiting := true; waiting && len(all) < maxNewcomers; {
			select {
			case next := <-c.newcomers:
				all = append(all, next)
			default:
				waiting = false
			}
		}
		err := c.addGuests(all)
		for _, one := range all {
			each := err
			if err != nil && len(all) > 1 { // who cannot be made is no reason for the others
				each = c.addGuests([]*newcomer{one})
			}
			one.done <- unwritten(each)
		}
	}
}

func (c *Chat) addGuests(all []*newcomer) error {
	ctx, cancel := context.WithTimeout(context.Background(), newcomerTimeout)
	defer cancel()
	return c.db.Tx(ctx, func(tx *db.Tx) error {
		last, err := nextVersions(ctx, tx, len(all))
		for i, one := range all {
			if err == nil {
				one.user.Version = last - int64(len(all)-1-i)
				err = c.addUser(ctx, tx, &one.user, nil)
			}
		}
		return err
	})
}
