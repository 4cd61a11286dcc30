package chat

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// KeptDraft is a message that is being written, the same on all devices.
type KeptDraft struct {
	RoomID  string `json:"roomId"`
	Text    string `json:"text"`
	ReplyTo string `json:"replyTo,omitempty"`
}

// SetDraft keeps what the actor is writing in a room; with an empty text there is nothing any more. Of several devices the one counts that
// was written on last, at: the answer says what is kept. A device whose clock is ahead counts as now.
func (c *Chat) SetDraft(ctx context.Context, a Actor, d KeptDraft, at time.Time) (Personal, error) {
	switch {
	case !utf8.ValidString(d.Text) || strings.ContainsRune(d.Text, 0) || !utf8.ValidString(d.ReplyTo) || len(d.ReplyTo) > maxIDLength:
		return Personal{}, errorf(Invalid, "The draft is not valid text")
	case utf8.RuneCountInString(d.Text) > c.limits.MessageChars:
		return Personal{}, errorf(TooLarge, fmt.Sprintf("Message too long (max %d characters)", c.limits.MessageChars))
	}
	var out Personal
	err := c.own(ctx, a, func(b *batch) error {
		if at.IsZero() || at.After(b.now) {
			at = b.now
		}
		if _, err := findAccess(b.ctx, b.tx, a.UserID, d.RoomID); err != nil {
			return err
		}
		old, err := findPersonal(b.ctx, b.tx, a.UserID, PersonalDraft, d.RoomID)
		if out = old; err != nil || old.Draft != nil && *old.Draft == d || old.Gone && d.Text == "" || old.At.After(at) {
			return err
		}
		data := PersonalData{}
		if d.Text != "" {
			data.Draft = &d
			if old.Gone {
				if err := b.fewer(a.UserID, PersonalDraft, c.limits.Drafts, "drafts"); err != nil {
					return err
				}
			}
		}
		out, err = b.keep(a.UserID, PersonalDraft, d.RoomID, data, at)
		return err
	})
	return out, err
}
