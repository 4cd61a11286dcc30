package config

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func settingsOf(t *testing.T, args ...string) map[string]Setting {
	t.Helper()
	c, err := Parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Setting{}
	for _, s := range c.Settings() {
		if s.Name == "" || s.Help == "" || out[s.Name].Name != "" {
			t.Errorf("%+v", s)
		}
		out[s.Name] = s
	}
	return out
}

func TestSettingsInForce(t *testing.T) {
	t.Setenv("PARLEY_SIGN_UP", "invite")
	t.Setenv("PARLEY_LOG_LEVEL", "")
	all := settingsOf(t, "--port=3333", "--rate-limit=off", "--max-payload=65KiB", "--no-guests", "--allowed-origins=https://a.test,https://b.test", "--drain-delay=1m")
	for name, want := range map[string]string{
		"PORT": "3333 true", "PARLEY_SIGN_UP": "invite true", "PARLEY_GUESTS": "false true", "PARLEY_RATE_LIMIT": "off true", "PARLEY_MAX_PAYLOAD": "65KiB true",
		"ALLOWED_ORIGINS": "https://a.test,https://b.test true", "PARLEY_DRAIN_DELAY": "1m true", "PARLEY_LOG_LEVEL": "info false", "PARLEY_LETTER_LIMIT": "5/h false",
		"PARLEY_QUEUE_BYTES": "1MiB false", "PARLEY_PING_INTERVAL": "25s false", "PARLEY_PUBLIC_URL": "http://localhost:3333 false", "PARLEY_MEMORY_LIMIT": "0 false",
	} {
		if got := fmt.Sprint(all[name].Value, " ", all[name].Given); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if n := reflect.TypeFor[Config]().NumField(); len(all) < n-5 || len(all) > n {
		t.Errorf("%d settings of %d fields", len(all), n)
	}
}

// What is shown of the settings lets nobody in anywhere.
func TestNoSecretIsAmongTheSettings(t *testing.T) {
	const canary = "canary"
	all := settingsOf(t, "--secret-key="+canary, "--smtp-password="+canary, "--oidc-client-secret="+canary, "--ldap-bind-password="+canary,
		"--socket-admin=admin:$2y$10$"+canary, "--otlp-headers=authorization="+canary, "--database-url=postgres://parley:"+canary+"@db/parley?sslpassword="+canary,
		"--redis-url=redis://:"+canary+"@redis:6379", "--otlp-endpoint=http://me:"+canary+"@collector:4318", "--ldap-url=ldaps://d.test", "--ldap-base=dc=x")
	given := 0
	for _, s := range all {
		if strings.Contains(s.Value, canary) {
			t.Errorf("%s shows %q", s.Name, s.Value)
		}
		if s.Given {
			given++
		}
		if secret := regexp.MustCompile(`PASSWORD|SECRET|TOKEN|HEADERS|KEY$`).MatchString(s.Name); secret != s.Secret && s.Name != "PARLEY_TLS_KEY" && s.Name != "PARLEY_SOCKET_ADMIN" {
			t.Errorf("is %s a secret? %v", s.Name, s.Secret)
		}
	}
	if got := all["DATABASE_URL"].Value; got != "postgres://parley@db/parley?…" {
		t.Error(got)
	}
	if given != 11 {
		t.Errorf("%d are given", given)
	}
	if got := withoutPassword("postgres://parley:%zz" + canary + "@db"); strings.Contains(got, canary) {
		t.Error(got)
	}
}
