package cli

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"code.dny.dev/ssrf"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/preview"
)

// site is a page on the web, with a picture. It counts how often it is asked.
func site(t *testing.T, elsewhere string) (s *httptest.Server, asked *atomic.Int64) {
	t.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 640, 320))); err != nil {
		t.Fatal(err)
	}
	asked = &atomic.Int64{}
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			asked.Add(1)
			_, _ = fmt.Fprint(w, `<!doctype html><head><title>x</title><meta property="og:title" content="A &lt;b&gt;page"><meta name=description content="What it is about">`,
				`<meta property="og:image" content="/picture.png"></head>`)
		case "/elsewhere":
			http.Redirect(w, r, elsewhere, http.StatusFound)
		case "/steals":
			_, _ = fmt.Fprintf(w, `<!doctype html><head><title>It steals</title><meta property="og:image" content="%s"></head>`, elsewhere)
		case "/picture.png":
			_, _ = w.Write(picture.Bytes())
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s, asked
}

// to lets the server ask these sites besides what is public.
func to(sites ...*httptest.Server) preview.Options {
	guard := ssrf.New()
	return preview.Options{Control: func(network, address string, c syscall.RawConn) error {
		for _, s := range sites {
			if address == s.Listener.Addr().String() {
				return nil
			}
		}
		return guard.Safe(network, address, c)
	}}
}

func TestPreviewsLive(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		inside, reached := site(t, "") // which is not for everybody: the server may reach it, people may not
		web, asked := site(t, inside.URL+"/page")
		s := startAsking(t, to(web), "--rate-limit=off", "--database-url="+o.URL)
		ana, _ := s.account("ana")
		ben, _ := s.account("ben")
		sent := ana.must("chat-message", reply{"text": "see " + web.URL + "/page and " + inside.URL + "/page"})
		told := ben.heard("message-updated", `"kind":"preview"`, `"title":"A \u003cb\u003epage"`, `"description":"What it is about"`, `"siteName":"127.0.0.1"`, `"imageWidth":480,"imageHeight":240`)
		_, path, _ := strings.Cut(told, `"imageUrl":"`)
		path, _, _ = strings.Cut(path, `"`)
		res, err := http.Get(s.url + path)
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/jpeg" || res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Fatalf("%s: %+v, %v", path, res, err)
		}
		if _, err := jpeg.Decode(res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		for _, path := range []string{"/previews/", "/previews/none", "/previews/06h123phwe2tb6rjr1pps1sgq8", "/previews/..%2fhealth"} {
			if res, err := http.Get(s.url + path); err != nil || res.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %+v, %v", path, res, err)
			} else {
				_ = res.Body.Close()
			}
		}
		ana.must("chat-message", reply{"text": web.URL + "/elsewhere and " + web.URL + "/steals and file:///etc/passwd and http://169.254.169.254/"})
		if stolen := ben.heard("message-updated", `"title":"It steals"`); strings.Contains(stolen, "elsewhere\",\"") || strings.Contains(strings.Split(stolen, "It steals")[1], "imageUrl") {
			t.Fatal(stolen)
		}
		ben.refused("message-preview-remove", reply{"messageId": sent["messageId"]}, "forbidden", "author")
		ana.refused("message-preview-remove", reply{"messageId": sent["messageId"], "url": "https://elsewhere.test"}, "not-found", "no such link")
		left := ana.must("message-preview-remove", reply{"messageId": sent["messageId"], "url": web.URL + "/page"})["message"].(map[string]any)
		if left["previews"] != nil || left["text"] == "" {
			t.Fatalf("%v", left)
		}
		room := ben.must("room-create", reply{"name": "Plain"})["roomId"].(string)
		if r := ben.must("room-update", reply{"roomId": room, "previews": false})["room"].(map[string]any); r["previews"] != false {
			t.Fatalf("%v", r)
		}
		ben.heard("room-updated", `"previews":false`)
		ben.must("chat-message", reply{"roomId": room, "text": web.URL + "/page?plain"})
		last := ana.must("chat-message", reply{"text": web.URL + "/page?last"})
		ben.heard("message-updated", `"kind":"preview"`, last["messageId"].(string))
		if n := ben.count("message-updated", `"kind":"preview"`, room); n != 0 || asked.Load() != 2 || reached.Load() != 0 {
			t.Fatalf("%d previews where there are none; asked %d times, and inside %d", n, asked.Load(), reached.Load())
		}
	})
}

// With previews switched off, nobody is asked.
func TestPreviewsAreOff(t *testing.T) {
	web, asked := site(t, "")
	s := startAsking(t, to(web), "--rate-limit=off", "--no-previews")
	ana, _ := s.account("ana")
	for range 3 {
		ana.must("chat-message", reply{"text": web.URL + "/page"})
	}
	on := startAsking(t, to(web))
	ben, _ := on.account("ben")
	ben.must("chat-message", reply{"text": web.URL + "/page"})
	ben.heard("message-updated", `"kind":"preview"`)
	if n := asked.Load(); n != 1 {
		t.Fatalf("asked %d times", n)
	}
}
