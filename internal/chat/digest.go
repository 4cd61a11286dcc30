package chat

import (
	"cmp"
	"context"
	"slices"
	"time"

	"parley/internal/db"
)

// Missed is what somebody has not read in a room.
type Missed struct {
	Room     MyRoom
	Messages []Message // the newest of others, oldest first
}

// Missed tells what counts of what the actor has not read and was written after a time, as [Notify] says: the rooms that address them first, of
// each the newest messages. It is what they may read now.
func (c *Chat) Missed(ctx context.Context, a Actor, since time.Time, rooms, messages int) ([]Missed, error) {
	mine, err := c.MyRooms(ctx, a)
	if err != nil {
		return nil, err
	}
	to, err := c.recipient(ctx, a)
	if err != nil {
		return nil, unreadable(err)
	}
	mine = slices.DeleteFunc(mine, func(r MyRoom) bool { return r.Unread == 0 || !r.LastAt.After(since) })
	slices.SortStableFunc(mine, func(a, b MyRoom) int {
		if n := cmp.Compare(b.Mentions, a.Mentions); n != 0 {
			return n
		}
		return b.LastAt.Compare(a.LastAt)
	})
	var out []Missed
	for _, r := range mine {
		if len(out) == rooms {
			break
		}
		page, err := c.History(ctx, a, HistoryQuery{RoomID: r.ID, Limit: MaxUnread})
		if err != nil {
			if AsError(err).Kind == NotFound { // they have left it meanwhile
				continue
			}
			return nil, err
		}
		news := slices.DeleteFunc(page.Messages, func(m Message) bool {
			return !m.CreatedAt.After(since) || !to.notice(r, &m).Has(Badge)
		})
		if len(news) > 0 {
			out = append(out, Missed{r, news[max(0, len(news)-messages):]})
		}
	}
	return out, nil
}

// recipient is what decides how somebody is told of messages, whatever the room.
type recipient struct {
	user    User
	all     NotifySettings
	blocked map[string]bool // whom they do not want to hear of
	now     time.Time
}

func (c *Chat) recipient(ctx context.Context, a Actor) (recipient, error) {
	to := recipient{blocked: map[string]bool{}, now: c.now()}
	var err error
	if to.user, err = c.User(ctx, a.UserID); err != nil {
		return to, err
	}
	own, err := findPersonal(ctx, c.db, a.UserID, PersonalNotify, "")
	if err != nil {
		return to, err
	}
	if own.Notify != nil {
		to.all = *own.Notify
	}
	rows, err := c.db.Query(ctx, `SELECT key FROM personal WHERE user_id = $1 AND kind = $2 AND gone = 0`, a.UserID, string(PersonalBlock))
	keys, err := db.Scan(rows, err, scanString)
	for _, key := range keys {
		to.blocked[key] = true
	}
	return to, err
}

// notice is how they would be told of a message when they have been away for long.
func (to recipient) notice(r MyRoom, m *Message) Notice {
	return Notify(Notification{
		Message: m, Kind: r.Kind, Following: r.Following, UserID: to.user.ID, ReadSeq: r.ReadSeq, Blocked: to.blocked[m.SenderID], Room: r.Settings,
		All: to.all, Attention: Attention{Away: mailAfter}, TimeZone: to.user.TimeZone, Now: to.now,
	})
}
