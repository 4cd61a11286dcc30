package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/fstest"
)

func TestClientIP(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, tc := range []struct {
		what, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:1000", nil, "192.0.2.1"},
		{"a stranger's claim is not believed", "192.0.2.1:1000", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a proxy's is", "10.0.0.1:1000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"what a client puts before it is not", "10.0.0.1:1000", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"a chain of proxies", "10.0.0.1:1000", []string{"198.51.100.1, 203.0.113.9, 10.0.0.7"}, "203.0.113.9"},
		{"the header twice", "10.0.0.1:1000", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"garbage ends the chain", "10.0.0.1:1000", []string{"203.0.113.9, x\"; drop"}, "10.0.0.1"},
		{"a proxy without the header", "10.0.0.1:1000", nil, "10.0.0.1"},
		{"all of them proxies", "10.0.0.1:1000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"IPv6", "[2001:db8::1]:1000", []string{"2400:cb00::7"}, "2400:cb00::7"},
		{"an IPv4 proxy on an IPv6 socket", "[::ffff:10.0.0.1]:1000", []string{"203.0.113.9"}, "203.0.113.9"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.peer
		r.Header["X-Forwarded-For"] = tc.forwarded
		if got := ClientIP(trusted)(r); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.what, got, tc.want)
		}
	}
}

func TestMetricsAreForOnesOwnNetwork(t *testing.T) {
	for _, tc := range []struct {
		peer, header string
		status       int
	}{
		{"127.0.0.1:1000", "", 200},
		{"[::1]:1000", "", 200},
		{"10.1.2.3:1000", "", 200},
		{"[::ffff:192.168.0.9]:1000", "", 200},
		{"192.0.2.1:1000", "", 404},
		{"[2001:db8::1]:1000", "", 404},
		{"127.0.0.1:1000", "X-Forwarded-For", 404},
		{"127.0.0.1:1000", "Forwarded", 404},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/metrics", nil), httptest.NewRecorder()
		r.RemoteAddr = tc.peer
		if tc.header != "" {
			r.Header.Set(tc.header, "for=192.0.2.1")
		}
		if site(fstest.MapFS{}, nil).ServeHTTP(w, r); w.Code != tc.status {
			t.Errorf("%s %s: %d, want %d", tc.peer, tc.header, w.Code, tc.status)
		}
	}
}
