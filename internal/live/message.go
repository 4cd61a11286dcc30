package live

import (
	"context"
	"time"

	"parley/internal/chat"
)

// messageRequest is the payload of chat-message.
type messageRequest struct {
	RoomID   string   `json:"roomId"`
	ClientID string   `json:"clientId"`
	Text     string   `json:"text"`
	ReplyTo  string   `json:"replyTo"`  // id of a message of the room
	Mentions []string `json:"mentions"` // ids of people, besides those that the text names
	// AlsoToRoom sends what is said in a thread to the thread's room too.
	AlsoToRoom bool `json:"alsoToRoom"`
	// DropDraft forgets the draft that this was.
	DropDraft bool `json:"dropDraft"`
}

type messageReply struct {
	ok
	MessageID string `json:"messageId"`
	RoomID    string `json:"roomId"`
	Seq       int64  `json:"seq"`
	Timestamp string `json:"timestamp"`
}

// chatMessage commits a message; the answer is its acknowledgement.
func (d *Door) chatMessage(ctx context.Context, c *client, in messageRequest) (messageReply, error) {
	m, err := d.o.Chat.SendMessage(ctx, *c.person(), chat.Draft{
		RoomID: in.RoomID, ClientID: in.ClientID, Text: in.Text, ReplyTo: in.ReplyTo, Mentions: in.Mentions, AlsoToRoom: in.AlsoToRoom,
	})
	if err == nil && in.DropDraft { // sent is sent: a draft that stays is dropped the next time
		if _, err := d.o.Chat.SetDraft(ctx, *c.person(), chat.KeptDraft{RoomID: m.RoomID}, time.Time{}); err != nil {
			d.o.Log.Warn("a draft stays that was sent", "error", err)
		}
	}
	return acknowledged(m, err)
}

// historyRequest is the payload of room-history.
type historyRequest struct {
	RoomID    string `json:"roomId"`
	BeforeSeq int64  `json:"beforeSeq"`
	AfterSeq  *int64 `json:"afterSeq"`
	AroundSeq int64  `json:"aroundSeq"`
	Limit     int    `json:"limit"`
}

type historyReply struct {
	ok
	RoomID   string        `json:"roomId"`
	Messages []wireMessage `json:"messages"`
	HasMore  bool          `json:"hasMore"`
	LastSeq  int64         `json:"lastSeq"` // of the room's log when this was read
	Epoch    string        `json:"epoch"`
}

// roomHistory returns a page of a room's messages, oldest first.
func (d *Door) roomHistory(ctx context.Context, c *client, in historyRequest) (historyReply, error) {
	if in.RoomID == "" {
		in.RoomID = chat.Lobby
	}
	page, err := d.o.Chat.History(ctx, *c.person(), chat.HistoryQuery(in))
	return historyReply{done, in.RoomID, toWires(page.Messages), page.HasMore, page.Head, page.Epoch}, err
}

type oneMessageReply struct {
	ok
	Message wireMessage `json:"message"`
}

type messageEditRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
	Text      string `json:"text"`
}

// messageEdit replaces the text of one's own message.
func (d *Door) messageEdit(ctx context.Context, c *client, in messageEditRequest) (oneMessageReply, error) {
	m, err := d.o.Chat.EditMessage(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID, in.Text)
	return oneMessageReply{done, toWire(&m)}, err
}

func roomOrLobby(id string) string {
	if id == "" {
		return chat.Lobby
	}
	return id
}

type oneMessageRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
}

// messageDelete takes a message's content away.
func (d *Door) messageDelete(ctx context.Context, c *client, in oneMessageRequest) (oneMessageReply, error) {
	m, err := d.o.Chat.DeleteMessage(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID)
	return oneMessageReply{done, toWire(&m)}, err
}

type messagePreviewRemoveRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
	URL       string `json:"url"` // as the message links to it; empty for all
}

// messagePreviewRemove takes previews away from a message for good.
func (d *Door) messagePreviewRemove(ctx context.Context, c *client, in messagePreviewRemoveRequest) (oneMessageReply, error) {
	m, err := d.o.Chat.RemovePreview(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID, in.URL)
	return oneMessageReply{done, toWire(&m)}, err
}

type messageReactRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
	Emoji     string `json:"emoji"`
	On        *bool  `json:"on"` // default true; false takes it away
}

// messageReact puts an emoji under a message, or takes it away.
func (d *Door) messageReact(ctx context.Context, c *client, in messageReactRequest) (oneMessageReply, error) {
	m, err := d.o.Chat.React(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID, in.Emoji, in.On == nil || *in.On)
	return oneMessageReply{done, toWire(&m)}, err
}

type wireRevision struct {
	Text      string `json:"text"`
	Timestamp string `json:"timestamp"` // when it was written
}

type revisionsReply struct {
	ok
	Revisions []wireRevision `json:"revisions"`
}

// messageRevisions returns what a message said before its edits, oldest first.
func (d *Door) messageRevisions(ctx context.Context, c *client, in oneMessageRequest) (revisionsReply, error) {
	list, err := d.o.Chat.Revisions(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID)
	out := revisionsReply{ok: done, Revisions: []wireRevision{}}
	for _, r := range list {
		out.Revisions = append(out.Revisions, wireRevision{r.Text, timestamp(r.At)})
	}
	return out, err
}
