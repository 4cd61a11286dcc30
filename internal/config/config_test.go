package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ".env")
	if err := os.WriteFile(file, []byte("PORT=1111\nPARLEY_HOST=from-file\nPARLEY_LEAVE_GRACE=7s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PORT", "2222")
	t.Setenv("PARLEY_HOST", "from-environment")
	if err := LoadDotEnv(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Unsetenv("PARLEY_LEAVE_GRACE") })
	c, err := Parse([]string{"--port=3333"}, io.Discard)
	if err != nil || c.Port != 3333 || c.Host != "from-environment" || c.LeaveGrace != 7*time.Second {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := LoadDotEnv(filepath.Join(dir, "none")); err != nil {
		t.Fatalf("no file: %v", err)
	}
}

func TestEmptyVariablesAreUnset(t *testing.T) {
	for _, name := range []string{"PORT", "PARLEY_RATE_LIMIT", "PARLEY_MAX_PAYLOAD", "PARLEY_LEAVE_GRACE", "ALLOWED_ORIGINS", "PARLEY_TRUSTED_PROXIES"} {
		t.Setenv(name, "")
	}
	c, err := Parse(nil, io.Discard)
	if err != nil || len(c.AllowedOrigins) != 0 || len(c.Proxies()) != 0 {
		t.Fatalf("%q, %v", c.AllowedOrigins, err)
	}
	if c.Port != 3000 || c.RateLimit != (Rate{30, time.Minute}) || c.MaxPayload != 64<<10 || c.LeaveGrace != 5*time.Second {
		t.Fatalf("not the defaults: %+v", c)
	}
}

func TestOriginsAreWrittenAsBrowsersSendThem(t *testing.T) {
	c, err := Parse([]string{"--allowed-origins=https://a.test/, HTTPS://B.test:8443 ,*,,capacitor://localhost"}, io.Discard)
	want := []string{"https://a.test", "https://b.test:8443", "*", "capacitor://localhost"}
	if err != nil || !slices.Equal(c.AllowedOrigins, want) {
		t.Fatalf("%q, %v", c.AllowedOrigins, err)
	}
	for _, text := range []string{"a.test", "null", "https://a.test/chat", "https://", "https://me@a.test", "https://a.test?x", "https://%zz"} {
		if _, err := Parse([]string{"--allowed-origins=" + text}, io.Discard); err == nil || !strings.Contains(err.Error(), "ALLOWED_ORIGINS") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAdminAddressIsOfThisMachineUnlessSaidOtherwise(t *testing.T) {
	for text, want := range map[string]string{"": "", ":6060": "127.0.0.1:6060", "0.0.0.0:6060": "0.0.0.0:6060", "10.0.0.7:6060": "10.0.0.7:6060"} {
		if c, err := Parse([]string{"--admin-addr=" + text}, io.Discard); err != nil || c.AdminAddr != want {
			t.Errorf("%q: %q, %v", text, c.AdminAddr, err)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	c, err := Parse([]string{"--trusted-proxies=10.0.0.0/8, 192.0.2.7,2001:db8::/32, ::1"}, io.Discard)
	if err != nil || fmt.Sprint(c.Proxies()) != "[10.0.0.0/8 192.0.2.7/32 2001:db8::/32 ::1/128]" {
		t.Fatalf("%v, %v", c.Proxies(), err)
	}
	for _, text := range []string{"proxy.test", "10.0.0.0/33", "10.0.0.0-10.0.0.9"} {
		if _, err := Parse([]string{"--trusted-proxies=" + text}, io.Discard); err == nil || !strings.Contains(err.Error(), "PARLEY_TRUSTED_PROXIES") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTheSocketAdminNeedsAPassword(t *testing.T) {
	for text, good := range map[string]bool{
		"admin:$2y$10$AAAAAAAAAAAAAAAAAAAAAA": true, "admin": false, "admin:": false, "admin:in the clear": false, ":$2y$10$AAAAAAAAAAAAAAAAAAAAAA": false,
	} {
		if _, err := Parse([]string{"--socket-admin=" + text}, io.Discard); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWebTransportNeedsAnAddressAndACertificate(t *testing.T) {
	for args, good := range map[string]bool{
		"--webtransport-addr=:443 --tls-cert=c.pem --tls-key=k.pem": true, "--webtransport-addr=:443": false,
		"--webtransport-addr=:443 --tls-cert=c.pem": false, "--webtransport-addr=443 --tls-cert=c.pem --tls-key=k.pem": false,
	} {
		if _, err := Parse(strings.Fields(args), io.Discard); (err == nil) != good {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestSizesAndRates(t *testing.T) {
	for text, want := range map[string]Size{"64KiB": 64 << 10, "1MiB": 1 << 20, "2 GiB": 2 << 30, "512": 512, "7B": 7} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for text, want := range map[string]Rate{"30/m": {30, time.Minute}, "5/s": {5, time.Second}, "off": {}} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "-1KiB", "64KB2", "x"} {
		var s Size
		if s.UnmarshalText([]byte(text)) == nil {
			t.Errorf("size %q accepted", text)
		}
	}
	for _, text := range []string{"", "0/m", "30/y", "30", "-1/s"} {
		var r Rate
		if r.UnmarshalText([]byte(text)) == nil {
			t.Errorf("rate %q accepted", text)
		}
	}
}

// README's table has a row for every setting, with its default and its help, and no other.
func TestREADMEListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := len(regexp.MustCompile("(?m)^\\| `[A-Z_]+` \\|").FindAll(readme, -1))
	fields := reflect.TypeFor[Config]()
	settings := 0
	for i := range fields.NumField() {
		tag := fields.Field(i).Tag
		if tag.Get("env") == "" {
			continue
		}
		settings++
		def := tag.Get("default")
		if def != "" {
			def = "`" + def + "`"
		}
		row := fmt.Sprintf("| `%s` | %s | %s |", tag.Get("env"), def, tag.Get("help"))
		if !strings.Contains(string(readme), row) {
			t.Errorf("README lacks the row\n%s", row)
		}
	}
	if rows != settings {
		t.Errorf("README has %d rows for %d settings", rows, settings)
	}
}
