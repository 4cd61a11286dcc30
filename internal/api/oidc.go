package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"parley/internal/auth"
	"parley/internal/chat"
	"parley/internal/live"
)

// The names of the cookie that somebody keeps who is at the OpenID provider.
const (
	secureJourney = "__Host-parley-oidc"
	plainJourney  = "parley-oidc"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// signIn tells which ways there are to sign in.
func (a *api) signIn(w http.ResponseWriter, r *http.Request) {
	owned, err := a.Chat.HasOwner(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	label := ""
	if a.OIDC != nil {
		label = a.OIDC.Label
	}
	writeJSON(w, http.StatusOK, struct {
		Success bool   `json:"success"`
		Guests  bool   `json:"guests"`
		SignUp  string `json:"signUp"`         // open, invite or closed
		OIDC    string `json:"oidc,omitempty"` // what the OpenID provider is known as
		Mail    bool   `json:"mail"`           // a forgotten password can be reset
		SetUp   bool   `json:"setUp"`          // nobody owns the server yet: the first account will
	}{true, a.Guests, a.SignUp, label, a.Accounts.Mail, !owned})
}

// bearer is who a request's Authorization header or cookie says.
func (a *api) bearer(r *http.Request) (chat.Actor, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = auth.CookieToken(r.Header)
	}
	return a.Sessions.Authenticate(r.Context(), token)
}

// beginOIDC answers where the page is to go to sign in, link an identity or confirm one. It is a POST from our own page, so that nobody is
// signed in because they followed a link; the cookie that it sets makes the way back this browser's.
func (a *api) beginOIDC(w http.ResponseWriter, r *http.Request) {
	if a.OIDC == nil {
		fail(w, &chat.Error{Kind: chat.NotFound, Message: "There is no OpenID provider"})
		return
	}
	var in struct {
		Purpose string `json:"purpose"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		fail(w, &chat.Error{Kind: chat.Invalid, Message: "Invalid payload"})
		return
	}
	if err := a.Accounts.Throttle.Take(r.Context(), a.Accounts.Limits.SignIns, "openid from "+live.Network(a.ClientIP(r))); err != nil {
		fail(w, err)
		return
	}
	var actor chat.Actor
	if in.Purpose != auth.OIDCSignIn {
		var err error
		if actor, err = a.bearer(r); err != nil {
			fail(w, err)
			return
		}
	}
	to, journey, err := a.OIDC.Begin(r.Context(), in.Purpose, actor)
	if err != nil {
		fail(w, err)
		return
	}
	http.SetCookie(w, a.named(r, secureJourney, plainJourney, journey, int(auth.OIDCTime.Seconds())))
	writeJSON(w, http.StatusOK, map[string]any{"success": true, "url": to})
}

// endOIDC takes somebody back from the provider. Wherever it ends, it goes to our own page, which is told in the fragment how it went.
func (a *api) endOIDC(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, a.named(r, secureJourney, plainJourney, "", -1)) // it is used once
	q := r.URL.Query()
	journey := ""
	for _, name := range []string{secureJourney, plainJourney} {
		if c, err := r.Cookie(name); err == nil && journey == "" {
			journey = c.Value
		}
	}
	back := func(key, value string) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/#"+key+"="+url.QueryEscape(value), http.StatusSeeOther)
	}
	if a.OIDC == nil || journey == "" || q.Get("code") == "" {
		back("oidc-error", "Nobody was signed in")
		return
	}
	purpose, actor, token, err := a.OIDC.End(r.Context(), journey, q.Get("state"), q.Get("code"), a.from(r))
	if err != nil {
		e := chat.AsError(err)
		if e.Err != nil {
			a.Log.Warn("sign-in by OpenID failed", "error", err)
		}
		back("oidc-error", e.Message)
		return
	}
	if token != "" {
		if err := a.remember(w, r, actor); err != nil {
			a.Log.Warn("a browser cannot be remembered", "error", err) // they are signed in all the same
		}
		http.SetCookie(w, a.cookie(r, token, int(auth.AbsoluteTimeout.Seconds())))
	}
	back("oidc", purpose)
}
