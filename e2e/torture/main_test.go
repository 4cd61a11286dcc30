package main

import (
	"fmt"
	"testing"
	"time"

	"parley/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// Short doses of what `make torture` does for longer.
func TestNothingIsLostDoubledReorderedOrLeaked(t *testing.T) {
	bin, err := build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		database, kill string
		nodes          int
	}{
		{"sqlite", "server", 1}, {"postgres", "server", 1}, {"postgres", "database", 1}, {"postgres", "pause", 1},
		{"postgres", "server", 3}, {"postgres", "redis", 3}, {"postgres", "redis-pause", 3},
	} {
		t.Run(fmt.Sprint(tc.database, " ", tc.kill, " ", tc.nodes), func(t *testing.T) {
			r, err := run(t.Context(), config{
				bin: bin, database: tc.database, kill: tc.kill, nodes: tc.nodes, duration: 4 * time.Second, people: 12, rooms: 5, pause: 15 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			for _, p := range r.Problems {
				t.Error(p)
			}
			if r.Acked < 100 || r.Kills == 0 {
				t.Errorf("%d acknowledged, %d kills: nothing was tested", r.Acked, r.Kills)
			}
		})
	}
}

// The check can fail: it finds every fault that a server is built with.
func TestSeededFaultsAreFound(t *testing.T) {
	bin, err := build(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			r, err := run(t.Context(), config{
				bin: bin, database: "sqlite", fault: fault, duration: 2 * time.Second, people: 12, rooms: 4, pause: 8 * time.Millisecond,
			})
			if err == nil && len(r.Problems) == 0 {
				t.Fatalf("not found: %s", r)
			}
			if err == nil {
				t.Logf("%d problems, the first: %.200s", len(r.Problems), r.Problems[0])
			}
		})
	}
}
