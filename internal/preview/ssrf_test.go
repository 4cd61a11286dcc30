package preview_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/net/dns/dnsmessage"

	"parley/internal/preview"
)

// inside are addresses that lead into the server's own network, or nowhere, however they are written.
var inside = []string{
	// loopback
	"http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:22/", "http://127.1/", "http://127.0.1/", "http://127.127.127.127/", "http://127.0.0.2/",
	"http://2130706433/", "http://0x7f000001/", "http://0x7f.0x0.0x0.0x1/", "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://0.0.0.0/",
	"http://0.0.0.0:80/", "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://localhost:6379/", "http://localhost.localdomain/",
	"http://ip6-localhost/", "http://[::1]/", "http://[::1]:80/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[0000::1]/", "http://[::ffff:127.0.0.1]/",
	"http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127%2e0%2e0%2e1/",
	// private networks
	"http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.0.1/", "http://192.168.255.255/",
	"http://[fc00::1]/", "http://[fd00::1]/", "http://[fd12:3456:789a::1]/", "http://[fec0::1]/", "http://[::ffff:10.0.0.1]/", "http://[::ffff:192.168.0.1]/",
	"http://0x0a000001/", "http://167772161/", "http://012.0.0.1/",
	// link-local, and what clouds tell their machines
	"http://169.254.169.254/latest/meta-data/", "http://169.254.0.1/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/",
	"http://2852039166/", "http://0xa9fea9fe/", "http://169.254.169.254.:80/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
	// addresses that carry others in them
	"http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a00:1]/", "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2002:a00:1::]/",
	"http://[2001:0:7f00:1::]/", "http://[2001:db8::1]/",
	// everything else that is nobody's site
	"http://100.64.0.1/", "http://192.0.0.1/", "http://192.0.2.1/", "http://198.18.0.1/", "http://198.51.100.1/", "http://203.0.113.1/", "http://224.0.0.1/",
	"http://239.255.255.255/", "http://240.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/", "http://[100::1]/", "http://192.88.99.1/",
	// other ports, schemes and forms
	"http://1.1.1.1:22/", "http://1.1.1.1:6379/", "http://1.1.1.1:8080/", "https://1.1.1.1:5432/", "ftp://1.1.1.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO",
	"dict://127.0.0.1:11211/stat", "ldap://127.0.0.1/", "data:text/html,<title>x</title>", "javascript:alert(1)", "jar:http://127.0.0.1!/", "unix:///var/run/docker.sock",
	"http:///", "http://", "//127.0.0.1/", "http://user@1.1.1.1/", "http://user:pass@127.0.0.1/", "http://1.1.1.1@127.0.0.1/", "http://127.0.0.1#@1.1.1.1/",
	"http://127.0.0.1?@1.1.1.1/", "http://1.1.1.1\t@127.0.0.1/", "http://127.0.0.1\r\nHost: x/", "http://1.1.1.1 .127.0.0.1/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/",
	"http://" + strings.Repeat("a", 3000) + ".test/",
}

// Nothing that leads inside is asked, whatever it looks like. The check is the one that is used: a connection that it lets through would
// be counted.
func TestNothingInsideIsAsked(t *testing.T) {
	if len(inside) < 80 {
		t.Fatalf("%d addresses", len(inside))
	}
	var through atomic.Int64
	guard := ssrf.New()
	f := preview.New(preview.Options{Timeout: 2 * time.Second, Resolver: resolver(t), Control: func(network, address string, c syscall.RawConn) error {
		if err := guard.Safe(network, address, c); err != nil {
			return err
		}
		through.Add(1)
		t.Errorf("let through to %s", address)
		return errors.New("not from a test")
	}})
	for _, address := range inside {
		if card, err := f.Fetch(t.Context(), address); err == nil {
			t.Errorf("%q gave %+v", address, card)
		}
	}
}

// Names that lead inside, each by another kind of address, and one that changes its mind after it was looked up first.
func TestNamesThatLeadInsideAreNotAsked(t *testing.T) {
	f := preview.New(preview.Options{Timeout: 3 * time.Second, Resolver: resolver(t)})
	for _, name := range []string{"loopback.test", "private.test", "metadata.test", "six.test", "rebinding.test"} {
		_, err := f.Fetch(t.Context(), "http://"+name+"/")
		if !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// resolver answers for names in test from a server of its own, and for no others.
func resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	names := map[string]string{
		"loopback.test.": "127.0.0.1", "private.test.": "10.1.2.3", "metadata.test.": "169.254.169.254", "six.test.": "::1", "rebinding.test.": "127.0.0.1",
		"localhost.localdomain.": "127.0.0.1", "ip6-localhost.": "::1",
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := resolve(buf[:n], names); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func resolve(query []byte, names map[string]string) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	addr, err := netip.ParseAddr(names[q.Name.String()])
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	switch {
	case err != nil:
		m.RCode = dnsmessage.RCodeNameError
	case addr.Is4() && q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}}
	case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// A page outside that sends its readers inside: only the first hop is asked.
func TestRedirectsInsideAreNotFollowed(t *testing.T) {
	var asked atomic.Int64
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("<title>secret</title>"))
	}))
	defer secret.Close()
	var to string
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }))
	defer outside.Close()
	f := preview.New(preview.Options{Timeout: 2 * time.Second, Resolver: resolver(t), Control: only(outside)})
	for _, to = range append([]string{secret.URL, strings.Replace(secret.URL, "http://", "http://user@", 1)}, inside...) {
		if card, err := f.Fetch(t.Context(), outside.URL); err == nil {
			t.Errorf("to %q: %+v", to, card)
		}
	}
	if asked.Load() > 0 {
		t.Errorf("what is inside was asked %d times", asked.Load())
	}
}

// only lets through to one server of the test, as if it were outside, and decides on the rest as always.
func only(s *httptest.Server) func(string, string, syscall.RawConn) error {
	guard := ssrf.New()
	return func(network, address string, c syscall.RawConn) error {
		if address == s.Listener.Addr().String() {
			return nil
		}
		return guard.Safe(network, address, c)
	}
}
