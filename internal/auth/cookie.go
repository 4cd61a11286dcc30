package auth

import "net/http"

// The names of the session's cookie: the first is only ever sent over HTTPS and to the host that set it.
const (
	SecureCookie = "__Host-parley"
	PlainCookie  = "parley"
)

// CookieToken returns the token in a request's cookies, or "".
func CookieToken(h http.Header) string {
	r := http.Request{Header: h}
	for _, name := range []string{SecureCookie, PlainCookie} {
		if c, err := r.Cookie(name); err == nil && c.Value != "" {
			return c.Value
		}
	}
	return ""
}
