package api

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func site(files fstest.MapFS, ready error) http.Handler {
	return New(Options{
		Socket: http.NotFoundHandler(), Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Page: files, Version: "v1",
		Connections: func() int { return 2 }, Online: func() int { return 1 },
		Ready: func(context.Context) error { return ready },
	})
}

var built = fstest.MapFS{
	"index.html":           {Data: []byte("<!doctype html><title>page</title>")},
	"assets/app-4f3a.js":   {Data: []byte(strings.Repeat("export const x = 1;\n", 500))},
	"icon.svg":             {Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
	"assets/app-4f3a.css":  {Data: []byte("body{}")},
	"nested/dir/thing.txt": {Data: []byte("text")},
}

func get(t *testing.T, h http.Handler, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "chat.test"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestThePageHasAStrictPolicyWithANewNonceEachTime(t *testing.T) {
	h := site(built, nil)
	nonce := regexp.MustCompile(`'nonce-([A-Za-z0-9+/]{22})'`)
	seen := map[string]bool{}
	for range 3 {
		res := get(t, h, "/")
		policy := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'",
			"connect-src 'self' ws://chat.test wss://chat.test",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("the policy lacks %s: %s", want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("unsafe: %s", policy)
		}
		found := nonce.FindAllStringSubmatch(policy, -1)
		if len(found) != 2 || found[0][1] != found[1][1] || seen[found[0][1]] {
			t.Fatalf("nonces %v", found)
		}
		seen[found[0][1]] = true
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%d, %v", res.StatusCode, res.Header)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	h := site(built, nil)
	for _, path := range []string{"/", "/icon.svg", "/nothing", "/health", "/ready", "/api/nothing"} {
		res := get(t, h, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
}

func TestAssetsAreKeptForEverAndCompressed(t *testing.T) {
	h := site(built, nil)
	res := get(t, h, "/assets/app-4f3a.js", "Accept-Encoding", "gzip")
	if res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || res.Header.Get("Content-Encoding") != "gzip" ||
		!strings.Contains(res.Header.Get("Content-Type"), "javascript") {
		t.Fatalf("%v", res.Header)
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(z); err != nil || string(data) != string(built["assets/app-4f3a.js"].Data) {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if plain := get(t, h, "/assets/app-4f3a.js"); plain.Header.Get("Content-Encoding") != "" || text(t, plain) != string(built["assets/app-4f3a.js"].Data) {
		t.Error("compressed for a client that did not ask")
	}
	if res := get(t, h, "/icon.svg"); res.Header.Get("Cache-Control") != "no-cache" { // no hash in its name
		t.Errorf("icon: %v", res.Header)
	}
}

// What is not there is a 404 everywhere: an asset that answers with the page would be cached as the script it is not.
func TestWhatIsNotThere(t *testing.T) {
	h := site(built, nil)
	for _, path := range []string{"/assets/app-old.js", "/assets", "/assets/", "/nested/dir", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/nothing"} {
		res := get(t, h, path)
		if body := text(t, res); res.StatusCode == http.StatusOK || strings.Contains(body, "<title>page") || strings.Contains(body, "root:") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
		if strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: an error is kept for ever", path)
		}
	}
	res := get(t, h, "/api/nothing")
	var answer map[string]any
	err := json.NewDecoder(res.Body).Decode(&answer)
	if err != nil || res.StatusCode != http.StatusNotFound || answer["success"] != false {
		t.Errorf("%d %v %v", res.StatusCode, answer, err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestAPageThatWasNotBuiltSaysHow(t *testing.T) {
	res := get(t, site(fstest.MapFS{".gitkeep": {}}, nil), "/")
	if body := text(t, res); !strings.Contains(body, "make run") || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%v %s", res.Header, body)
	}
}

func TestReadinessIsNotLiveness(t *testing.T) {
	h := site(built, errors.New("the server is restarting"))
	if res := get(t, h, "/ready"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("ready: %d %v", res.StatusCode, res.Header)
	}
	if res := get(t, h, "/health"); res.StatusCode != http.StatusOK {
		t.Errorf("health: %d", res.StatusCode)
	}
}

// A link to a message is the page, whatever there is; the page asks what it leads to.
func TestLinksToMessagesAreThePage(t *testing.T) {
	h := site(built, nil)
	for path, want := range map[string]int{
		"/m/general/06h123phwe2tb6rjr1pps1sgq8": http.StatusOK, "/m/none/none": http.StatusOK,
		"/m/": http.StatusNotFound, "/m/general": http.StatusNotFound, "/m/a/b/c": http.StatusNotFound, "/m/a/" + strings.Repeat("x", 65): http.StatusNotFound,
	} {
		res := get(t, h, path)
		if page := strings.Contains(text(t, res), "<title>page</title>"); res.StatusCode != want || page != (want == http.StatusOK) {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}
