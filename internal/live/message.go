package live

import (
	"time"

	"parley/internal/chat"
	"parley/socketio"
)

// messageRequest is the payload of chat-message.
type messageRequest struct {
	Text     string `json:"text"`
	RoomID   string `json:"roomId"`
	ClientID string `json:"clientId"`
}

// wireMessage is a message as clients get it, live and in the history alike.
type wireMessage struct {
	ID        string `json:"id"`
	Text      string `json:"text"`
	Username  string `json:"username"`
	UserID    string `json:"userId"`
	Timestamp string `json:"timestamp"` // ISO 8601, UTC, milliseconds
	RoomID    string `json:"roomId"`
	Seq       int64  `json:"seq"`
	ClientID  string `json:"clientId,omitempty"`
}

type messageReply struct {
	Success   bool   `json:"success"`
	MessageID string `json:"messageId"`
	RoomID    string `json:"roomId"`
	Seq       int64  `json:"seq"`
	Timestamp string `json:"timestamp"`
}

// timestampLayout is what JavaScript's toISOString gives.
const timestampLayout = "2006-01-02T15:04:05.000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

func toWire(m *chat.Message) wireMessage {
	w := wireMessage{
		ID: m.ID, Text: m.Text, Username: m.SenderName, UserID: m.SenderID, Timestamp: timestamp(m.CreatedAt),
		RoomID: m.RoomID, Seq: m.Seq,
	}
	if m.ClientID != "" && m.ClientID[0] != '-' { // that one was made up here
		w.ClientID = m.ClientID
	}
	return w
}

// chatMessage commits a message; the answer is its acknowledgement.
func (d *Door) chatMessage(c *client, in messageRequest) (any, error) {
	a := *c.person()
	if wait, ok := d.limits.take(a.UserID); !ok {
		return nil, rateLimited(wait)
	}
	ctx, cancel := requestContext()
	defer cancel()
	m, err := d.o.Chat.SendMessage(ctx, a, chat.Draft{RoomID: in.RoomID, ClientID: in.ClientID, Text: in.Text})
	if err != nil {
		return nil, err
	}
	return messageReply{Success: true, MessageID: m.ID, RoomID: m.RoomID, Seq: m.Seq, Timestamp: timestamp(m.CreatedAt)}, nil
}

func (d *Door) deliverMessage(m *chat.Message) {
	d.emit(roomOf(m.RoomID), nil, "new-message", encode(toWire(m)))
}

func targetRoom(room string) socketio.Target { return socketio.Target{Rooms: []string{room}} }

// emit sends an encoded payload to a room.
func (d *Door) emit(room string, except []string, event string, payload socketio.RawJSON) {
	if err := d.io.To(room).Except(except...).Emit(event, payload); err != nil {
		d.o.Log.Error("broadcast failed", "event", event, "error", err)
	}
}

// emitVolatile is emit for what may be lost: a client that is behind goes without.
func (d *Door) emitVolatile(room, except, event string, payload socketio.RawJSON) {
	if err := d.io.To(room).Except(except).Volatile().Emit(event, payload); err != nil {
		d.o.Log.Error("broadcast failed", "event", event, "error", err)
	}
}

// historyRequest is the payload of room-history.
type historyRequest struct {
	RoomID    string `json:"roomId"`
	BeforeSeq int64  `json:"beforeSeq"`
	AfterSeq  *int64 `json:"afterSeq"`
	Limit     int    `json:"limit"`
}

type historyReply struct {
	Success  bool          `json:"success"`
	RoomID   string        `json:"roomId"`
	Messages []wireMessage `json:"messages"`
	HasMore  bool          `json:"hasMore"`
}

// roomHistory returns a page of a room's messages, oldest first.
func (d *Door) roomHistory(c *client, in historyRequest) (any, error) {
	ctx, cancel := requestContext()
	defer cancel()
	if in.RoomID == "" {
		in.RoomID = chat.Lobby
	}
	page, err := d.o.Chat.History(ctx, *c.person(), chat.HistoryQuery(in))
	if err != nil {
		return nil, err
	}
	out := historyReply{Success: true, RoomID: in.RoomID, HasMore: page.HasMore, Messages: make([]wireMessage, len(page.Messages))}
	for i := range page.Messages {
		out.Messages[i] = toWire(&page.Messages[i])
	}
	return out, nil
}
