package live

import (
	"context"

	"parley/internal/chat"
)

type pollCreateRequest struct {
	RoomID    string   `json:"roomId"`
	ClientID  string   `json:"clientId"`
	Question  string   `json:"question"`
	Options   []string `json:"options"`
	Multiple  bool     `json:"multiple"`
	Anonymous bool     `json:"anonymous"`
	ClosesAt  string   `json:"closesAt"` // empty: when its author closes it
}

// pollCreate sends a message that is a poll.
func (d *Door) pollCreate(ctx context.Context, c *client, in pollCreateRequest) (messageReply, error) {
	closes, err := instant(in.ClosesAt, "closesAt")
	if err != nil {
		return messageReply{}, err
	}
	return acknowledged(d.o.Chat.CreatePoll(ctx, *c.person(), chat.PollDraft{
		RoomID: in.RoomID, ClientID: in.ClientID, Question: in.Question, Options: in.Options, Multiple: in.Multiple, Anonymous: in.Anonymous, ClosesAt: closes,
	}))
}

// acknowledged is the acknowledgement of a message.
func acknowledged(m chat.Message, err error) (messageReply, error) {
	return messageReply{done, m.ID, m.RoomID, m.Seq, timestamp(m.CreatedAt)}, err
}

type pollVoteRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
	Choices   []int  `json:"choices"` // which options, from 0; none takes the vote back
}

type pollReply struct {
	ok
	Message wireMessage `json:"message"` // as the room has been told
	Mine    []int       `json:"mine"`    // what the person has chosen
}

// pollVote makes the person's choice this one.
func (d *Door) pollVote(ctx context.Context, c *client, in pollVoteRequest) (pollReply, error) {
	if _, err := d.o.Chat.Vote(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID, in.Choices); err != nil {
		return pollReply{}, err
	}
	return d.pollMine(ctx, c, oneMessageRequest{in.RoomID, in.MessageID})
}

// pollMine returns what the person has chosen.
func (d *Door) pollMine(ctx context.Context, c *client, in oneMessageRequest) (pollReply, error) {
	m, mine, err := d.o.Chat.OwnVotes(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID)
	return pollReply{done, toWire(&m), append([]int{}, mine...)}, err
}

// pollClose ends a poll.
func (d *Door) pollClose(ctx context.Context, c *client, in oneMessageRequest) (oneMessageReply, error) {
	m, err := d.o.Chat.ClosePoll(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID)
	return oneMessageReply{done, toWire(&m)}, err
}

type messageForwardRequest struct {
	RoomID    string `json:"roomId"` // where it is
	MessageID string `json:"messageId"`
	To        string `json:"to"`   // room
	Text      string `json:"text"` // what to say about it; may be empty
	ClientID  string `json:"clientId"`
}

// messageForward passes a message on.
func (d *Door) messageForward(ctx context.Context, c *client, in messageForwardRequest) (messageReply, error) {
	return acknowledged(d.o.Chat.ForwardMessage(ctx, *c.person(), chat.ForwardDraft{
		RoomID: roomOrLobby(in.RoomID), MessageID: in.MessageID, To: in.To, Text: in.Text, ClientID: in.ClientID,
	}))
}

type messageFindRequest struct {
	MessageID string `json:"messageId"`
}

type messageFindReply struct {
	ok
	Message  wireMessage `json:"message"`
	ParentID string      `json:"parentId,omitempty"` // of a message in a thread: the room that the thread is in
	RootID   string      `json:"rootId,omitempty"`   // of a message in a thread: the message that it is about
}

// messageFind finds what a link to a message leads to.
func (d *Door) messageFind(ctx context.Context, c *client, in messageFindRequest) (messageFindReply, error) {
	p, err := d.o.Chat.FindMessage(ctx, *c.person(), in.MessageID)
	return messageFindReply{done, toWire(&p.Message), p.ParentID, p.RootID}, err
}

type emojiAddRequest struct {
	Name    string `json:"name"`
	Picture string `json:"picture"` // as a data: URL
}

// wireEmoji is a picture with a name.
type wireEmoji struct {
	Name    string `json:"name"`
	Picture string `json:"picture,omitempty"` // id, as an avatar's; absent when it was removed
	UserID  string `json:"userId"`            // who added or removed it
	Version int64  `json:"version"`           // of all emoji, when this one last changed
}

func toWireEmoji(e chat.Emoji) wireEmoji { return wireEmoji{e.Name, e.Picture, e.CreatedBy, e.Version} }

type emojiReply struct {
	ok
	Emoji wireEmoji `json:"emoji"`
}

// emojiAdd makes a picture an emoji.
func (d *Door) emojiAdd(ctx context.Context, c *client, in emojiAddRequest) (emojiReply, error) {
	e, err := d.o.Chat.AddEmoji(ctx, *c.person(), in.Name, in.Picture)
	return emojiReply{done, toWireEmoji(e)}, err
}

type emojiRemoveRequest struct {
	Name string `json:"name"`
}

// emojiRemove takes an emoji away.
func (d *Door) emojiRemove(ctx context.Context, c *client, in emojiRemoveRequest) (emojiReply, error) {
	e, err := d.o.Chat.RemoveEmoji(ctx, *c.person(), in.Name)
	return emojiReply{done, toWireEmoji(e)}, err
}

type emojiListRequest struct {
	Version int64 `json:"version"` // of the copy; 0 for all there are
}

type emojiListReply struct {
	ok
	Emoji   []wireEmoji `json:"emoji"`
	HasMore bool        `json:"hasMore"`
}

// emojiList lists the emoji that have changed after a version.
func (d *Door) emojiList(ctx context.Context, _ *client, in emojiListRequest) (emojiListReply, error) {
	list, err := d.o.Chat.EmojiSince(ctx, in.Version)
	out := emojiListReply{ok: done, Emoji: []wireEmoji{}, HasMore: len(list) == chat.EmojiPage}
	for _, e := range list {
		out.Emoji = append(out.Emoji, toWireEmoji(e))
	}
	return out, err
}

// tellEmoji tells everybody of an emoji. It may get lost: the next version shows it, and emoji-list gives it.
func (d *Door) tellEmoji(e chat.Emoji) {
	d.tell(roomOf(chat.Lobby), "", "emoji-changed", encode(toWireEmoji(e)))
}
