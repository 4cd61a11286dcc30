package parley_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport says which packages of ours a package may use: ARCHITECTURE.md draws it, this enforces it. A name that ends in /
// stands for everything below it.
var mayImport = map[string][]string{
	"cmd/parley":         {"internal/cli"},
	"engineio":           {},
	"engineio/":          {"engineio"},
	"socketio":           {"engineio"},
	"socketio/":          {"socketio", "engineio"},
	"socketio/internal/": {},
	"internal/db":        {},
	"internal/db/dbtest": {"internal/db"},
	"internal/markdown":  {},
	"internal/preview":   {},
	"internal/transfer":  {"internal/chat", "internal/db"},
	"internal/markdown/": {"internal/markdown"},
	"internal/chat":      {"internal/db", "internal/markdown"},
	"internal/jobs":      {"internal/db"},
	"internal/auth/":     {},
	"internal/push":      {"internal/chat", "internal/db", "internal/jobs", "internal/markdown"},
	"internal/mail":      {"internal/auth", "internal/chat", "internal/jobs"},
	"internal/mail/":     {},
	"internal/auth":      {"internal/chat", "internal/db", "internal/jobs"},
	"internal/live":      {"socketio", "engineio", "internal/chat", "internal/auth"},
	"internal/live/":     {"internal/live"},
	"internal/api":       {"internal/live", "internal/auth", "internal/chat"},
	"internal/config":    {},
	"internal/peers":     {},
	"internal/peers/":    {},
	"internal/telemetry": {},
	"internal/load":      {"socketio/client"},
	"internal/doctor":    {"socketio/client"},
	"web":                {},
	"internal/cli":       {"engineio", "engineio/", "socketio", "socketio/redis", "socketio/adminui", "internal/", "web"},
	"e2e":                {"socketio", "engineio", "socketio/", "internal/db"}, // the databases that its scenarios run over
	"e2e/":               {"socketio", "engineio", "socketio/", "engineio/"},
	"e2e/bench":          {"socketio/client", "internal/db/dbtest", "internal/peers/redistest"},
	"e2e/torture":        {"socketio/client", "internal/db/dbtest", "internal/peers/redistest"},
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestImportRules(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "parley/")
		if name == "parley" {
			continue
		}
		allowed, ruled := rule(name)
		if !ruled {
			t.Errorf("%s has no rule: give it a room in ARCHITECTURE.md and a row here", name)
		}
		for _, i := range p.Imports {
			if ours, ok := strings.CutPrefix(i, "parley/"); ok && !matches(allowed, ours) {
				t.Errorf("%s may not import %s", name, ours)
			}
		}
		// A test stands outside of its package, and may talk to it as clients do; for the rest the rules are the same.
		allowedInTests := append(slices.Clone(allowed), name, "socketio/client", "socketio/adaptertest", "socketio/internal/crowd",
			"internal/db/dbtest", "internal/peers/redistest", "internal/mail/mailtest", "internal/auth/ldaptest")
		for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
			if ours, ok := strings.CutPrefix(i, "parley/"); ok && !matches(allowedInTests, ours) {
				t.Errorf("a test of %s may not import %s", name, ours)
			}
		}
	}
}

func rule(name string) ([]string, bool) {
	if r, ok := mayImport[name]; ok {
		return r, true
	}
	for prefix, r := range mayImport {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(name, prefix) {
			return r, true
		}
	}
	return nil, false
}

func matches(allowed []string, name string) bool {
	for _, a := range allowed {
		if a == name || strings.HasSuffix(a, "/") && strings.HasPrefix(name, a) {
			return true
		}
	}
	return false
}
