package live

import (
	"context"
)

type accountConfirmRequest struct {
	Password string `json:"password"` // or a passkey alone
	proofRequest
}

// accountConfirm notes that whoever uses the session has proved again who they are.
func (d *Door) accountConfirm(ctx context.Context, c *client, in accountConfirmRequest) (ok, error) {
	return done, d.o.Accounts.Confirm(ctx, *c.person(), c.proof(in.Password, in.proofRequest))
}

// securityReply is what protects an account, for its owner.
type securityReply struct {
	ok
	Email         string         `json:"email,omitempty"` // verified
	Digest        string         `json:"digest"`          // of what was missed, by mail: off, daily or weekly
	Mail          bool           `json:"mail"`            // whether the server sends mail at all
	SecondFactor  bool           `json:"secondFactor"`    // a password alone is not enough
	TOTP          bool           `json:"totp"`            // codes of an authenticator
	RecoveryCodes int            `json:"recoveryCodes"`   // that are left
	Passkeys      []wirePasskey  `json:"passkeys"`
	Identities    []wireIdentity `json:"identities"` // elsewhere
}

type wireIdentity struct {
	Issuer    string `json:"issuer"`
	CreatedAt string `json:"createdAt"`
	UsedAt    string `json:"usedAt"`
}

type wirePasskey struct {
	PasskeyID string `json:"passkeyId"`
	Name      string `json:"name"`
	CreatedAt string `json:"createdAt"`
	UsedAt    string `json:"usedAt"`
}

// accountSecurity tells what protects the account.
func (d *Door) accountSecurity(ctx context.Context, c *client, _ emptyRequest) (securityReply, error) {
	return d.security(ctx, c, nil)
}

// security answers what has changed it, if that succeeded.
func (d *Door) security(ctx context.Context, c *client, err error) (securityReply, error) {
	if err != nil {
		return securityReply{}, err
	}
	userID := c.person().UserID
	email, err := d.o.Accounts.Email(ctx, userID)
	if err != nil {
		return securityReply{}, err
	}
	second, err := d.o.Accounts.SecondOf(ctx, userID)
	if err != nil {
		return securityReply{}, err
	}
	keys, err := d.o.Accounts.PasskeysOf(ctx, userID)
	if err != nil {
		return securityReply{}, err
	}
	identities, err := d.o.Accounts.Identities(ctx, userID)
	out := securityReply{
		ok: done, Email: email.Address, Digest: email.Digest, Mail: d.o.Accounts.Mail, SecondFactor: second.Required, TOTP: second.TOTP,
		RecoveryCodes: second.Recovery, Passkeys: []wirePasskey{},
		Identities: []wireIdentity{},
	}
	for _, k := range keys {
		out.Passkeys = append(out.Passkeys, wirePasskey{PasskeyID: k.ID, Name: k.Name, CreatedAt: timestamp(k.CreatedAt), UsedAt: timestamp(k.UsedAt)})
	}
	for _, i := range identities {
		out.Identities = append(out.Identities, wireIdentity{Issuer: i.Issuer, CreatedAt: timestamp(i.CreatedAt), UsedAt: timestamp(i.UsedAt)})
	}
	return out, err
}

type identityRequest struct {
	Issuer string `json:"issuer"`
}

// identityUnlink takes an identity elsewhere away from the account.
func (d *Door) identityUnlink(ctx context.Context, c *client, in identityRequest) (securityReply, error) {
	return d.security(ctx, c, d.o.Accounts.Unlink(ctx, *c.person(), in.Issuer))
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
	return d.security(ctx, c, d.o.Accounts.VerifyEmail(ctx, *c.person(), in.Token))
}

type emailDigestRequest struct {
	Every string `json:"every"` // off, daily or weekly
}

// emailDigest says how often the person wants to be told by mail what they missed.
func (d *Door) emailDigest(ctx context.Context, c *client, in emailDigestRequest) (securityReply, error) {
	return d.security(ctx, c, d.o.Accounts.SetDigest(ctx, *c.person(), in.Every))
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
