package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"parley/internal/db"
)

// OpenDirect returns the conversation between the actor and others, and makes it if there is none: with one other it is theirs
// for ever, with more it is a group.
func (c *Chat) OpenDirect(ctx context.Context, a Actor, userIDs []string) (Room, error) {
	people := append([]string{a.UserID}, userIDs...)
	slices.Sort(people)
	people = slices.Compact(people)
	switch {
	case len(people) > maxGroup:
		return Room{}, errorf(TooLarge, fmt.Sprintf("Too many people for a direct conversation (max %d)", maxGroup))
	case len(people) < 2:
		return Room{}, errorf(Invalid, "A direct conversation needs somebody else")
	case len(people) > 2 && !a.Role.AtLeast(Member):
		return Room{}, errorf(Forbidden, "Guests cannot start groups: create an account first")
	}
	sum := sha256.Sum256([]byte(strings.Join(people, "\n")))
	key := hex.EncodeToString(sum[:])
	kind := Direct
	if len(people) > 2 {
		kind = Group
	}
	var out Room
	err := c.change(ctx, a, "direct:"+key, func(b *batch) error {
		var id string
		err := b.tx.QueryRow(b.ctx, `SELECT id FROM rooms WHERE direct_key = $1`, key).Scan(&id)
		if err == nil {
			out, err = b.reopen(a, id)
			return err
		}
		if !db.IsNotFound(err) {
			return err
		}
		for _, id := range people {
			if err := b.takesDirect(a, id); err != nil {
				return err
			}
		}
		r := Room{ID: b.chat.newID(), Kind: kind, History: HistoryAll, Epoch: b.chat.newID(), CreatedBy: a.UserID}
		if err := b.insertRoom(r, key); err != nil {
			return err
		}
		e := Entry{RoomID: r.ID, Kind: KindCreate, ActorID: a.UserID, ActorName: a.Name}
		if _, err := b.append(&e); err != nil {
			return err
		}
		entries := []*Entry{&e}
		for _, id := range people {
			joined, err := b.join(a, r.ID, id, Member, 0)
			if err != nil {
				return err
			}
			entries = append(entries, joined)
		}
		out, err = b.announceRoom(r.ID, entries)
		return err
	})
	if isUnique(err) { // another node was first: then it is there
		return c.OpenDirect(ctx, a, userIDs)
	}
	return out, err
}

// reopen returns a conversation that exists. Who has left a group and starts it again comes back to it.
func (b *batch) reopen(a Actor, id string) (Room, error) {
	if _, err := b.head(id); err != nil {
		return Room{}, err
	}
	e, err := b.join(a, id, a.UserID, Member, 0)
	if err != nil {
		return Room{}, err
	}
	if e == nil {
		return b.lockedRoom(id)
	}
	return b.announceRoom(id, []*Entry{e})
}
