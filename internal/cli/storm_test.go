package cli

import (
	"regexp"
	"strconv"
	"testing"

	"parley/internal/db/dbtest"
)

// When all connections break at once, everybody is back soon, with what was said meanwhile, and the database hardly notices.
func TestAStormSettles(t *testing.T) {
	s := start(t, "--rate-limit=off", "--connections-per-ip=0", "--crowd=100", "--database-url="+dbtest.NewPostgres(t).URL)
	const people = 150
	printed := cli(t, 0, "bench", s.url, "--people="+strconv.Itoa(people), "--rate=2", "--ramp=4s", "--duration=8s", "--reconnects=0", "--direct=0",
		"--typing=false", "--readers=0", "--storm", "--report=")
	m := regexp.MustCompile(`\nback +(\d+) .* ([\d.]+ m?s)\n`).FindStringSubmatch(printed)
	if m == nil || m[1] != strconv.Itoa(people) {
		t.Fatalf("not everybody is back:\n%s", printed)
	}
	values, _ := s.scrape()
	each := values["parley_database_statements_total"] / people
	if t.Logf("%s were back, the last after %s; %.1f statements for each, for coming twice", m[1], m[2], each); each > 20 {
		t.Errorf("%.1f statements for each", each)
	}
}
