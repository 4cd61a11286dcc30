package jobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/jobs"
)

func TestMain(m *testing.M) {
	if dir, other := os.LookupEnv("PARLEY_TEST_HANG"); other {
		hang(db.Options{Dir: dir, URL: os.Getenv("PARLEY_TEST_URL")})
	}
	dbtest.Main(m)
}

// record remembers what was done.
type record struct {
	mu       sync.Mutex
	did      []jobs.Job
	outcomes []string
}

func (r *record) add(j jobs.Job) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did = append(r.did, j)
	return len(r.did)
}

func (r *record) all() ([]jobs.Job, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.did), slices.Clone(r.outcomes)
}

func (r *record) finished(_, outcome string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, outcome)
}

func open(t *testing.T, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func start(t *testing.T, d *db.DB, r *record, kinds ...jobs.Kind) *jobs.Queue {
	t.Helper()
	q := jobs.Open(jobs.Options{DB: d, Poll: 20 * time.Millisecond, Finished: r.finished})
	q.Start(kinds...)
	t.Cleanup(q.Close)
	return q
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func counts(t *testing.T, q *jobs.Queue) (waiting, dead int) {
	t.Helper()
	list, err := q.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		waiting, dead = waiting+c.Waiting, dead+c.Dead
	}
	return waiting, dead
}

// What a transaction adds is done after its commit, and never if it was rolled back.
func TestAJobComesWithItsTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var r record
		d := open(t, o)
		q := start(t, d, &r, jobs.Kind{Name: "letter", Handle: func(_ context.Context, j jobs.Job) error { r.add(j); return nil }})
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if err := q.Add(t.Context(), tx, jobs.New{Kind: "letter", Payload: "never"}); err != nil {
				return err
			}
			return errors.New("no")
		})
		if err == nil {
			t.Fatal("committed")
		}
		if err := q.Put(t.Context(), jobs.New{Kind: "letter", Payload: map[string]string{"to": "ana"}}); err != nil {
			t.Fatal(err)
		}
		if err := q.Put(t.Context(), jobs.New{Kind: "unknown here", Payload: 1}); err != nil {
			t.Fatal(err)
		}
		until(t, "done", func() bool { _, o := r.all(); return len(o) == 1 })
		time.Sleep(100 * time.Millisecond)
		did, outcomes := r.all()
		if len(did) != 1 || string(did[0].Payload) != `{"to":"ana"}` || did[0].Attempt != 1 || outcomes[0] != "done" {
			t.Fatalf("%+v %v", did, outcomes)
		}
		if waiting, dead := counts(t, q); waiting != 1 || dead != 0 { // the one that nobody here knows is left to another node
			t.Fatal(waiting, dead)
		}
	})
}

func TestFailuresAreTriedAgainAndThenGivenUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var r record
		d := open(t, o)
		q := start(t, d, &r,
			jobs.Kind{Name: "flaky", Attempts: 5, Pause: time.Millisecond, Handle: func(_ context.Context, j jobs.Job) error {
				if r.add(j) < 3 {
					return errors.New("not yet")
				}
				return nil
			}},
			jobs.Kind{Name: "hopeless", Attempts: 3, Pause: time.Millisecond, Handle: func(context.Context, jobs.Job) error {
				panic("nul \x00 and broken \xff" + strings.Repeat("é", 600))
			}},
			jobs.Kind{Name: "wrong", Handle: func(context.Context, jobs.Job) error { return jobs.Permanent(errors.New("no such address")) }},
		)
		for _, kind := range []string{"flaky", "hopeless", "wrong"} {
			if err := q.Put(t.Context(), jobs.New{Kind: kind, Payload: 1}); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "all ended", func() bool { w, d := counts(t, q); return w == 0 && d == 2 })
		did, _ := r.all()
		if len(did) != 3 || did[0].ID != did[2].ID || did[2].Attempt != 3 {
			t.Fatalf("%+v", did)
		}
		dead, err := q.Dead(t.Context())
		if err != nil || len(dead) != 2 {
			t.Fatal(dead, err)
		}
		for _, one := range dead {
			if want := map[string]int{"hopeless": 3, "wrong": 1}[one.Kind]; one.Attempts != want || one.Error == "" {
				t.Errorf("%+v", one)
			}
		}
		if n, err := q.Revive(t.Context()); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		until(t, "given up again", func() bool { _, d := counts(t, q); return d == 2 })
	})
}

func TestOneJobWaitsForAKeyAndOnlyWhenItsTimeHasCome(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var r record
		d := open(t, o)
		q := start(t, d, &r, jobs.Kind{Name: "digest", Handle: func(_ context.Context, j jobs.Job) error { r.add(j); return nil }})
		soon := time.Now().Add(400 * time.Millisecond)
		for range 3 {
			if err := q.Put(t.Context(), jobs.New{Kind: "digest", Key: "ana", Payload: 1, At: soon}); err != nil {
				t.Fatal(err)
			}
		}
		if waiting, _ := counts(t, q); waiting != 1 {
			t.Fatal(waiting)
		}
		until(t, "done", func() bool { did, _ := r.all(); return len(did) == 1 })
		if time.Now().Before(soon) {
			t.Fatal("too early")
		}
		until(t, "the place is free", func() bool { w, _ := counts(t, q); return w == 0 })
		if err := q.Put(t.Context(), jobs.New{Kind: "digest", Key: "ana", Payload: 2}); err != nil {
			t.Fatal(err)
		}
		until(t, "the next one", func() bool { did, _ := r.all(); return len(did) == 2 })
	})
}

// Several nodes share the work: nothing is done twice while they live.
func TestNodesShareTheWork(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var r record
		kind := jobs.Kind{Name: "push", AtOnce: 4, Handle: func(_ context.Context, j jobs.Job) error { r.add(j); return nil }}
		q := start(t, open(t, o), &r, kind)
		const n = 60
		for i := range n {
			if err := q.Put(t.Context(), jobs.New{Kind: "push", Payload: i}); err != nil {
				t.Fatal(err)
			}
			if i == n/2 {
				start(t, open(t, o), &r, kind)
				start(t, open(t, o), &r, kind)
			}
		}
		until(t, "all done", func() bool { w, _ := counts(t, q); return w == 0 })
		did, _ := r.all()
		seen := map[string]int{}
		for _, j := range did {
			seen[j.ID]++
		}
		if len(did) != n || len(seen) != n {
			t.Fatalf("%d done, %d different", len(did), len(seen))
		}
	})
}

// A server that stops gives back what it has begun, without counting the attempt.
func TestStoppingGivesWorkBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var r record
		d := open(t, o)
		begun := make(chan bool)
		first := jobs.Open(jobs.Options{DB: d, Poll: 20 * time.Millisecond})
		first.Start(jobs.Kind{Name: "slow", Handle: func(ctx context.Context, _ jobs.Job) error {
			begun <- true
			<-ctx.Done()
			return ctx.Err()
		}})
		if err := first.Put(t.Context(), jobs.New{Kind: "slow", Payload: 1}); err != nil {
			t.Fatal(err)
		}
		<-begun
		first.Close()
		start(t, d, &r, jobs.Kind{Name: "slow", Handle: func(_ context.Context, j jobs.Job) error { r.add(j); return nil }})
		until(t, "done by the next", func() bool { did, _ := r.all(); return len(did) == 1 && did[0].Attempt == 1 })
	})
}

// hang is the other process of TestKillNine: it takes a job and never ends.
func hang(o db.Options) {
	d, err := db.Open(context.Background(), o)
	if err != nil {
		panic(err)
	}
	q := jobs.Open(jobs.Options{DB: d, Poll: 20 * time.Millisecond})
	q.Start(jobs.Kind{Name: "letter", Handle: func(_ context.Context, j jobs.Job) error {
		fmt.Println("took", j.ID)
		select {}
	}})
	select {}
}

// A process that is killed with a job in its hands has not lost it: when its lease is over, another one does it.
func TestKillNine(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		var r record
		d := open(t, o)
		later := time.Duration(0)
		q := jobs.Open(jobs.Options{DB: d, Poll: 20 * time.Millisecond, Finished: r.finished, Now: func() time.Time { return time.Now().Add(later) }})
		if err := q.Put(t.Context(), jobs.New{Kind: "letter", Payload: "to ana"}); err != nil {
			t.Fatal(err)
		}
		other := exec.CommandContext(t.Context(), os.Args[0])
		other.Env = append(os.Environ(), "PARLEY_TEST_HANG="+o.Dir, "PARLEY_TEST_URL="+o.URL)
		out, err := other.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		_ = other.Process.Kill()
		_ = other.Wait()
		id := strings.TrimSpace(strings.TrimPrefix(line, "took "))
		handle := jobs.Kind{Name: "letter", Handle: func(_ context.Context, j jobs.Job) error { r.add(j); return nil }}
		q.Start(handle)
		t.Cleanup(q.Close)
		time.Sleep(200 * time.Millisecond)
		if did, _ := r.all(); len(did) != 0 {
			t.Fatal("taken although its lease runs")
		}
		q.Close()
		later = 2 * time.Minute // the lease is over
		again := jobs.Open(jobs.Options{DB: d, Poll: 20 * time.Millisecond, Finished: r.finished, Now: func() time.Time { return time.Now().Add(later) }})
		again.Start(handle)
		t.Cleanup(again.Close)
		until(t, "done by another process", func() bool {
			did, _ := r.all()
			return len(did) == 1 && did[0].ID == id && did[0].Attempt == 2 && string(did[0].Payload) == `"to ana"`
		})
		until(t, "gone", func() bool { w, dead := counts(t, again); return w+dead == 0 })
	})
}
