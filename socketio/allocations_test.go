package socketio_test

import (
	"testing"
	"time"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/internal/crowd"
)

// What a broadcast allocates does not depend on how many get it: 0 per delivered message, over real connections.
func TestABroadcastAllocatesNothingPerReceiver(t *testing.T) {
	const receivers, perBroadcast = 300, 30
	counted := 0
	f := serve(t, socketio.Options{
		Engine: engineio.Options{PingInterval: time.Hour, Trace: &engineio.Trace{Flushed: func(messages, _ int) { _ = messages }}},
		Trace:  &socketio.Trace{Broadcast: func(receivers int, _ bool) { counted += receivers }},
	})
	f.io.OnConnection(func(s *socketio.Socket) { s.Join("lobby", "hall") })
	c := crowd.Join(t, f.url, receivers)
	except := f.io.Sockets()[0].ID()
	for name, b := range map[string]struct {
		to   socketio.Sender
		hear int
	}{
		"to all":             {f.io.Namespace, receivers},
		"to a room":          {f.io.To("lobby"), receivers},
		"to all but one":     {f.io.Except(except), receivers - 1},
		"volatile":           {f.io.Volatile(), receivers},
		"local, not to pack": {f.io.Local().Compress(false), receivers},
	} {
		t.Run(name, func(t *testing.T) {
			emit := func() {
				if err := b.to.Emit("news", "the same for all", socketio.RawJSON(`{"n":1}`)); err != nil {
					t.Error(err)
				}
				c.Await(b.hear)
			}
			for range 10 { // queues grow once
				emit()
			}
			allocs := testing.AllocsPerRun(20, emit)
			t.Logf("%v allocations for %d deliveries", allocs, b.hear)
			if allocs > perBroadcast {
				t.Errorf("a broadcast to %d clients allocates %v times, want at most %d", b.hear, allocs, perBroadcast)
			}
		})
	}
	if counted < 5*31*(receivers-1) {
		t.Errorf("told of %d deliveries", counted)
	}
}

// BenchmarkBroadcast is one broadcast to 300 clients, until all have got it.
func BenchmarkBroadcast(b *testing.B) {
	const receivers = 300
	io := socketio.NewServer(socketio.Options{Engine: engineio.Options{PingInterval: time.Hour}})
	url := serveFor(b, io)
	c := crowd.Join(b, url, receivers)
	b.ReportAllocs()
	for b.Loop() {
		if err := io.Emit("news", "the same for all"); err != nil {
			b.Fatal(err)
		}
		c.Await(receivers)
	}
}
