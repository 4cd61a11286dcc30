package cli

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"parley/internal/live"
	"parley/internal/telemetry"
)

// observe registers what is asked for at each scrape.
func (p *program) observe() {
	m := p.metrics
	m.Build(Version, string(p.db.Dialect))
	m.Database(p.db.Pool())
	m.Gauge("parley_connections", "Connections now.", func() float64 { return float64(p.door.Connections()) })
	m.Gauge("parley_people_online", "People here now.", func() float64 { return float64(p.door.Online()) })
	m.Gauge("parley_outbound_bytes", "Bytes that wait for slow clients.", func() float64 { return float64(p.door.Outbound()) })
	m.Gauge("parley_draining", "Whether this node is letting its clients go.", func() float64 { return truth(p.door.Draining()) })
	m.Gauge("parley_pressure", "How much there is to do: from 1 on, new messages are refused.", p.door.Pressure)
	m.Gauge("parley_overload_degree", "What is given up: 1 ephemera, 2 searches too, 3 new connections too, 4 new messages too.", func() float64 {
		return float64(p.door.Degree())
	})
	m.Counter("parley_overload_dropped_total", "Ephemera that were not told because of overload.", func() float64 {
		dropped, _ := p.door.Shed()
		return float64(dropped)
	})
	m.Counter("parley_overload_refused_total", "Requests and connections that were refused because of overload.", func() float64 {
		_, refused := p.door.Shed()
		return float64(refused)
	})
	m.Gauge("parley_memory_limit_bytes", "Memory that the server may use.", func() float64 { return float64(p.memory) })
	m.Counter("parley_database_statements_total", "Statements that this node has run on the database.", func() float64 { return float64(p.db.Queries()) })
	m.Gauge("parley_commit_queue", "Operations that wait to be committed.", func() float64 { return float64(p.chat.Queued()) })
	m.Gauge("parley_search_rooms_behind", "Rooms with news that the search does not know.", func() float64 {
		rooms, _ := p.chat.SearchLag()
		return float64(rooms)
	})
	m.Gauge("parley_search_lag_seconds", "How long the first of the rooms has waited for the search.", func() float64 {
		_, waited := p.chat.SearchLag()
		return waited.Seconds()
	})
	m.Gauge("parley_database_up", "Whether the database answers within a second.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return truth(p.db.Ping(ctx) == nil)
	})
	if p.peers == nil {
		return
	}
	m.Gauge("parley_nodes_connected", "Whether this node hears of the others now.", func() float64 { return truth(p.peers.Healthy()) })
	m.Gauge("parley_nodes_subscriptions", "What this node has subscribed to of what the others tell: the rooms that it serves, and what is for it alone.", func() float64 {
		return float64(p.peers.Subscriptions())
	})
	m.Gauge("parley_nodes_queue", "Messages that wait to be told to the other nodes.", func() float64 { return float64(p.peers.Queued()) })
	m.Counter("parley_nodes_dropped_total", "Messages that were not told to the other nodes.", func() float64 { return float64(p.peers.Dropped()) })
}

// settings are those in force, for those who administer the server.
func (p *program) settings() live.Settings {
	out := live.Settings{Version: Version, Database: string(p.db.Dialect)}
	for _, s := range p.config.Settings() {
		out.List = append(out.List, live.Setting(s))
	}
	return out
}

// numbers is how this node is, for those who administer the server.
func (p *program) numbers() live.Numbers {
	t := p.metrics.Totals()
	n := live.Numbers{
		Node: p.node[:10], Host: p.host, At: time.Since(p.started).Milliseconds(), Connections: p.door.Connections(), People: p.door.Online(),
		Messages: t.Messages, Deliveries: t.Deliveries, Acks: t.Acks, Queue: p.chat.Queued(), Outbound: p.door.Outbound(),
		Memory: usedMemory(), MemoryLimit: p.memory, Pressure: p.door.Pressure(),
	}
	n.Unindexed, _ = p.chat.SearchLag()
	if p.peers != nil {
		n.Untold = p.peers.Queued()
	}
	return n
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// startTraces begins to send traces, if somebody is to get them.
func (p *program) startTraces() (err error) {
	if p.config.OTLPEndpoint == "" {
		return nil
	}
	p.traces, err = telemetry.NewTraces(telemetry.TraceOptions{
		Endpoint: p.config.OTLPEndpoint, Headers: p.config.OTLPHeaders, Share: p.config.TraceShare, Version: Version, Node: p.node, Log: p.log,
	})
	return err
}

// tracer is nil when nothing is traced, so that it costs nothing.
func (p *program) tracer() trace.Tracer {
	if p.traces == nil {
		return nil
	}
	return p.traces.Tracer()
}

func (p *program) closeTraces() {
	if p.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := p.traces.Close(ctx); err != nil {
		p.log.Warn("the last traces were not sent", "error", err)
	}
}
