package cli

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"parley/internal/config"
	"parley/internal/preview"
)

func TestHealthcheck(t *testing.T) {
	s := start(t)
	_, port, _ := net.SplitHostPort(s.addr)
	t.Chdir(t.TempDir()) // where no .env is
	check := func(host, port string) (int, string) {
		t.Setenv("PARLEY_HOST", host)
		t.Setenv("PORT", port)
		var stderr bytes.Buffer
		return Run(t.Context(), []string{"healthcheck"}, io.Discard, &stderr), stderr.String()
	}
	for _, host := range []string{"", "0.0.0.0", "127.0.0.1", "localhost"} {
		if code, text := check(host, port); code != 0 {
			t.Errorf("PARLEY_HOST=%q: exit %d, %s", host, code, text)
		}
	}
	sick := httptest.NewServer(http.NotFoundHandler())
	defer sick.Close()
	_, sickPort, _ := net.SplitHostPort(sick.Listener.Addr().String())
	if code, text := check("", sickPort); code != 1 || !strings.Contains(text, "404") {
		t.Errorf("a server that is not well: exit %d, %s", code, text)
	}
	s.stop()
	if code, text := check("", port); code != 1 || !strings.Contains(text, "parley: ") {
		t.Errorf("no server: exit %d, %s", code, text)
	}
}

// A server bound to one address is asked there: 127.0.0.2 answers only for itself.
func TestHealthcheckAsksTheAddressTheServerHas(t *testing.T) {
	s := start(t, "--host=127.0.0.2")
	_, port, _ := net.SplitHostPort(s.addr)
	t.Chdir(t.TempDir())
	t.Setenv("PARLEY_HOST", "127.0.0.2")
	t.Setenv("PORT", port)
	var stderr bytes.Buffer
	if code := Run(t.Context(), []string{"healthcheck"}, io.Discard, &stderr); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr.String())
	}
}

func TestAdminListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	s := start(t, "--admin-addr="+addr)
	for path, want := range map[string]int{
		"http://" + addr + "/metrics":                            200,
		"http://" + addr + "/debug/pprof/":                       200,
		"http://" + addr + "/debug/pprof/heap?debug=1":           200,
		"http://" + addr + "/debug/statsviz/":                    200,
		"http://" + addr + "/":                                   200,
		s.url + "/debug/statsviz/":                               404,
		s.url + "/debug/pprof/":                                  404,
		s.url + "/debug/pprof/heap?debug=1":                      404,
		"http://" + addr + "/socket.io/?EIO=4&transport=polling": 404,
	} {
		res, err := http.Get(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
	}
	s.stop()
	if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		_ = c.Close()
		t.Error("the operator's listener outlives the server")
	}
	var stderr bytes.Buffer
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	args := []string{"serve", "--port=0", "--host=127.0.0.1", "--data=" + t.TempDir(), "--admin-addr=" + taken.Addr().String()}
	if code := Run(t.Context(), args, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "PARLEY_ADMIN_ADDR") {
		t.Errorf("an address that is taken: exit %d, %s", code, stderr.String())
	}
}

// A .env file that cannot be read must not start a server with other settings than it says.
func TestABrokenEnvFileIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".env", []byte("PORT='3000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if code := Run(t.Context(), []string{"serve", "--port=0"}, io.Discard, &stderr); code != 2 || !strings.Contains(stderr.String(), ".env") {
		t.Fatalf("exit %d, %s", code, stderr.String())
	}
}

// Readiness tells everybody that the database is gone, and only the log what exactly is wrong with it.
func TestReadinessKeepsTheCauseToTheLog(t *testing.T) {
	c, err := config.Parse([]string{"--data=" + t.TempDir()}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var log syncBuffer
	p, err := build(t.Context(), c, &log, preview.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		p.http.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/ready", nil))
		return w
	}
	if w := ask(); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	if err := p.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := ask()
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "the database does not answer") || strings.Contains(w.Body.String(), "sql:") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "sql: database is closed") {
		t.Errorf("the cause is not in the log: %s", log.String())
	}
}
