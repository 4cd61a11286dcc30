package live

import (
	"time"

	"parley/internal/chat"
)

// The shapes that several events have in common. web/src/wire.gen.ts is generated from them.

// timestampLayout is what JavaScript's toISOString gives.
const timestampLayout = "2006-01-02T15:04:05.000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

// optional is a timestamp, empty for the zero time.
func optional(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return timestamp(t)
}

// wireMessage is a message as clients get it, live and in the history alike.
type wireMessage struct {
	ID        string          `json:"id"`
	Text      string          `json:"text"`
	Username  string          `json:"username"`
	UserID    string          `json:"userId"`
	Timestamp string          `json:"timestamp"` // ISO 8601, UTC, milliseconds
	RoomID    string          `json:"roomId"`
	Seq       int64           `json:"seq"`
	ClientID  string          `json:"clientId,omitempty"`
	EditedAt  string          `json:"editedAt,omitempty"`
	DeletedAt string          `json:"deletedAt,omitempty"`
	Version   int64           `json:"version,omitempty"` // seq of the last change, when there was one
	ReplyTo   *wireQuote      `json:"replyTo,omitempty"`
	Mentions  *chat.Mentions  `json:"mentions,omitempty"`
	Reactions []chat.Reaction `json:"reactions,omitempty"`
	Thread    *wireSummary    `json:"thread,omitempty"`     // what was said about it in its thread
	From      *wirePlace      `json:"fromThread,omitempty"` // the reply in a thread that it is a copy of
	Pinned    *wirePin        `json:"pinned,omitempty"`
	Poll      *wirePoll       `json:"poll,omitempty"`
	Forward   *wireForward    `json:"forward,omitempty"` // what it passes on; then text may be empty
	Previews  []wirePreview   `json:"previews,omitempty"`
}

// wirePoll is a question that a message asks, as the room has been told last.
type wirePoll struct {
	Options   []chat.PollOption `json:"options"`
	Multiple  bool              `json:"multiple"`
	Anonymous bool              `json:"anonymous"`
	Voters    int               `json:"voters"`
	ClosesAt  string            `json:"closesAt,omitempty"`
	ClosedAt  string            `json:"closedAt,omitempty"`
}

// wireForward is a message from elsewhere, as it was then.
type wireForward struct {
	UserID    string `json:"userId"`
	Timestamp string `json:"timestamp"`
	Text      string `json:"text"`
	RoomID    string `json:"roomId,omitempty"` // where it is, if anybody may join that room
	MessageID string `json:"messageId,omitempty"`
}

// wirePreview is what a page says of itself that the message links to. All of it is the page's: text, never markup.
type wirePreview struct {
	URL         string `json:"url"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	SiteName    string `json:"siteName,omitempty"`
	ImageURL    string `json:"imageUrl,omitempty"` // on this server
	ImageWidth  int    `json:"imageWidth,omitempty"`
	ImageHeight int    `json:"imageHeight,omitempty"`
}

func toWirePreviews(p *chat.Previews) []wirePreview {
	if p == nil {
		return nil
	}
	var out []wirePreview
	for _, v := range p.Shown {
		w := wirePreview{URL: v.URL, Title: v.Title, Description: v.Description, SiteName: v.Site, ImageWidth: v.Width, ImageHeight: v.Height}
		if v.Picture != "" {
			w.ImageURL = "/previews/" + v.Picture
		}
		out = append(out, w)
	}
	return out
}

func toWirePoll(p *chat.Poll) *wirePoll {
	w := &wirePoll{Options: p.Options, Multiple: p.Multiple, Anonymous: p.Anonymous, Voters: p.Voters}
	closes, closed := p.Times()
	w.ClosesAt, w.ClosedAt = optional(closes), optional(closed)
	return w
}

// wirePin tells who pinned a message, and when.
type wirePin struct {
	UserID string `json:"userId"`
	At     string `json:"at"`
}

// wireSummary is what a message shows of its thread.
type wireSummary struct {
	RoomID  string   `json:"roomId"` // the thread
	Replies int      `json:"replies"`
	LastAt  string   `json:"lastAt"`
	UserIDs []string `json:"userIds"` // some of those who replied, the latest first
}

// wirePlace is a message and where it is.
type wirePlace struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
}

type wireQuote struct {
	ID       string `json:"id"`
	Seq      int64  `json:"seq"`
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Text     string `json:"text"` // its beginning; empty when it was deleted
}

func toWire(m *chat.Message) wireMessage {
	w := wireMessage{
		ID: m.ID, Text: m.Text, Username: m.SenderName, UserID: m.SenderID, Timestamp: timestamp(m.CreatedAt),
		RoomID: m.RoomID, Seq: m.Seq, EditedAt: optional(m.EditedAt), DeletedAt: optional(m.DeletedAt),
		Mentions: m.Mentions, Reactions: m.Reactions, Previews: toWirePreviews(m.Previews),
	}
	if m.ClientID != "" && m.ClientID[0] != '-' { // that one was made up here
		w.ClientID = m.ClientID
	}
	if m.Version != m.Seq {
		w.Version = m.Version
	}
	if t := m.Thread; t != nil {
		w.Thread = &wireSummary{t.RoomID, t.Replies, timestamp(t.Last()), t.UserIDs}
	}
	if m.Pinned != nil {
		w.Pinned = &wirePin{m.Pinned.UserID, timestamp(m.Pinned.Time())}
	}
	if m.Poll != nil {
		w.Poll = toWirePoll(m.Poll)
	}
	if f := m.Forward; f != nil {
		w.Forward = &wireForward{f.UserID, timestamp(f.Time()), f.Text, f.RoomID, f.MessageID}
	}
	if m.From != nil {
		w.From = &wirePlace{m.From.RoomID, m.From.MessageID}
	}
	if q := m.ReplyTo; q != nil {
		w.ReplyTo = &wireQuote{ID: q.ID, Seq: q.Seq, UserID: q.SenderID, Username: q.SenderName, Text: q.Text}
	}
	return w
}

func toWires(messages []chat.Message) []wireMessage {
	out := make([]wireMessage, len(messages))
	for i := range messages {
		out[i] = toWire(&messages[i])
	}
	return out
}

// wireRoom is what describes a room.
type wireRoom struct {
	RoomID      string           `json:"roomId"`
	Kind        chat.RoomKind    `json:"kind"`
	Name        string           `json:"name"`
	Topic       string           `json:"topic"`
	Description string           `json:"description"`
	History     chat.HistoryMode `json:"history"`
	CreatedBy   string           `json:"createdBy"`
	CreatedAt   string           `json:"createdAt"`
	ArchivedAt  string           `json:"archivedAt,omitempty"`
	Previews    bool             `json:"previews"`           // whether its messages show what they link to
	ParentID    string           `json:"parentId,omitempty"` // of a thread: the room that it is in
	RootID      string           `json:"rootId,omitempty"`   // of a thread: the message that it is about
}

func toWireRoom(r chat.Room) wireRoom {
	return wireRoom{
		RoomID: r.ID, Kind: r.Kind, Name: r.Name, Topic: r.Topic, Description: r.Description, History: r.History,
		CreatedBy: r.CreatedBy, CreatedAt: timestamp(r.CreatedAt), ArchivedAt: optional(r.ArchivedAt), Previews: r.Previews,
		ParentID: r.ParentID, RootID: r.RootID,
	}
}

// wireListed is a room that one may join.
type wireListed struct {
	wireRoom
	Members int `json:"members"`
}

// wireMyRoom is a room as one of its members sees it.
type wireMyRoom struct {
	wireRoom
	Members      int          `json:"members"` // 0 for the lobby, where everybody is
	Role         chat.Role    `json:"role"`
	Epoch        string       `json:"epoch"`
	LastSeq      int64        `json:"lastSeq"`
	FirstSeq     int64        `json:"firstSeq"` // what they may read begins here
	ReadSeq      int64        `json:"readSeq"`
	DeliveredSeq int64        `json:"deliveredSeq"`
	Unread       int          `json:"unread"`   // counted up to 100
	Mentions     int          `json:"mentions"` // counted up to 100
	LastAt       string       `json:"lastAt,omitempty"`
	Peers        []wirePerson `json:"peers,omitempty"`     // of a direct conversation
	Following    bool         `json:"following,omitempty"` // of a thread
	Badge        int          `json:"badge"`               // how many of the unread ones count, by the person's settings

	Settings chat.RoomSettings `json:"settings"`
}

func (d *Door) toWireMyRoom(r chat.MyRoom) wireMyRoom {
	w := wireMyRoom{
		wireRoom: toWireRoom(r.Room), Members: r.Members, Role: r.Role, Epoch: r.Epoch, LastSeq: r.LastSeq, FirstSeq: r.FromSeq + 1,
		ReadSeq: r.ReadSeq, DeliveredSeq: r.DeliveredSeq, Unread: r.Unread, Mentions: r.Mentions, LastAt: optional(r.LastAt),
		Following: r.Following, Badge: r.Badge, Settings: r.Settings,
	}
	for _, u := range r.Peers {
		w.Peers = append(w.Peers, d.toWirePerson(u))
	}
	return w
}

func (d *Door) toWireMyRooms(rooms []chat.MyRoom) []wireMyRoom {
	out := make([]wireMyRoom, len(rooms))
	for i, r := range rooms {
		out[i] = d.toWireMyRoom(r)
	}
	return out
}

// wirePerson is a person as others see them.
type wirePerson struct {
	UserID      string    `json:"userId"`
	Username    string    `json:"username"`
	Login       string    `json:"login,omitempty"` // of their account
	Role        chat.Role `json:"role"`
	Avatar      string    `json:"avatar,omitempty"`
	Bio         string    `json:"bio,omitempty"`
	Status      string    `json:"status,omitempty"`
	StatusUntil string    `json:"statusUntil,omitempty"`
	TimeZone    string    `json:"timeZone,omitempty"`
	Deactivated bool      `json:"deactivated,omitempty"`
	Presence    string    `json:"presence"` // online, away, dnd or offline
	Version     int64     `json:"version"`
}

func (d *Door) toWirePerson(u chat.User) wirePerson {
	return wirePerson{
		UserID: u.ID, Username: u.Name, Login: u.Login, Role: u.Role, Avatar: u.Avatar, Bio: u.Bio, Status: u.Status,
		StatusUntil: optional(u.StatusUntil), TimeZone: u.TimeZone, Deactivated: u.Deactivated, Presence: d.people.presenceOf(u.ID, u.Presence),
		Version: u.Version,
	}
}

func (d *Door) toWirePeople(users []chat.User) []wirePerson {
	out := make([]wirePerson, len(users))
	for i, u := range users {
		out[i] = d.toWirePerson(u)
	}
	return out
}

// wireMember is somebody in a room.
type wireMember struct {
	UserID   string    `json:"userId"`
	Username string    `json:"username"`
	Role     chat.Role `json:"role"`
}

func toWireMember(m chat.RoomMember) wireMember {
	return wireMember{UserID: m.UserID, Username: m.Name, Role: m.Role}
}

// wireEntry is an entry of a room's log besides new messages.
type wireEntry struct {
	RoomID    string         `json:"roomId"`
	Seq       int64          `json:"seq"`
	ID        string         `json:"id"`
	Kind      chat.EntryKind `json:"kind"`
	UserID    string         `json:"userId"` // who did it
	Username  string         `json:"username"`
	Timestamp string         `json:"timestamp"`
	Message   *wireMessage   `json:"message,omitempty"` // as it is now: for what is about one
	Emoji     string         `json:"emoji,omitempty"`   // for react, unreact
	Room      *wireRoom      `json:"room,omitempty"`    // as it is now: for create, update
	Member    *wireMember    `json:"member,omitempty"`  // for join, leave, kick, ban, role
}

func toWireEntry(e *chat.Entry) wireEntry {
	w := wireEntry{
		RoomID: e.RoomID, Seq: e.Seq, ID: e.ID, Kind: e.Kind, UserID: e.ActorID, Username: e.ActorName, Timestamp: timestamp(e.At), Emoji: e.Emoji,
	}
	if e.Message != nil && e.Kind != chat.KindMessage {
		m := toWire(e.Message)
		w.Message = &m
	}
	if e.Room != nil && (e.Kind == chat.KindCreate || e.Kind == chat.KindUpdate) {
		r := toWireRoom(*e.Room)
		w.Room = &r
	}
	if e.Member != nil {
		m := toWireMember(*e.Member)
		w.Member = &m
	}
	return w
}

// entryEvents are the names of the events that tell of entries.
var entryEvents = map[chat.EntryKind]string{
	chat.KindMessage: "new-message", chat.KindEdit: "message-edited", chat.KindDelete: "message-deleted",
	chat.KindReact: "message-reaction", chat.KindUnreact: "message-reaction", chat.KindThread: "message-updated", chat.KindPin: "message-updated", chat.KindUnpin: "message-updated", chat.KindPoll: "message-updated", chat.KindPreview: "message-updated", chat.KindCreate: "room-created", chat.KindUpdate: "room-updated",
	chat.KindJoin: "member-joined", chat.KindLeave: "member-left", chat.KindKick: "member-left", chat.KindBan: "member-left",
	chat.KindRole: "member-role",
}

// payloadOf is what the event of an entry carries.
func payloadOf(e *chat.Entry) any {
	if e.Kind == chat.KindMessage {
		return toWire(e.Message)
	}
	return toWireEntry(e)
}
