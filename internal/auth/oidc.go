package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"parley/internal/chat"
)

// OIDC signs people in by way of an OpenID provider: the authorization code flow with PKCE, a state and a nonce.
type OIDC struct {
	Issuer, ClientID, ClientSecret string
	Label                          string // what people know the provider as
	Scopes                         []string
	RedirectURL                    string
	Provisioning
	Accounts *Accounts
	// Client may be nil.
	Client *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
}

// The purposes of going to a provider.
const (
	OIDCSignIn  = "sign-in"
	OIDCLink    = "link"    // give the account the identity there
	OIDCConfirm = "confirm" // prove again who it is
)

const (
	oidcTimeout = 10 * time.Second
	// OIDCTime is how long somebody may take at the provider.
	OIDCTime    = 10 * time.Minute
	oidcPurpose = "oidc"
)

// Journey is what is remembered of somebody who is at the provider, in a cookie that only this server can read.
type Journey struct {
	State, Nonce, Verifier string
	Purpose                string
	UserID, SessionID      string // who wants to link or confirm
	Ends                   time.Time
}

// find asks the provider what it offers, once: the server starts although the provider is away.
func (o *OIDC) find(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	p, err := oidc.NewProvider(context.WithoutCancel(ctx), o.Issuer) // what it keeps outlives the request
	if err != nil {
		return nil, errProvider(err)
	}
	o.provider = p
	return p, nil
}

func errProvider(err error) error {
	return &chat.Error{Kind: chat.Unavailable, Message: "The sign-in service does not answer", RetryAfter: 5 * time.Second, Err: err}
}

func (o *OIDC) with(ctx context.Context) context.Context {
	client := o.Client
	if client == nil {
		client = &http.Client{Timeout: oidcTimeout}
	}
	return oidc.ClientContext(ctx, client)
}

func (o *OIDC) config(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: o.RedirectURL, Scopes: o.Scopes}
}

// Begin returns where to send somebody, and what their browser is to keep meanwhile. actor is who wants to link or confirm.
func (o *OIDC) Begin(ctx context.Context, purpose string, actor chat.Actor) (url, cookie string, err error) {
	ctx = o.with(ctx)
	switch purpose {
	case OIDCSignIn:
	case OIDCLink:
		if err := o.Accounts.Sessions.requireConfirmed(ctx, actor.SessionID); err != nil {
			return "", "", err
		}
	case OIDCConfirm:
	default:
		return "", "", &chat.Error{Kind: chat.Invalid, Message: "purpose must be sign-in, link or confirm"}
	}
	p, err := o.find(ctx)
	if err != nil {
		return "", "", err
	}
	j := Journey{
		State: newToken(), Nonce: newToken(), Verifier: oauth2.GenerateVerifier(), Purpose: purpose,
		UserID: actor.UserID, SessionID: actor.SessionID, Ends: o.Accounts.now().Add(OIDCTime),
	}
	data, err := json.Marshal(j)
	if err != nil {
		return "", "", fmt.Errorf("auth: %w", err)
	}
	if cookie, err = o.Accounts.Sealer.Seal(oidcPurpose, o.Issuer, string(data)); err != nil {
		return "", "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(j.Nonce), oauth2.S256ChallengeOption(j.Verifier)}
	if purpose == OIDCConfirm { // who is signed in there already must show again who they are
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return o.config(p).AuthCodeURL(j.State, options...), cookie, nil
}

func errJourney() error {
	return &chat.Error{Kind: chat.Forbidden, Message: "This sign-in was not begun here, or too long ago: begin again"}
}

// End takes somebody back who comes from the provider with a code. It returns a session's token for who signs in, and for others none.
func (o *OIDC) End(ctx context.Context, cookie, state, code string, from From) (purpose string, a chat.Actor, token string, err error) {
	ctx = o.with(ctx)
	var j Journey
	data, err := o.Accounts.Sealer.Open(oidcPurpose, o.Issuer, cookie)
	if err != nil || json.Unmarshal([]byte(data), &j) != nil || subtle.ConstantTimeCompare([]byte(state), []byte(j.State)) != 1 || o.Accounts.now().After(j.Ends) {
		return "", a, "", errJourney()
	}
	who, err := o.exchange(ctx, j, code)
	if err != nil {
		return j.Purpose, a, "", err
	}
	switch j.Purpose {
	case OIDCLink:
		return j.Purpose, a, "", o.Accounts.Link(ctx, j.UserID, j.SessionID, who)
	case OIDCConfirm:
		return j.Purpose, a, "", o.Accounts.ConfirmAs(ctx, j.UserID, j.SessionID, who)
	}
	a, token, err = o.Accounts.SignInAs(ctx, who, o.Provisioning, from)
	return j.Purpose, a, token, err
}

// claims are what is read of an identity.
type claims struct {
	Email         string `json:"email"`
	EmailVerified any    `json:"email_verified"` // some providers write it as a string
	Username      string `json:"preferred_username"`
	Name          string `json:"name"`
	AuthTime      int64  `json:"auth_time"`
}

// exchange finds out from the provider who came with a code.
func (o *OIDC) exchange(ctx context.Context, j Journey, code string) (Identity, error) {
	p, err := o.find(ctx)
	if err != nil {
		return Identity{}, err
	}
	refused := func(err error) (Identity, error) {
		return Identity{}, &chat.Error{Kind: chat.Unauthenticated, Message: "The sign-in service did not confirm who you are", Err: err}
	}
	tokens, err := o.config(p).Exchange(ctx, code, oauth2.VerifierOption(j.Verifier))
	if err != nil {
		return refused(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: o.ClientID, Now: o.Accounts.now}).Verify(ctx, raw)
	if err != nil {
		return refused(err)
	}
	if id.Nonce != j.Nonce {
		return refused(errors.New("the nonce is another"))
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return refused(err)
	}
	if j.Purpose == OIDCConfirm && o.Accounts.now().Sub(time.Unix(c.AuthTime, 0)) > OIDCTime {
		return refused(errors.New("it does not say that they have signed in anew"))
	}
	if c.Email == "" || c.Username == "" {
		if info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens)); err == nil && info.Subject == id.Subject {
			_ = info.Claims(&c) // what is missing stays so
		}
	}
	who := Identity{Issuer: id.Issuer, Subject: id.Subject, Login: c.Username, Name: c.Name, Email: c.Email}
	who.EmailVerified = c.EmailVerified == true || c.EmailVerified == "true"
	if who.Login == "" {
		who.Login = c.Email
	}
	return who, nil
}
