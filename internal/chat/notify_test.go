package chat_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"parley/internal/chat"
)

// What would tell whom how: one table for badges, push and mail alike. The page's own tests run it too, so that both decide the same.
func TestNotify(t *testing.T) {
	text, err := os.ReadFile("testdata/notify.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []notifyCase
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 40 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, tc := range cases {
		var want chat.Notice
		for i, way := range []string{"badge", "sound", "push", "mail"} {
			if slices.Contains(tc.Want, way) {
				want |= 1 << i
			}
		}
		if got := chat.Notify(tc.notification()); got != want {
			t.Errorf("%s: %04b, want %04b", tc.Name, got, want)
		}
	}
}

// notifyCase is a message of Ana's, and how Ben is told of it. What is left out is as notification has it.
type notifyCase struct {
	Name    string
	Message struct {
		Text      string
		DeletedAt time.Time
		Mentions  *chat.Mentions
		ReplyTo   *struct{ UserID string }
	}
	Kind      chat.RoomKind
	Following bool
	UserID    string
	ReadSeq   int64
	Blocked   bool
	Room      chat.RoomSettings
	All       chat.NotifySettings
	Attention struct {
		Connected, Looking, InRoom, Dnd bool
		Away                            int64 // milliseconds
	}
	TimeZone string
	Want     []string
}

func (tc *notifyCase) notification() chat.Notification {
	or := func(given, otherwise string) string {
		if given == "" {
			return otherwise
		}
		return given
	}
	m := &chat.Message{
		ID: "m", Seq: 10, SenderID: "ana", Text: or(tc.Message.Text, "The café opens at eight"), DeletedAt: tc.Message.DeletedAt, Mentions: tc.Message.Mentions,
	}
	if r := tc.Message.ReplyTo; r != nil {
		m.ReplyTo = &chat.Quote{SenderID: r.UserID}
	}
	a := tc.Attention
	n := chat.Notification{
		Message: m, Kind: chat.RoomKind(or(string(tc.Kind), string(chat.Public))), Following: tc.Following, UserID: or(tc.UserID, "ben"), ReadSeq: 5,
		Blocked: tc.Blocked, Room: tc.Room, All: tc.All, TimeZone: tc.TimeZone, Now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC),
		Attention: chat.Attention{Connected: a.Connected, Looking: a.Looking, InRoom: a.InRoom, Dnd: a.Dnd, Away: time.Duration(a.Away) * time.Millisecond},
	}
	if tc.ReadSeq > 0 {
		n.ReadSeq = tc.ReadSeq
	}
	return n
}
