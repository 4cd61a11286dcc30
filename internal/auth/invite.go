package auth

import (
	"context"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/jobs"
)

// InviteByMail makes a draft of an invitation go to an address when it is made.
func (s *Accounts) InviteByMail(ctx context.Context, a chat.Actor, address string, d *chat.InvitationDraft) error {
	if !s.Mail {
		return errNoMail()
	}
	address, err := CleanEmail(address)
	if err != nil {
		return err
	}
	if err := s.Throttle.Take(ctx, s.Limits.Letters, "letters to "+address); err != nil {
		return err
	}
	d.Then = func(tx *db.Tx, i chat.Invitation, token string) error {
		sealedToken, err := s.Sealer.Seal(InvitationMail, i.ID, token)
		if err != nil {
			return err
		}
		return s.Jobs.Add(ctx, tx, jobs.New{Kind: InvitationMail, Payload: InvitationJob{i.ID, sealedToken, a.UserID, address}})
	}
	return nil
}
