package doctor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	webpush "github.com/SherClockHolmes/webpush-go"
)

func TestPushKeysAreChecked(t *testing.T) {
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	for want, pair := range map[string][2]string{
		"":                {private, public},
		"belong together": {private, other},
		"base64url":       {"?" + private, public},
		"P-256":           {"AAAA", public},
	} {
		if got := badKeys(pair[0], pair[1]); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Any answer shows that there is a way to a service; only what the operator names is asked.
func TestPushServicesAreAsked(t *testing.T) {
	asked := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(http.StatusNotFound) }))
	defer s.Close()
	transport, is := s.Client().Transport.(*http.Transport)
	if !is {
		t.Fatal("the test's client has no transport")
	}
	look := func(o Options) (found string) {
		o.Push = true
		e := &examination{o, func(f Finding) { found += string(f.Level) + " " + f.About + " " + f.Says + "\n" }}
		e.pushServices(t.Context())
		return found
	}
	if found := look(Options{PublicURL: "https://chat.example.com"}); found != "" || asked != 0 {
		t.Errorf("nobody has asked: %s", found)
	}
	if found := look(Options{PublicURL: "http://chat.example.com"}); !strings.Contains(found, "warning push") {
		t.Errorf("%q", found)
	}
	if found := look(Options{PushServices: []string{s.URL}, PushTransport: transport}); !strings.Contains(found, "ok push service 127.0.0.1") || asked != 1 {
		t.Errorf("%q, asked %d times", found, asked)
	}
	for _, c := range []struct{ service, want string }{
		{s.URL, "is inside of a network"}, {"https://push.invalid", "cannot be reached"}, {"http://example.com", "is no address"},
	} {
		if found := look(Options{PushServices: []string{c.service}}); !strings.Contains(found, "error push service") || !strings.Contains(found, c.want) {
			t.Errorf("%s: %q", c.service, found)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
