package api

import (
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"parley/internal/auth"
	"parley/internal/chat"
)

// statusOf is the HTTP status of each kind of error.
var statusOf = map[chat.Kind]int{
	chat.Invalid: http.StatusBadRequest, chat.Unauthenticated: http.StatusUnauthorized, chat.Forbidden: http.StatusForbidden,
	chat.NotFound: http.StatusNotFound, chat.Conflict: http.StatusConflict, chat.RateLimited: http.StatusTooManyRequests,
	chat.TooLarge: http.StatusRequestEntityTooLarge, chat.Unavailable: http.StatusServiceUnavailable, chat.Retry: http.StatusServiceUnavailable,
	chat.Unconfirmed: http.StatusForbidden, chat.SecondFactor: http.StatusUnauthorized, chat.Internal: http.StatusInternalServerError,
}

func fail(w http.ResponseWriter, err error) {
	e := chat.AsError(err)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	answer := map[string]any{"success": false, "error": e.Message, "code": e.Kind}
	if n, ok := w.(*numbered); ok && (e.Kind == chat.Internal || e.Err != nil && e.Kind != chat.Invalid) {
		answer["requestId"] = n.id
		n.log.Error("request failed", "request", n.id, "method", n.method, "path", n.path, "code", e.Kind, "error", err)
	}
	writeJSON(w, statusOf[e.Kind], answer)
}

// keepSession puts the session whose token is in the Authorization header into a cookie that scripts cannot read.
func (a *api) keepSession(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		fail(w, &chat.Error{Kind: chat.Unauthenticated, Message: "A Bearer token is expected"})
		return
	}
	actor, err := a.Sessions.Authenticate(r.Context(), token)
	if err != nil {
		fail(w, err)
		return
	}
	if err := a.remember(w, r, actor); err != nil {
		fail(w, err)
		return
	}
	http.SetCookie(w, a.cookie(r, token, int(auth.AbsoluteTimeout.Seconds())))
	writeJSON(w, http.StatusOK, map[string]any{"success": true, "userId": actor.UserID})
}

// remember makes the browser known as one that somebody has signed in with.
func (a *api) remember(w http.ResponseWriter, r *http.Request, actor chat.Actor) error {
	token, err := a.Accounts.Remember(r.Context(), actor, auth.DeviceToken(r.Header))
	if err == nil && token != "" {
		http.SetCookie(w, a.named(r, auth.SecureDevice, auth.PlainDevice, token, int(auth.DeviceTimeout.Seconds())))
	}
	return err
}

// from is where a request comes from.
func (a *api) from(r *http.Request) auth.From {
	return auth.From{Agent: r.UserAgent(), Address: a.ClientIP(r), Token: auth.DeviceToken(r.Header)}
}

// dropSession ends the cookie's session, and the cookie.
func (a *api) dropSession(w http.ResponseWriter, r *http.Request) {
	token := auth.CookieToken(r.Header)
	if actor, err := a.Sessions.Authenticate(r.Context(), token); err == nil {
		if err := a.Sessions.Revoke(r.Context(), actor.UserID, actor.SessionID, "Signed out"); err != nil {
			fail(w, err)
			return
		}
	}
	http.SetCookie(w, a.cookie(r, "", -1))
	writeJSON(w, http.StatusOK, map[string]any{"success": true})
}

func (a *api) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return a.named(r, auth.SecureCookie, auth.PlainCookie, value, maxAge)
}

// named is a cookie that no script reads, under a name that browsers keep to HTTPS and to this host where it can be.
func (a *api) named(r *http.Request, secure, plain, value string, maxAge int) *http.Cookie {
	c := &http.Cookie{Name: plain, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: maxAge}
	if a.Secure(r) {
		c.Name, c.Secure = secure, true
	}
	return c
}

// plainCookies are the names of those that any page of a neighbouring host, and whoever is between, can set.
var plainCookies = []string{auth.PlainCookie, auth.PlainDevice, plainJourney}

// withoutPlain drops them from requests over HTTPS, where this server sets others: whoever put one there would have somebody signed in as
// somebody else, or come back from the provider on another's journey.
func withoutPlain(secure func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Cookie"]) > 0 && secure(r) {
			kept := slices.DeleteFunc(r.Cookies(), func(c *http.Cookie) bool { return slices.Contains(plainCookies, c.Name) })
			r.Header.Del("Cookie")
			for _, c := range kept {
				r.AddCookie(c)
			}
		}
		next.ServeHTTP(w, r)
	})
}

var avatarID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// avatar serves a person's picture. Its id is a hash of it, so it never changes.
func (a *api) avatar(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !avatarID.MatchString(id) {
		http.NotFound(w, r)
		return
	}
	picture, mediaType, err := a.Chat.Avatar(r.Context(), id)
	servePicture(w, picture, mediaType, err)
}

var previewID = regexp.MustCompile(`^[0-9a-z]{26}$`)

// previewPicture serves the picture of a page that somebody has linked to. It was drawn anew, and never changes.
func (a *api) previewPicture(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !previewID.MatchString(id) {
		http.NotFound(w, r)
		return
	}
	picture, mediaType, err := a.Chat.PreviewPicture(r.Context(), id)
	servePicture(w, picture, mediaType, err)
}

func servePicture(w http.ResponseWriter, picture []byte, mediaType string, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	_, _ = w.Write(picture) // a client that is gone needs no picture
}
