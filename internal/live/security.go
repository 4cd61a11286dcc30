package live

import (
	"context"

	"parley/internal/auth"
)

type accountConfirmRequest struct {
	Password string `json:"password"`
}

// accountConfirm notes that whoever uses the session has proved again who they are.
func (d *Door) accountConfirm(ctx context.Context, c *client, in accountConfirmRequest) (ok, error) {
	return done, d.o.Accounts.Confirm(ctx, *c.person(), auth.Proof{Password: in.Password})
}

// securityReply is what protects an account, for its owner.
type securityReply struct {
	ok
	Email  string `json:"email,omitempty"` // verified
	Digest string `json:"digest"`          // of what was missed, by mail: off, daily or weekly
	Mail   bool   `json:"mail"`            // whether the server sends mail at all
}

func (d *Door) accountSecurity(ctx context.Context, c *client, _ emptyRequest) (securityReply, error) {
	e, err := d.o.Accounts.Email(ctx, c.person().UserID)
	return d.toSecurity(e), err
}

func (d *Door) toSecurity(e auth.Email) securityReply {
	return securityReply{ok: done, Email: e.Address, Digest: e.Digest, Mail: d.o.Accounts.Mail}
}

type emailChangeRequest struct {
	Address string `json:"address"` // empty: none any more
}

// emailChange sends a link to an address that makes it the person's.
func (d *Door) emailChange(ctx context.Context, c *client, in emailChangeRequest) (ok, error) {
	return done, d.o.Accounts.ChangeEmail(ctx, *c.person(), in.Address)
}

type tokenRequest struct {
	Token string `json:"token"` // of a link in a letter
}

// emailVerify makes the address that the link was sent to the person's.
func (d *Door) emailVerify(ctx context.Context, c *client, in tokenRequest) (securityReply, error) {
	e, err := d.o.Accounts.VerifyEmail(ctx, *c.person(), in.Token)
	return d.toSecurity(e), err
}

type emailDigestRequest struct {
	Every string `json:"every"` // off, daily or weekly
}

// emailDigest says how often the person wants to be told by mail what they missed.
func (d *Door) emailDigest(ctx context.Context, c *client, in emailDigestRequest) (securityReply, error) {
	e, err := d.o.Accounts.SetDigest(ctx, *c.person(), in.Every)
	return d.toSecurity(e), err
}

type passwordForgotRequest struct {
	Name string `json:"name"` // of the account, or its e-mail address
}

// passwordForgot sends a link to set a new password, if there is such an account. The answer is the same if not.
func (d *Door) passwordForgot(ctx context.Context, _ *client, in passwordForgotRequest) (ok, error) {
	return done, d.o.Accounts.ForgotPassword(ctx, in.Name)
}

type passwordResetRequest struct {
	Token    string `json:"token"` // of a link in a letter
	Password string `json:"password"`
}

// passwordReset sets a new password. It signs nobody in.
func (d *Door) passwordReset(ctx context.Context, _ *client, in passwordResetRequest) (ok, error) {
	return done, d.o.Accounts.ResetPassword(ctx, in.Token, in.Password)
}
