package live

import "context"

type totpBeginReply struct {
	ok
	Secret string `json:"secret"`
	URI    string `json:"uri"` // of a QR code
}

// totpBegin makes a secret for an authenticator. It counts once totp-enable has got a code.
func (d *Door) totpBegin(ctx context.Context, c *client, _ emptyRequest) (totpBeginReply, error) {
	secret, uri, err := d.o.Accounts.BeginTOTP(ctx, *c.person())
	return totpBeginReply{done, secret, uri}, err
}

type codeRequest struct {
	Code string `json:"code"`
}

type recoveryReply struct {
	ok
	RecoveryCodes []string `json:"recoveryCodes"` // known only now
}

// totpEnable asks for codes from now on.
func (d *Door) totpEnable(ctx context.Context, c *client, in codeRequest) (recoveryReply, error) {
	codes, err := d.o.Accounts.EnableTOTP(ctx, *c.person(), in.Code)
	return recoveryReply{done, codes}, err
}

// totpDisable asks for no codes any more.
func (d *Door) totpDisable(ctx context.Context, c *client, _ emptyRequest) (securityReply, error) {
	return d.security(ctx, c, d.o.Accounts.DisableTOTP(ctx, *c.person()))
}

// recoveryCodes makes the person's recovery codes anew.
func (d *Door) recoveryCodes(ctx context.Context, c *client, _ emptyRequest) (recoveryReply, error) {
	codes, err := d.o.Accounts.NewRecoveryCodes(ctx, *c.person())
	return recoveryReply{done, codes}, err
}

type secondFactorRequest struct {
	Required bool `json:"required"`
}

// secondFactor says whether a password alone is to be enough for somebody who has a passkey.
func (d *Door) secondFactor(ctx context.Context, c *client, in secondFactorRequest) (recoveryReply, error) {
	codes, err := d.o.Accounts.RequireSecond(ctx, *c.person(), in.Required)
	return recoveryReply{done, codes}, err
}

type passkeyOptionsReply struct {
	ok
	Options any `json:"options"` // for the browser, in the JSON of WebAuthn
}

// passkeyBegin returns what a passkey is to be made with.
func (d *Door) passkeyBegin(ctx context.Context, c *client, _ emptyRequest) (passkeyOptionsReply, error) {
	options, challenge, err := d.o.Accounts.BeginPasskey(ctx, *c.person())
	c.challenge.Store(challenge)
	return passkeyOptionsReply{done, options}, err
}

type passkeyAddRequest struct {
	Name    string `json:"name"`
	Passkey any    `json:"passkey"` // what the browser made
}

// passkeyAdd keeps a passkey.
func (d *Door) passkeyAdd(ctx context.Context, c *client, in passkeyAddRequest) (securityReply, error) {
	return d.security(ctx, c, d.o.Accounts.AddPasskey(ctx, *c.person(), c.challenge.Swap(nil), in.Name, answerOf(in.Passkey)))
}

type passkeyRequest struct {
	PasskeyID string `json:"passkeyId"`
}

// passkeyRemove takes a passkey away.
func (d *Door) passkeyRemove(ctx context.Context, c *client, in passkeyRequest) (securityReply, error) {
	return d.security(ctx, c, d.o.Accounts.RemovePasskey(ctx, *c.person(), in.PasskeyID))
}

// passkeyChallenge returns what a passkey is to sign, for passkey-login, account-login or account-confirm on the same connection.
func (d *Door) passkeyChallenge(ctx context.Context, c *client, _ emptyRequest) (passkeyOptionsReply, error) {
	options, challenge, err := d.o.Accounts.ChallengePasskey(ctx)
	c.challenge.Store(challenge)
	return passkeyOptionsReply{done, options}, err
}

type passkeyLoginRequest struct {
	Passkey any `json:"passkey"` // a passkey's answer to the challenge
}

// passkeyLogin starts a session of the account that a passkey belongs to.
func (d *Door) passkeyLogin(ctx context.Context, c *client, in passkeyLoginRequest) (joinReply, error) {
	if c.person() != nil {
		return joinReply{}, errSignedIn
	}
	a, token, err := d.o.Accounts.SignInByPasskey(ctx, c.challenge.Swap(nil), answerOf(in.Passkey), c.from())
	if err != nil {
		return joinReply{}, err
	}
	return d.welcome(ctx, c, a, token)
}
