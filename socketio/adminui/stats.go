package adminui

import (
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/engineio"
	"parley/socketio"
)

// stats counts what happens on the connections. What happens often is counted by additions alone.
type stats struct {
	started time.Time
	host    string

	polling                                  atomic.Int64
	opened                                   atomic.Int64
	packetsIn, bytesIn, packetsOut, bytesOut atomic.Int64

	mu     sync.Mutex
	closed map[string]int64 // by reason
	events []aggregated     // of seconds that are over
}

// aggregated is how often something happened in one second.
type aggregated struct {
	Timestamp int64  `json:"timestamp"` // Unix time in milliseconds
	Type      string `json:"type"`
	SubType   string `json:"subType,omitempty"`
	Count     int64  `json:"count"`
}

func newStats(io *socketio.Server) *stats {
	host, _ := os.Hostname() // without one it is empty
	t := &stats{started: time.Now(), host: host, closed: map[string]int64{}}
	io.Engine().Observe(&engineio.Trace{
		Opened: func(s *engineio.Session) {
			t.opened.Add(1)
			if s.Transport() == engineio.Polling {
				t.polling.Add(1)
			}
		},
		Upgraded: func(*engineio.Session) { t.polling.Add(-1) },
		Closed: func(s *engineio.Session, reason engineio.Reason, _ error) {
			if s.Transport() == engineio.Polling {
				t.polling.Add(-1)
			}
			t.mu.Lock()
			t.closed[string(reason)]++
			t.mu.Unlock()
		},
		Flushed: func(messages, bytes int) {
			t.packetsOut.Add(int64(messages))
			t.bytesOut.Add(int64(bytes))
		},
		Received: func(_ *engineio.Session, bytes int) {
			t.packetsIn.Add(1)
			t.bytesIn.Add(int64(bytes))
		},
	})
	return t
}

// cut ends a second: what was counted since the last cut is put down under it.
func (t *stats) cut(at time.Time) {
	second := at.Truncate(time.Second).UnixMilli()
	t.mu.Lock()
	defer t.mu.Unlock()
	put := func(kind, subType string, count int64) {
		if count > 0 {
			t.events = append(t.events, aggregated{second, kind, subType, count})
		}
	}
	put("rawConnection", "", t.opened.Swap(0))
	put("packetsIn", "", t.packetsIn.Swap(0))
	put("bytesIn", "", t.bytesIn.Swap(0))
	put("packetsOut", "", t.packetsOut.Swap(0))
	put("bytesOut", "", t.bytesOut.Swap(0))
	for _, reason := range slices.Sorted(maps.Keys(t.closed)) {
		put("rawDisconnection", reason, t.closed[reason])
	}
	clear(t.closed)
}

func (t *stats) take() []aggregated {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.events
	t.events = nil
	return taken
}

type serverStats struct {
	ServerID            string           `json:"serverId"`
	Hostname            string           `json:"hostname"`
	PID                 int              `json:"pid"`
	Uptime              float64          `json:"uptime"` // seconds
	ClientsCount        int              `json:"clientsCount"`
	PollingClientsCount int64            `json:"pollingClientsCount"`
	AggregatedEvents    []aggregated     `json:"aggregatedEvents"`
	Namespaces          []namespaceStats `json:"namespaces"`
}

type namespaceStats struct {
	Name         string `json:"name"`
	SocketsCount int    `json:"socketsCount"`
}

func byName(x, y *socketio.Namespace) int { return strings.Compare(x.Name(), y.Name()) }

func (a *Admin) serverStats(events []aggregated) serverStats {
	all := a.io.Namespaces()
	slices.SortFunc(all, byName)
	namespaces := make([]namespaceStats, 0, len(all))
	for _, ns := range all {
		namespaces = append(namespaces, namespaceStats{ns.Name(), ns.Len()})
	}
	return serverStats{
		ServerID: a.o.ServerID, Hostname: a.stats.host, PID: os.Getpid(), Uptime: time.Since(a.stats.started).Seconds(),
		ClientsCount: a.io.Engine().Len(), PollingClientsCount: a.stats.polling.Load(),
		AggregatedEvents: append([]aggregated{}, events...), Namespaces: namespaces,
	}
}

// report tells all pages the server's numbers, as long as the server is there.
func (a *Admin) report() {
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	reports := time.NewTicker(a.o.StatsInterval)
	defer reports.Stop()
	for {
		select {
		case <-a.quit:
			return
		case now := <-seconds.C:
			a.stats.cut(now.Add(-time.Second))
		case <-reports.C:
			a.emitTo(a.ns, "server_stats", a.serverStats(a.stats.take()))
		}
	}
}
