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
	next, err := buildNext(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	faulty, err := build(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	quick := []string{"PARLEY_PING_INTERVAL=1s", "PARLEY_PING_TIMEOUT=1s", "PARLEY_DRAIN_DELAY=1s"}
	for _, tc := range []struct {
		database, kill string
		nodes          int
	}{
		{"sqlite", "server+cut", 1},
		{"sqlite", "clock-jump+disk-full", 1},
		{"postgres", "server+database+pause+disk-full", 1},
		{"postgres", "server+database+database-partition+reset+flap+half-open+freeze+database-failover", 3},
		{"postgres", "redis+redis-pause+redis-partition+redis-flush+server-while-redis+balancer+upgrade", 3},
	} {
		t.Run(fmt.Sprint(tc.nodes, " ", tc.database, " ", tc.kill), func(t *testing.T) {
			r, err := run(t.Context(), config{
				bin: bin, faulty: faulty, next: next, database: tc.database, kill: tc.kill, nodes: tc.nodes, duration: 2 * time.Second, atLeast: 50, people: 12, rooms: 5,
				pause: 15 * time.Millisecond, env: quick,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			for _, p := range r.Problems {
				t.Error(p)
			}
			for _, m := range r.Phases {
				t.Logf("%s: %s", m.Name, m)
				for _, text := range m.late() {
					t.Error(text)
				}
				if m.Acked < 20 || m.Strikes == 0 {
					t.Errorf("%s: %d acknowledged, %d strikes: nothing was tested", m.Name, m.Acked, m.Strikes)
				}
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
			t.Parallel()
			r, err := run(t.Context(), config{
				bin: bin, database: "sqlite", fault: fault, duration: 2 * time.Second, atLeast: 200, leaving: 5,
				people: 12, rooms: 4, pause: 8 * time.Millisecond, rest: faultyRest,
			})
			if !shows(r, err) {
				t.Fatalf("not found: %s %v", r, err)
			}
			if len(r.Problems) > 0 {
				t.Logf("%d problems, the first: %.200s", len(r.Problems), r.Problems[0])
			}
		})
	}
}
