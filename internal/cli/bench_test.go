package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestBenchMeasuresAndChecks(t *testing.T) {
	s := start(t, "--rate-limit=off")
	page := filepath.Join(t.TempDir(), "report.html")
	printed := cli(t, 0, "bench", s.url, "--people=40", "--rate=60", "--ramp=500ms", "--duration=3s", "--rooms=3", "--sign-up", "--reconnects=200", "--storm", "--report="+page)
	for _, want := range []string{"40 people", "sent/s", "delivered/s", "acknowledged", "Sound: of ", "times caught up", "\nback ", page} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	if regexp.MustCompile(`messages +0 sent|, 0 acknowledged|deliveries +0,| 0 cut on| 0 times|\nback +0|; 0 acknowledged messages were read`).MatchString(printed) {
		t.Errorf("something was not done:\n%s", printed)
	}
	if strings.Contains(printed, "HELD THIS TEST BACK") {
		t.Errorf("there are no limits:\n%s", printed)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<polyline", "Deliveries a second", "p99", "Sound: of "} {
		if !strings.Contains(string(html), want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if outside := regexp.MustCompile(`(src|href|url\()\s*=?\s*["']?http`).FindString(string(html)); outside != "" {
		t.Errorf("the page needs %s", outside)
	}
}

func TestBenchSaysWhatHeldItBack(t *testing.T) {
	s := start(t, "--rate-limit=3/m", "--connections-per-ip=15")
	printed := cli(t, 0, "bench", s.url, "--people=30", "--rate=60", "--ramp=200ms", "--duration=4s", "--direct=0", "--report=")
	for _, want := range []string{"HELD THIS TEST BACK", "PARLEY_CONNECTIONS_PER_IP", "PARLEY_RATE_LIMIT", "15 at the same time", "429 Too many connections"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
}

func TestBenchFailsInWords(t *testing.T) {
	closed := start(t, "--no-guests")
	for want, args := range map[string][]string{
		"Guests are not admitted": {closed.url},
		"cannot connect":          {"http://127.0.0.1:1"},
		"must be like":            {"localhost:3000"},
	} {
		if printed := cli(t, 1, append([]string{"bench", "--people=2", "--report="}, args...)...); !strings.Contains(printed, want) {
			t.Errorf("no %q in %s", want, printed)
		}
	}
}
