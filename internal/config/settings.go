package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Setting is a setting as it is in force.
type Setting struct {
	Name   string // of the environment variable
	Value  string // as one would write it; of a secret nothing
	Help   string
	Given  bool // somebody has set it: otherwise it is the default, or what follows from others
	Secret bool // its value is nobody's to see
}

// Settings lists all of them, in the order of the documentation. No value has a secret in it.
func (c *Config) Settings() []Setting {
	var out []Setting
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		s := Setting{Name: f.Tag.Get("env"), Help: f.Tag.Get("help"), Given: c.given[f.Tag.Get("env")], Secret: f.Tag.Get("secret") != ""}
		if !s.Secret {
			s.Value = withoutPassword(written(v.Field(i).Interface()))
		}
		out = append(out, s)
	}
	return out
}

// givenVariables names the variables of what has a value from the arguments or the environment: those that are not set were taken off the
// tags before.
func givenVariables(m *kong.Application, parsed *kong.Context) map[string]bool {
	given := map[string]bool{}
	mark := func(f *kong.Flag, is bool) {
		for _, name := range f.Envs {
			given[name] = is
		}
	}
	for _, f := range m.Flags {
		mark(f, len(f.Tag.Envs) > 0)
	}
	for _, p := range parsed.Path {
		if p.Flag != nil {
			mark(p.Flag, true)
		}
	}
	return given
}

// written is a value as one would write it.
func written(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ",")
	case time.Duration:
		return shortDuration(v)
	default:
		return fmt.Sprint(v)
	}
}

// shortDuration leaves out what is zero: 1m rather than 1m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// withoutPassword takes out of a URL what lets its bearer in.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil && strings.Contains(text, "://") {
		return "…"
	}
	if err != nil || u.Host == "" || u.User == nil && u.RawQuery == "" {
		return text
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}

// String implements fmt.Stringer.
func (s Size) String() string {
	for _, u := range units {
		if n := int64(s); n != 0 && n%u.bytes == 0 && u.bytes > 1 {
			return fmt.Sprint(n/u.bytes, u.suffix)
		}
	}
	return fmt.Sprint(int64(s))
}

// String implements fmt.Stringer.
func (r Rate) String() string {
	if r.Count == 0 {
		return "off"
	}
	return fmt.Sprintf("%d/%s", r.Count, map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per])
}
