package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// trust reports whether an address is one of the trusted proxies'.
func trust(trusted []netip.Prefix, text string) bool {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	for _, p := range trusted {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

func peerOf(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return peer
}

// Secure returns a function that tells whether a request came over HTTPS: to this server, or to a trusted proxy that says so.
func Secure(trusted []netip.Prefix) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" && trust(trusted, peerOf(r))
	}
}

// ClientIP returns a function that finds the client's address: the peer's, or, when the peer is a trusted proxy, the last one in
// X-Forwarded-For that is not.
func ClientIP(trusted []netip.Prefix) func(*http.Request) string {
	return func(r *http.Request) string {
		peer := peerOf(r)
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && trust(trusted, peer); i-- {
			hop := strings.TrimSpace(hops[i])
			if _, err := netip.ParseAddr(hop); err != nil {
				break
			}
			peer = hop
		}
		return peer
	}
}
