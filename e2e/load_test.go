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
	for _, c := range []struct{ fault, word, processes string }{
		{"", "Sound: ", "1"}, {"delivered-twice", "doubled", "1"}, {"out-of-order", "NOT SOUND", "1"}, {"delivery-lost", "lost", "1"},
		{"acked-before-commit", "NOT SOUND", "1"}, {"gap-in-the-log", "lost", "1"},
		{"", "Sound: ", "3"}, {"delivered-twice", "doubled", "3"},
	} {
		fault, word := c.fault, c.word
		t.Run(fault+" "+c.processes, func(t *testing.T) {
			s.t, s.data = t, filepath.Join(t.TempDir(), "data")
			t.Setenv("PARLEY_FAULT", fault)
			s.start()
			defer s.kill()
			bench := exec.CommandContext(t.Context(), s.bin, "bench", s.url(), "--people=20", "--rate=50", "--ramp=300ms", "--duration=2s", "--reconnects=0", "--report=",
				"--processes="+c.processes, "--metrics="+s.url()+"/metrics")
			bench.Env = append(os.Environ(), "PARLEY_FAULT=")
			out, err := bench.CombinedOutput()
			sound := word == "Sound: "
			if !strings.Contains(string(out), word) || (err == nil) != sound {
				t.Errorf("%v, no %q in\n%s", err, word, out)
			}
			wants := []string{" 20 people", "processors on average"}
			if sound { // one that notices what it has lost sends people away
				wants = append(wants, "20 at the same time")
			}
			for _, want := range wants {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}
