package live

import (
	"context"

	"parley/internal/chat"
)

type searchRequest struct {
	Query  string `json:"query"`  // words, "phrases", from: in: before: after: has:link mentions:me
	RoomID string `json:"roomId"` // only there
	Cursor string `json:"cursor"` // of the page before
}

// wireHit is a message that was found.
type wireHit struct {
	Message  wireMessage   `json:"message"`
	RoomName string        `json:"roomName"`
	RoomKind chat.RoomKind `json:"roomKind"`
	ParentID string        `json:"parentId,omitempty"` // of a message in a thread: the room that the thread is in
	RootID   string        `json:"rootId,omitempty"`   // of a message in a thread: the message that it is about
}

type searchReply struct {
	ok
	Hits   []wireHit `json:"hits"`
	Cursor string    `json:"cursor,omitempty"` // of the next page
}

// search finds messages, the newest first, 20 at once.
func (d *Door) search(ctx context.Context, c *client, in searchRequest) (searchReply, error) {
	found, err := d.o.Chat.Search(ctx, *c.person(), chat.SearchQuery{Text: in.Query, RoomID: in.RoomID, Cursor: in.Cursor})
	out := searchReply{ok: done, Hits: []wireHit{}, Cursor: found.Cursor}
	for i := range found.Hits {
		h := &found.Hits[i]
		out.Hits = append(out.Hits, wireHit{toWire(&h.Message), h.RoomName, h.RoomKind, h.ParentID, h.RootID})
	}
	return out, err
}
