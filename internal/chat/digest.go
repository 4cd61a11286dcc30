package chat

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Missed is what somebody has not read in a room.
type Missed struct {
	Room     MyRoom
	Messages []Message // the newest of others, oldest first
}

// Missed tells what the actor has not read and was written after a time: the rooms that address them first, of each the newest messages. It
// is what they may read now.
func (c *Chat) Missed(ctx context.Context, a Actor, since time.Time, rooms, messages int) ([]Missed, error) {
	mine, err := c.MyRooms(ctx, a)
	if err != nil {
		return nil, err
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
		page, err := c.History(ctx, a, HistoryQuery{RoomID: r.ID})
		if err != nil {
			if AsError(err).Kind == NotFound { // they have left it meanwhile
				continue
			}
			return nil, err
		}
		news := slices.DeleteFunc(page.Messages, func(m Message) bool {
			return m.Seq <= r.ReadSeq || m.SenderID == a.UserID || !m.DeletedAt.IsZero() || !m.CreatedAt.After(since)
		})
		if len(news) > 0 {
			out = append(out, Missed{r, news[max(0, len(news)-messages):]})
		}
	}
	return out, nil
}
