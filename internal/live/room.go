package live

import (
	"context"

	"parley/internal/chat"
)

type roomRequest struct {
	RoomID string `json:"roomId"`
}

type roomReply struct {
	ok
	RoomID string     `json:"roomId"`
	Room   wireMyRoom `json:"room"`
}

// myRoom answers with a room as the person sees it now.
func (d *Door) myRoom(ctx context.Context, c *client, roomID string, err error) (roomReply, error) {
	if err != nil {
		return roomReply{}, err
	}
	r, err := d.o.Chat.MyRoom(ctx, *c.person(), roomID)
	return roomReply{done, r.ID, d.toWireMyRoom(r)}, err
}

type roomCreateRequest struct {
	Name        string           `json:"name"`
	Kind        chat.RoomKind    `json:"kind"` // public (default), private or announcement
	Topic       string           `json:"topic"`
	Description string           `json:"description"`
	History     chat.HistoryMode `json:"history"`  // all, or joined
	ClientID    string           `json:"clientId"` // makes a retry safe
	Members     []string         `json:"members"`  // ids
}

// roomCreate makes a room.
func (d *Door) roomCreate(ctx context.Context, c *client, in roomCreateRequest) (roomReply, error) {
	r, err := d.o.Chat.CreateRoom(ctx, *c.person(), chat.RoomDraft(in))
	return d.myRoom(ctx, c, r.ID, err)
}

type roomUpdateRequest struct {
	RoomID      string  `json:"roomId"`
	Name        *string `json:"name"`
	Topic       *string `json:"topic"`
	Description *string `json:"description"`
	Archived    *bool   `json:"archived"`
	Previews    *bool   `json:"previews"` // whether its messages show what they link to
}

// roomUpdate changes what describes a room, or archives it.
func (d *Door) roomUpdate(ctx context.Context, c *client, in roomUpdateRequest) (roomReply, error) {
	change := chat.RoomChange{Name: in.Name, Topic: in.Topic, Description: in.Description, Archived: in.Archived, Previews: in.Previews}
	r, err := d.o.Chat.UpdateRoom(ctx, *c.person(), in.RoomID, change)
	return d.myRoom(ctx, c, r.ID, err)
}

type roomListReply struct {
	ok
	Rooms []wireMyRoom `json:"rooms"`
}

// roomList lists the person's rooms.
func (d *Door) roomList(ctx context.Context, c *client, _ emptyRequest) (roomListReply, error) {
	rooms, err := d.o.Chat.MyRooms(ctx, *c.person())
	return roomListReply{done, d.toWireMyRooms(rooms)}, err
}

// roomGet is one of them.
func (d *Door) roomGet(ctx context.Context, c *client, in roomRequest) (roomReply, error) {
	return d.myRoom(ctx, c, in.RoomID, nil)
}

type directoryRequest struct {
	Prefix string `json:"prefix"`
	After  string `json:"after"` // name of the last room of the page before
}

type directoryReply struct {
	ok
	Rooms   []wireListed `json:"rooms"`
	HasMore bool         `json:"hasMore"`
}

// roomDirectory lists rooms that one may join, by name, 100 at once.
func (d *Door) roomDirectory(ctx context.Context, c *client, in directoryRequest) (directoryReply, error) {
	rooms, err := d.o.Chat.Directory(ctx, *c.person(), in.Prefix, in.After)
	out := directoryReply{ok: done, Rooms: []wireListed{}, HasMore: len(rooms) == chat.DirectoryPage}
	for _, r := range rooms {
		out.Rooms = append(out.Rooms, wireListed{toWireRoom(r), r.Members})
	}
	return out, err
}

// roomJoin makes the person a member of a room that anybody may join.
func (d *Door) roomJoin(ctx context.Context, c *client, in roomRequest) (roomReply, error) {
	r, err := d.o.Chat.JoinRoom(ctx, *c.person(), in.RoomID)
	return d.myRoom(ctx, c, r.ID, err)
}

// roomLeave ends their membership.
func (d *Door) roomLeave(ctx context.Context, c *client, in roomRequest) (ok, error) {
	return done, d.o.Chat.LeaveRoom(ctx, *c.person(), in.RoomID)
}

type directOpenRequest struct {
	UserIDs []string `json:"userIds"`
}

// directOpen returns the conversation with others, and makes it if there is none.
func (d *Door) directOpen(ctx context.Context, c *client, in directOpenRequest) (roomReply, error) {
	r, err := d.o.Chat.OpenDirect(ctx, *c.person(), in.UserIDs)
	return d.myRoom(ctx, c, r.ID, err)
}

type roomSyncRequest struct {
	RoomID   string `json:"roomId"`
	Epoch    string `json:"epoch"`
	AfterSeq int64  `json:"afterSeq"`
	AfterID  string `json:"afterId"` // of the entry at afterSeq
}

// wireNews is one event of a catch-up: its name and what it carries, as when it is live.
type wireNews struct {
	Event   string `json:"event"`
	Payload any    `json:"payload"`
}

type roomSyncReply struct {
	ok
	RoomID  string     `json:"roomId"`
	Epoch   string     `json:"epoch"`
	LastSeq int64      `json:"lastSeq"`
	Reset   bool       `json:"reset,omitempty"` // start anew from room-get and room-history
	Events  []wireNews `json:"events"`
	HasMore bool       `json:"hasMore"`
}

// roomSync returns what happened in a room after a position in its log, as the events that told of it.
func (d *Door) roomSync(ctx context.Context, c *client, in roomSyncRequest) (roomSyncReply, error) {
	if in.RoomID == "" {
		in.RoomID = chat.Lobby
	}
	news, err := d.o.Chat.Sync(ctx, *c.person(), chat.Position{RoomID: in.RoomID, Epoch: in.Epoch, Seq: in.AfterSeq, ID: in.AfterID})
	out := roomSyncReply{
		ok: done, RoomID: in.RoomID, Epoch: news.Epoch, LastSeq: news.Head, Reset: news.Reset, HasMore: news.HasMore,
		Events: make([]wireNews, len(news.Entries)),
	}
	for i := range news.Entries {
		e := &news.Entries[i]
		out.Events[i] = wireNews{entryEvents[e.Kind], payloadOf(e)}
	}
	return out, err
}
