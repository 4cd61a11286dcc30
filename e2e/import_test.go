package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// manyMessages writes an export of Slack with so many messages in a channel.
func manyMessages(t *testing.T, n int) string {
	t.Helper()
	var day, out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&day, `%s{"type":"message","user":"U%d","text":"message %d","ts":"%d.000000"}`, map[bool]string{true: "[", false: ","}[i == 0], 1+i%2, i, 1767225600+i)
	}
	day.WriteString("]")
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"users.json":              `[{"id":"U1","name":"cleo","profile":{}},{"id":"U2","name":"dora","profile":{}}]`,
		"channels.json":           `[{"id":"C1","name":"general","creator":"U1","members":["U1","U2"]}]`,
		"general/2026-01-01.json": day.String(),
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "slack.zip")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// An import beside a running server is killed in its middle, twice. Called again it goes on where it was, says how far it is, and in the end
// everything is there once.
func TestAKilledImportGoesOn(t *testing.T) {
	const messages = 12_000
	name := manyMessages(t, messages)
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := buildServer(t)
		if o.URL != "" {
			s.env = []string{"DATABASE_URL=" + o.URL}
		}
		s.start()
		look, err := db.Open(t.Context(), db.Options{URL: o.URL, Dir: s.data})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = look.Close() }()
		stored := func() (n int) {
			if err := look.QueryRow(t.Context(), `SELECT count(*) FROM log WHERE kind = 'message'`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		bring := func(out *bytes.Buffer) *exec.Cmd {
			cmd := exec.Command(s.bin, "import", "slack", name)
			cmd.Env = append(append(os.Environ(), "PARLEY_DATA="+s.data), s.env...)
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return cmd
		}
		left := 0
		for round := range 2 {
			cmd, begun := bring(&bytes.Buffer{}), stored()
			for deadline := time.Now().Add(60 * time.Second); stored() < begun+messages/20; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d messages", stored())
				}
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // "signal: killed"
			if left = stored(); left >= messages {
				t.Fatalf("round %d: it was over before it was killed", round)
			}
		}
		var out bytes.Buffer
		if err := bring(&out).Wait(); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		counts := regexp.MustCompile(`messages (\d+), .*here already: (\d+) messages`).FindStringSubmatch(out.String())
		if counts == nil {
			t.Fatal(out.String())
		}
		fresh, _ := strconv.Atoi(counts[1])
		known, _ := strconv.Atoi(counts[2])
		if known != left || fresh+known != messages || stored() != messages {
			t.Fatalf("%d were there and %d are stored, while it says: %s", left, stored(), out.String())
		}
		var wrong int
		err = look.QueryRow(t.Context(), `SELECT count(*) FROM (SELECT text, seq - LAG(seq) OVER (ORDER BY seq) AS step, created_at - LAG(created_at) OVER (ORDER BY seq) AS later
			FROM log WHERE kind = 'message') l WHERE step <> 1 OR later <> 1000000`).Scan(&wrong)
		if err != nil || wrong != 0 {
			t.Fatalf("%d messages are out of their order, %v", wrong, err)
		}
		t.Logf("killed twice, at last with %d of %d there: %s", left, messages, counts[0])
	})
}
