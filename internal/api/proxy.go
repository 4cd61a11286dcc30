package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ClientIP returns a function that finds the client's address: the peer's, or, when the peer is a trusted proxy, the last one in
// X-Forwarded-For that is not.
func ClientIP(trusted []netip.Prefix) func(*http.Request) string {
	isTrusted := func(text string) bool {
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
	return func(r *http.Request) string {
		peer, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			peer = r.RemoteAddr
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && isTrusted(peer); i-- {
			hop := strings.TrimSpace(hops[i])
			if _, err := netip.ParseAddr(hop); err != nil {
				break
			}
			peer = hop
		}
		return peer
	}
}
