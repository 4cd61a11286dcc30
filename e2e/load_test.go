package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// "parley bench" finds a server's faults: against one that has none it ends well, against each that is seeded it does not.
func TestBenchFindsSeededFaults(t *testing.T) {
	s := buildServer(t)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "faults", "-o", s.bin, "parley/cmd/parley").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for fault, word := range map[string]string{
		"": "Sound: ", "delivered-twice": "doubled", "out-of-order": "NOT SOUND", "delivery-lost": "lost", "acked-before-commit": "NOT SOUND", "gap-in-the-log": "lost",
	} {
		t.Run(fault, func(t *testing.T) {
			s.t, s.data = t, filepath.Join(t.TempDir(), "data")
			t.Setenv("PARLEY_FAULT", fault)
			s.start()
			defer s.kill()
			bench := exec.CommandContext(t.Context(), s.bin, "bench", s.url(), "--people=20", "--rate=50", "--ramp=300ms", "--duration=2s", "--reconnects=0", "--report=")
			bench.Env = append(os.Environ(), "PARLEY_FAULT=")
			out, err := bench.CombinedOutput()
			if sound := word == "Sound: "; !strings.Contains(string(out), word) || (err == nil) != sound {
				t.Errorf("%v, no %q in\n%s", err, word, out)
			}
		})
	}
}
