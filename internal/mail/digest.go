package mail

import (
	"context"
	"fmt"
	"strings"

	"parley/internal/auth"
	"parley/internal/chat"
	"parley/internal/jobs"
)

// What a digest has room for.
const (
	digestRooms = 8
	digestLines = 4
	digestChars = 160
)

// digest tells what somebody has missed, as of now: what they have read meanwhile, or may no longer read, is not in it.
func (p *Post) digest(ctx context.Context, j jobs.Job) error {
	in, err := read[auth.DigestJob](j)
	if err != nil {
		return err
	}
	e, err := p.Accounts.Email(ctx, in.UserID)
	if err != nil || auth.DigestEvery[e.Digest] == 0 {
		return err // they do not want it any more
	}
	u, err := p.Chat.User(ctx, in.UserID)
	if err != nil {
		return err
	}
	if u.Deactivated {
		return nil
	}
	missed, err := p.Chat.Missed(ctx, chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role}, e.DigestedAt, digestRooms, digestLines)
	if err != nil {
		return err
	}
	if len(missed) > 0 {
		if err := p.SMTP.Send(ctx, j.ID, p.digestLetter(e.Address, missed)); err != nil {
			return err
		}
	}
	return p.Accounts.Digested(ctx, in.UserID)
}

func (p *Post) digestLetter(to string, missed []chat.Missed) Letter {
	l := Letter{
		To: to, Subject: "What you missed on " + p.host(), Paragraphs: []string{"Since the last letter, and not yet read:"},
		Link: p.URL, LinkText: "Read on", Closing: "You get this because you asked for it in your account's settings, where you can also stop it.",
	}
	for _, m := range missed {
		s := Section{Heading: heading(m.Room)}
		for _, one := range m.Messages {
			s.Lines = append(s.Lines, Line{Who: one.SenderName, Text: oneLine(one.Plain(), digestChars)})
		}
		l.Sections = append(l.Sections, s)
	}
	return l
}

func heading(r chat.MyRoom) string {
	name := r.Name
	if len(r.Peers) > 0 {
		names := make([]string, 0, len(r.Peers))
		for _, u := range r.Peers {
			names = append(names, u.Name)
		}
		name = strings.Join(names, ", ")
	}
	count := fmt.Sprint(r.Unread)
	if r.Unread >= chat.MaxUnread {
		count += " or more"
	}
	text := fmt.Sprintf("%s: %s new", oneLine(name, maxSubject), count)
	if r.Mentions > 0 {
		text += fmt.Sprintf(", %d to you", r.Mentions)
	}
	return text
}
