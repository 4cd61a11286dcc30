package adminui_test

import (
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/adminui"
	"parley/socketio/internal/crowd"
)

// What one broadcast costs is the same with an admin UI, as long as nobody looks at each event: nothing per receiver.
func TestAnAdminUIAllocatesNothingPerDelivery(t *testing.T) {
	const receivers, perBroadcast = 300, 30
	for _, mode := range []adminui.Mode{adminui.Production, adminui.Development} {
		t.Run(string(mode), func(t *testing.T) {
			n := start(t, socketio.Options{}, adminui.Options{NoAuth: true, Mode: mode, StatsInterval: time.Hour})
			c := crowd.Join(t, n.url, receivers)
			emit := func() {
				if err := n.io.Emit("news", "the same for all"); err != nil {
					t.Error(err)
				}
				c.Await(receivers)
			}
			for range 10 {
				emit()
			}
			if allocs := testing.AllocsPerRun(20, emit); allocs > perBroadcast {
				t.Errorf("a broadcast to %d clients allocates %v times, want at most %d", receivers, allocs, perBroadcast)
			} else {
				t.Logf("%v allocations", allocs)
			}
		})
	}
}
