package engineio

import (
	"net/http"
	"strings"
)

// CORS says which other origins' pages may use the server. A page's own origin never needs it.
type CORS struct {
	// AllowOrigin reports whether a page of this origin may connect. Nil allows none; use [AllowAnyOrigin] for all.
	AllowOrigin func(origin string) bool
	Credentials bool     // allow cookies and authorization headers
	Methods     []string // default GET, POST
	Headers     []string // default: whatever the browser asks for
}

// AllowAnyOrigin allows every page. With credentials this lets any site act for its visitors.
func AllowAnyOrigin(string) bool { return true }

// apply sets the headers of a response and reports whether the request was a preflight, which it then has answered.
func (c *CORS) apply(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	preflight := r.Method == http.MethodOptions
	h := w.Header()
	if origin != "" && c.AllowOrigin != nil && c.AllowOrigin(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		if c.Credentials {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if preflight {
			h.Set("Access-Control-Allow-Methods", c.methods())
			if headers := c.headers(r); headers != "" {
				h.Set("Access-Control-Allow-Headers", headers)
			}
		}
	}
	if preflight {
		w.WriteHeader(http.StatusNoContent)
	}
	return preflight
}

func (c *CORS) methods() string {
	if len(c.Methods) == 0 {
		return "GET,POST"
	}
	return strings.Join(c.Methods, ",")
}

func (c *CORS) headers(r *http.Request) string {
	if len(c.Headers) == 0 {
		return r.Header.Get("Access-Control-Request-Headers")
	}
	return strings.Join(c.Headers, ",")
}
