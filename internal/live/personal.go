package live

import (
	"context"
	"time"

	"parley/internal/chat"
)

// wirePersonal is something that a person keeps for themselves, as it is now.
type wirePersonal struct {
	Version int64                `json:"version"` // the person's next one
	Kind    chat.PersonalKind    `json:"kind"`
	Key     string               `json:"key"` // the id of a message, a room or a person, or empty
	At      string               `json:"at"`
	Gone    bool                 `json:"gone,omitempty"`
	Saved   *chat.Saved          `json:"saved,omitempty"`
	Draft   *chat.KeptDraft      `json:"draft,omitempty"`
	Room    *chat.RoomSettings   `json:"room,omitempty"`
	Notify  *chat.NotifySettings `json:"notify,omitempty"`
	Privacy *chat.Privacy        `json:"privacy,omitempty"`
	Block   *chat.Block          `json:"block,omitempty"`

	Scheduled *chat.Scheduled `json:"scheduled,omitempty"`
	Reminder  *chat.Reminder  `json:"reminder,omitempty"`
}

func toWirePersonal(p *chat.Personal) wirePersonal {
	return wirePersonal{
		Version: p.Version, Kind: p.Kind, Key: p.Key, At: timestamp(p.At), Gone: p.Gone,
		Saved: p.Saved, Draft: p.Draft, Room: p.Room, Notify: p.Notify, Privacy: p.Privacy, Block: p.Block,
		Scheduled: p.Scheduled, Reminder: p.Reminder,
	}
}

// tellPersonal tells a person's devices what has changed of their own. It may get lost: the next version shows it, and personal-sync
// gives it.
func (d *Door) tellPersonal(p *chat.Personal) {
	d.tellDevices(p.UserID, "personal", encode(toWirePersonal(p)))
}

type personalSyncRequest struct {
	Version int64 `json:"version"` // of the copy; 0 for all there is
}

type personalSyncReply struct {
	ok
	Items   []wirePersonal `json:"items"`
	Version int64          `json:"version"` // that they lead to
	HasMore bool           `json:"hasMore"`
	Reset   bool           `json:"reset,omitempty"` // the copy is too old: begin with 0
}

// personalSync returns what has changed of the person's own after a version.
func (d *Door) personalSync(ctx context.Context, c *client, in personalSyncRequest) (personalSyncReply, error) {
	news, err := d.o.Chat.PersonalSince(ctx, *c.person(), in.Version)
	out := personalSyncReply{ok: done, Items: []wirePersonal{}, Version: news.Version, HasMore: news.HasMore, Reset: news.Reset}
	for i := range news.Items {
		out.Items = append(out.Items, toWirePersonal(&news.Items[i]))
	}
	return out, err
}

// onePersonalReply answers with something of the person's own as it is now.
type onePersonalReply struct {
	ok
	Personal wirePersonal `json:"personal"`
}

func onePersonal(p chat.Personal, err error) (onePersonalReply, error) {
	return onePersonalReply{done, toWirePersonal(&p)}, err
}

type messageMarkRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
	On        *bool  `json:"on"` // default true
}

func (r messageMarkRequest) on() bool { return r.On == nil || *r.On }

// messageSave keeps a message for the person, or lets go of it.
func (d *Door) messageSave(ctx context.Context, c *client, in messageMarkRequest) (onePersonalReply, error) {
	return onePersonal(d.o.Chat.SaveMessage(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID, in.on()))
}

type savedListRequest struct {
	Cursor int64 `json:"cursor"` // of the page before
}

type wireSavedMessage struct {
	RoomID    string       `json:"roomId"`
	MessageID string       `json:"messageId"`
	At        string       `json:"at"`
	Message   *wireMessage `json:"message,omitempty"` // as it is now; absent when the person may not read it any more
}

type savedListReply struct {
	ok
	Saved  []wireSavedMessage `json:"saved"`
	Cursor int64              `json:"cursor,omitempty"` // of the next page
}

// savedList lists what the person has saved, the latest first, 50 at once.
func (d *Door) savedList(ctx context.Context, c *client, in savedListRequest) (savedListReply, error) {
	list, err := d.o.Chat.SavedMessages(ctx, *c.person(), in.Cursor)
	out := savedListReply{ok: done, Saved: []wireSavedMessage{}}
	for _, s := range list {
		w := wireSavedMessage{RoomID: s.RoomID, MessageID: s.MessageID, At: timestamp(s.At)}
		if s.Message != nil {
			m := toWire(s.Message)
			w.Message = &m
		}
		out.Saved = append(out.Saved, w)
	}
	if len(list) == chat.SavedPage {
		out.Cursor = list[len(list)-1].Version
	}
	return out, err
}

type draftSetRequest struct {
	RoomID  string `json:"roomId"`
	Text    string `json:"text"` // empty: there is none any more
	ReplyTo string `json:"replyTo"`
	At      string `json:"at"` // when it was written, by the device's clock; default now
}

// draftSet keeps what the person is writing. What another device wrote later stays: the answer says what is kept.
func (d *Door) draftSet(ctx context.Context, c *client, in draftSetRequest) (onePersonalReply, error) {
	at, err := instant(in.At, "at")
	if err != nil {
		return onePersonalReply{}, err
	}
	return onePersonal(d.o.Chat.SetDraft(ctx, *c.person(), chat.KeptDraft{RoomID: roomOrLobby(in.RoomID), Text: in.Text, ReplyTo: in.ReplyTo}, at))
}

// instant reads a timestamp, the zero time for none.
func instant(text, what string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &chat.Error{Kind: chat.Invalid, Message: what + " must be a time like 2026-01-31T12:00:00Z"}
	}
	return t, nil
}

type roomNotifyRequest struct {
	RoomID     string      `json:"roomId"`
	Level      *chat.Level `json:"level"`      // empty: the person's own default
	MutedUntil *string     `json:"mutedUntil"` // empty: no longer
	Favourite  *bool       `json:"favourite"`
}

// roomNotify says how much the person wants to hear of a room.
func (d *Door) roomNotify(ctx context.Context, c *client, in roomNotifyRequest) (onePersonalReply, error) {
	change := chat.RoomSettingsChange{Level: in.Level, Favourite: in.Favourite}
	if in.MutedUntil != nil {
		until, err := instant(*in.MutedUntil, "mutedUntil")
		if err != nil {
			return onePersonalReply{}, err
		}
		change.MutedUntil = &until
	}
	return onePersonal(d.o.Chat.SetRoom(ctx, *c.person(), roomOrLobby(in.RoomID), change))
}

type notifySetRequest struct {
	Level     chat.Level `json:"level"` // of rooms that have none of their own
	Keywords  []string   `json:"keywords"`
	QuietFrom string     `json:"quietFrom"` // HH:MM in the person's time zone
	QuietTo   string     `json:"quietTo"`
}

// notifySet says how much the person wants to hear altogether.
func (d *Door) notifySet(ctx context.Context, c *client, in notifySetRequest) (onePersonalReply, error) {
	return onePersonal(d.o.Chat.SetNotify(ctx, *c.person(), chat.NotifySettings(in)))
}

type privacySetRequest struct {
	DirectFrom chat.DirectFrom `json:"directFrom"` // everybody, shared or nobody
}

// privacySet says what others may do.
func (d *Door) privacySet(ctx context.Context, c *client, in privacySetRequest) (onePersonalReply, error) {
	return onePersonal(d.o.Chat.SetPrivacy(ctx, *c.person(), chat.Privacy(in)))
}

type personBlockRequest struct {
	UserID string `json:"userId"`
	On     *bool  `json:"on"`     // default true
	Ignore bool   `json:"ignore"` // only spare the person what they write
}

// personBlock makes the person hear nothing of somebody, or hear of them again.
func (d *Door) personBlock(ctx context.Context, c *client, in personBlockRequest) (onePersonalReply, error) {
	var block *chat.Block
	if in.On == nil || *in.On {
		block = &chat.Block{Ignore: in.Ignore}
	}
	return onePersonal(d.o.Chat.BlockPerson(ctx, *c.person(), in.UserID, block))
}

// messagePin puts a message where everybody in the room finds it, or takes it away from there.
func (d *Door) messagePin(ctx context.Context, c *client, in messageMarkRequest) (oneMessageReply, error) {
	m, err := d.o.Chat.PinMessage(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID, in.on())
	return oneMessageReply{done, toWire(&m)}, err
}

type messagesReply struct {
	ok
	Messages []wireMessage `json:"messages"`
}

// pinList lists the pinned messages of a room, the last one pinned first.
func (d *Door) pinList(ctx context.Context, c *client, in roomRequest) (messagesReply, error) {
	list, err := d.o.Chat.Pins(ctx, *c.person(), roomOrLobby(in.RoomID))
	return messagesReply{done, toWires(list)}, err
}
