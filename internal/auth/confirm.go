package auth

import (
	"context"

	"parley/internal/chat"
)

// Proof is what somebody proves with who they are.
type Proof struct {
	Password string
}

// Confirm notes that the actor has proved again who they are: for a short time they may change what protects their account.
func (s *Accounts) Confirm(ctx context.Context, a chat.Actor, p Proof) error {
	u, err := s.Chat.User(ctx, a.UserID)
	if err != nil {
		return err
	}
	_, hash, err := s.Chat.Credentials(ctx, u.Login)
	if err != nil {
		return err
	}
	ok, err := s.Passwords.Matches(ctx, p.Password, hash)
	if err != nil {
		return err
	}
	if !ok {
		return &chat.Error{Kind: chat.Forbidden, Message: "Wrong password"}
	}
	return s.Sessions.Confirm(ctx, a.SessionID)
}
