package live

import (
	"context"

	"parley/internal/chat"
)

type messageScheduleRequest struct {
	RoomID   string   `json:"roomId"`
	ClientID string   `json:"clientId"` // its key, and the message's clientId
	Text     string   `json:"text"`
	ReplyTo  string   `json:"replyTo"`
	Mentions []string `json:"mentions"`
	At       string   `json:"at"`
}

// messageSchedule keeps a message to be sent at a time.
func (d *Door) messageSchedule(ctx context.Context, c *client, in messageScheduleRequest) (onePersonalReply, error) {
	at, err := instant(in.At, "at")
	if err != nil {
		return onePersonalReply{}, err
	}
	return onePersonal(d.o.Chat.ScheduleMessage(ctx, *c.person(), chat.Draft{
		RoomID: in.RoomID, ClientID: in.ClientID, Text: in.Text, ReplyTo: in.ReplyTo, Mentions: in.Mentions,
	}, at))
}

type keyRequest struct {
	Key string `json:"key"`
}

// scheduledCancel forgets one.
func (d *Door) scheduledCancel(ctx context.Context, c *client, in keyRequest) (onePersonalReply, error) {
	return onePersonal(d.o.Chat.CancelScheduled(ctx, *c.person(), in.Key))
}

type reminderSetRequest struct {
	Key       string `json:"key"` // of the one to change; empty for another
	Text      string `json:"text"`
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"`
	At        string `json:"at"`
}

// reminderSet reminds the person at a time.
func (d *Door) reminderSet(ctx context.Context, c *client, in reminderSetRequest) (onePersonalReply, error) {
	at, err := instant(in.At, "at")
	if err != nil {
		return onePersonalReply{}, err
	}
	r := chat.Reminder{Text: in.Text, MessageID: in.MessageID}
	if in.MessageID != "" {
		r.RoomID = roomOrLobby(in.RoomID)
	}
	return onePersonal(d.o.Chat.SetReminder(ctx, *c.person(), in.Key, r, at))
}

// reminderDone ends a reminder.
func (d *Door) reminderDone(ctx context.Context, c *client, in keyRequest) (onePersonalReply, error) {
	return onePersonal(d.o.Chat.FinishReminder(ctx, *c.person(), in.Key))
}
