package engineio

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CORS says which other origins' pages may use the server. A page's own origin never needs it. Browsers do not hold WebSockets to it:
// where a cookie says who somebody is, [Options].AllowRequest has to look at the Origin header as well.
type CORS struct {
	// AllowOrigin reports whether a page of this origin may connect. Nil allows none; use [AllowAnyOrigin] for all.
	AllowOrigin func(origin string) bool
	Credentials bool          // allow cookies and authorization headers
	Methods     []string      // default GET, POST
	Headers     []string      // default: whatever the browser asks for
	Exposed     []string      // headers of responses that a page may read
	MaxAge      time.Duration // how long a browser may remember a preflight; 0 is the browser's own time
}

// AllowAnyOrigin allows every page. With credentials this lets any site act for its visitors.
func AllowAnyOrigin(string) bool { return true }

// AllowOrigins allows the origins of a list, such as https://example.org.
func AllowOrigins(origins ...string) func(string) bool {
	allowed := map[string]bool{}
	for _, o := range origins {
		allowed[strings.ToLower(strings.TrimSuffix(o, "/"))] = true
	}
	return func(origin string) bool { return allowed[strings.ToLower(origin)] }
}

func (c *CORS) allows(origin string) bool {
	return c != nil && origin != "" && c.AllowOrigin != nil && c.AllowOrigin(origin)
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != ""
}

// crossOrigin sets the headers of a response and reports whether the request is answered with that. Without an answer a browser
// tells its user nothing, so one that is refused says why.
func (srv *Server) crossOrigin(w http.ResponseWriter, r *http.Request) bool {
	c, origin := srv.opts.CORS, r.Header.Get("Origin")
	preflight := isPreflight(r)
	if !c.allows(origin) {
		if preflight {
			srv.refuse(w, r, &Refusal{
				Code: CodeForbidden, Message: "Pages of " + origin + " may not connect: the server's CORS options do not allow that origin",
			})
		}
		return preflight
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.Exposed) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.Exposed, ","))
	}
	if preflight {
		c.answer(h, r)
		w.WriteHeader(http.StatusNoContent)
	}
	return preflight
}

// answer sets what only a preflight asks for.
func (c *CORS) answer(h http.Header, r *http.Request) {
	methods, headers := "GET,POST", r.Header.Get("Access-Control-Request-Headers")
	if len(c.Methods) > 0 {
		methods = strings.Join(c.Methods, ",")
	}
	if len(c.Headers) > 0 {
		headers = strings.Join(c.Headers, ",")
	}
	h.Set("Access-Control-Allow-Methods", methods)
	if headers != "" {
		h.Set("Access-Control-Allow-Headers", headers)
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
}
