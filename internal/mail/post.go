package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"parley/internal/auth"
	"parley/internal/chat"
	"parley/internal/jobs"
)

// Post does the jobs that send letters.
type Post struct {
	SMTP     SMTP
	Chat     *chat.Chat
	Accounts *auth.Accounts
	// URL is where people find the server, without a slash at its end. Links never come from what a request says.
	URL string
}

// Kinds are the jobs that a post does.
func (p *Post) Kinds() []jobs.Kind {
	kind := func(name string, do func(context.Context, jobs.Job) error) jobs.Kind {
		return jobs.Kind{Name: name, Handle: do, AtOnce: 4, Attempts: 30, Timeout: time.Minute} // for about a day
	}
	return []jobs.Kind{
		kind(auth.ResetMail, p.reset), kind(auth.VerifyMail, p.verify), kind(auth.InvitationMail, p.invitation),
		kind(auth.NoticeMail, p.notice), kind(auth.DigestMail, p.digest),
	}
}

func read[T any](j jobs.Job) (T, error) {
	var in T
	if err := json.Unmarshal(j.Payload, &in); err != nil {
		return in, jobs.Permanent(fmt.Errorf("mail: %s: %w", j.Kind, err))
	}
	return in, nil
}

// link leads to the page with a token, which is in the fragment: it gets into no log and no Referer.
func (p *Post) link(what, token string) string { return p.URL + "/#" + what + "=" + token }

func (p *Post) host() string {
	_, host, _ := strings.Cut(p.URL, "://")
	return host
}

func (p *Post) reset(ctx context.Context, j jobs.Job) error {
	in, err := read[auth.ResetJob](j)
	if err != nil {
		return err
	}
	r, err := p.Accounts.MintReset(ctx, in)
	if err != nil || r.Token == "" {
		return err
	}
	return p.SMTP.Send(ctx, j.ID, Letter{
		To: r.Address, Subject: "Set a new password for " + p.host(),
		Paragraphs: []string{
			fmt.Sprintf("Somebody asked to set a new password for your account %s on %s.", r.Login, p.host()),
			fmt.Sprintf("The link below does it once, within %d minutes. All devices are signed out by it.", int(auth.ResetTimeout.Minutes())),
		},
		Link: p.link("reset", r.Token), LinkText: "Set a new password",
		Closing: "If it was not you, do nothing: your password stays as it is.",
	})
}

func (p *Post) verify(ctx context.Context, j jobs.Job) error {
	in, err := read[auth.VerifyJob](j)
	if err != nil {
		return err
	}
	v, err := p.Accounts.MintVerification(ctx, in)
	if err != nil {
		return err
	}
	if v.Token == "" {
		return p.SMTP.Send(ctx, j.ID, Letter{
			To: in.Address, Subject: "Your address on " + p.host(),
			Paragraphs: []string{fmt.Sprintf("Somebody entered this address for an account on %s. It belongs to your account there already, so nothing has changed.", p.host())},
			Closing:    "You need not do anything.",
		})
	}
	return p.SMTP.Send(ctx, j.ID, Letter{
		To: in.Address, Subject: "Confirm your address for " + p.host(),
		Paragraphs: []string{fmt.Sprintf("This address was entered for the account %s on %s. Open the link while you are signed in as %s, within a day, if it is yours.", v.Login, p.host(), v.Login)},
		Link:       p.link("verify", v.Token), LinkText: "Confirm this address",
		Closing: "If you know nothing of it, do nothing: the address will not be used.",
	})
}

func (p *Post) invitation(ctx context.Context, j jobs.Job) error {
	in, err := read[auth.InvitationJob](j)
	if err != nil {
		return err
	}
	token, err := p.Accounts.Sealer.Open(auth.InvitationMail, in.InvitationID, in.SealedToken)
	if err != nil {
		return err
	}
	inv, err := p.Chat.Invitation(ctx, token)
	if chat.AsError(err).Kind == chat.NotFound {
		return nil // revoked or over meanwhile: nobody is invited any more
	}
	if err != nil {
		return err
	}
	by, err := p.Chat.User(ctx, in.By)
	if err != nil {
		return err
	}
	where := p.host()
	if inv.RoomName != "" {
		where = fmt.Sprintf("“%s” on %s", inv.RoomName, p.host())
	}
	return p.SMTP.Send(ctx, j.ID, Letter{
		To: in.Address, Subject: fmt.Sprintf("%s invites you to %s", by.Name, p.host()),
		Paragraphs: []string{fmt.Sprintf("%s invites you to %s.", by.Name, where), "The invitation is valid until " + inv.ExpiresAt.Format("2 January 2006, 15:04 UTC") + "."},
		Link:       p.link("invite", token), LinkText: "Accept the invitation",
		Closing: "If you do not know who this is, do nothing.",
	})
}

func (p *Post) notice(ctx context.Context, j jobs.Job) error {
	in, err := read[auth.NoticeJob](j)
	if err != nil {
		return err
	}
	if in.Address == "" {
		e, err := p.Accounts.Email(ctx, in.UserID)
		if err != nil || e.Address == "" {
			return err
		}
		in.Address = e.Address
	}
	u, err := p.Chat.User(ctx, in.UserID)
	if err != nil {
		return err
	}
	return p.SMTP.Send(ctx, j.ID, Letter{
		To: in.Address, Subject: "Your account on " + p.host(),
		Paragraphs: []string{
			fmt.Sprintf("This is about your account %s on %s:", u.Login, p.host()), in.What + ".",
			"If it was you, all is well. If not, sign in, end the sessions you do not know and change your password; or ask an administrator.",
		},
		Closing: j.CreatedAt.Format("2 January 2006, 15:04 UTC"),
	})
}
