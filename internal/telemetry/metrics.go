package telemetry

import (
	"database/sql"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// Metrics are the counters and histograms of one server. Labels have few values, which do not grow with what clients do.
type Metrics struct {
	registry   *prometheus.Registry
	opened     prometheus.Counter
	closed     *prometheus.CounterVec
	refused    *prometheus.CounterVec
	events     *prometheus.HistogramVec
	acks       prometheus.Histogram // of events
	limited    *prometheus.CounterVec
	behind     prometheus.Counter
	batch      prometheus.Histogram
	commitTime prometheus.Histogram
	messages   prometheus.Counter
	jobs       *prometheus.HistogramVec
	delivered  *prometheus.CounterVec
	durable    prometheus.Counter // of delivered
	ephemeral  prometheus.Counter
	frames     prometheus.Counter
	writes     prometheus.Counter
	bytes      prometheus.Counter
	filled     prometheus.Counter
	heard      *prometheus.CounterVec
	forwarded  *prometheus.CounterVec
}

// latencies are the buckets of what takes from 0.1 ms to 2.4 s.
var latencies = prometheus.ExponentialBuckets(0.0001, 2.5, 12)

// NewMetrics makes the metrics, with those of the Go runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		opened:   counter("parley_connections_opened_total", "Connections opened."),
		closed:   counters("parley_connections_closed_total", "Connections closed, by reason.", "reason"),
		refused:  counters("parley_connections_refused_total", "Requests for a connection that were refused.", "reason"),
		events: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_event_seconds",
			Help: "Time from an event to its answer. That of chat-message is the latency of the acknowledgement.", Buckets: latencies}, []string{"event", "code"}),
		limited: counters("parley_rate_limited_total", "Events refused for their rate.", "event"),
		behind:  counter("parley_connections_fell_behind_total", "Times a connection could not take what was written."),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_batch_operations",
			Help: "Operations per commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_seconds", Help: "Time of a commit, with its queries.", Buckets: latencies}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_job_seconds",
			Help: "Time of an attempt at a job, by how it ended: done, again or dead.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 11)},
			[]string{"kind", "outcome"}),
		messages: counter("parley_messages_total", "Messages committed."),
		delivered: counters("parley_deliveries_total",
			"Events to each of their receivers: durable ones, which are kept for a receiver that is slow, and ephemeral ones, which are not.", "kind"),
		frames: counter("parley_frames_written_total", "Packets written to WebSockets."),
		writes: counter("parley_writes_total", "Writes to WebSockets, each with all that was queued."),
		bytes:  counter("parley_bytes_written_total", "Bytes written to WebSockets."),
		filled: counter("parley_log_filled_total", "Entries that were read from the log, because no node had told of them."),
		heard:  counters("parley_nodes_heard_total", "Messages heard of other nodes, by what they were about: a room, a person, or the node.", "about"),
		forwarded: counters("parley_requests_forwarded_total",
			"Requests sent on to the node of their session, by outcome: answered, or failed.", "outcome"),
	}
	m.acks = m.events.WithLabelValues("chat-message", "ok").(prometheus.Histogram) //nolint:forcetypeassert // a vector of histograms has them
	m.durable, m.ephemeral = m.delivered.WithLabelValues("durable"), m.delivered.WithLabelValues("ephemeral")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.opened, m.closed, m.refused, m.events, m.limited, m.behind, m.batch, m.commitTime, m.jobs, m.messages, m.delivered, m.frames, m.writes, m.bytes, m.filled, m.heard, m.forwarded)
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

// Gauge registers a value that is asked for at each scrape.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter registers a value that only grows, and is asked for at each scrape.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// Build tells what runs.
func (m *Metrics) Build(version, database string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_build_info", Help: "1, with what runs in its labels.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version(), "database": database}}, func() float64 { return 1 }))
}

// Database tells of a pool of connections.
func (m *Metrics) Database(pool *sql.DB) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(pool, "parley"))
}

// Totals are what has been counted since the start.
type Totals struct {
	Messages, Deliveries int64
	Acks                 []int64 // messages by how long their acknowledgement took: up to each of AckBounds, and longer
}

// AckBounds are the bounds of Totals.Acks in seconds.
func AckBounds() []float64 { return latencies }

// Totals reads them.
func (m *Metrics) Totals() Totals {
	t := Totals{Messages: valueOf(m.messages), Deliveries: valueOf(m.durable) + valueOf(m.ephemeral), Acks: make([]int64, len(latencies)+1)}
	var out dto.Metric
	if err := m.acks.Write(&out); err != nil {
		return t
	}
	before := uint64(0) // a bucket counts those before it too
	for i, b := range out.GetHistogram().GetBucket() {
		t.Acks[i] = int64(b.GetCumulativeCount() - before)
		before = b.GetCumulativeCount()
	}
	t.Acks[len(latencies)] = int64(out.GetHistogram().GetSampleCount() - before)
	return t
}

func valueOf(c prometheus.Counter) int64 {
	var out dto.Metric
	if c.Write(&out) != nil {
		return 0
	}
	return int64(out.GetCounter().GetValue())
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Opened counts a connection. It, and the methods after it, are hooks of the doors and of the log.
func (m *Metrics) Opened() { m.opened.Inc() }

// Closed counts a connection's end.
func (m *Metrics) Closed(reason string) { m.closed.WithLabelValues(reason).Inc() }

// Refused counts a refused connection. The reasons must be few: each is a series.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// FellBehind counts a full socket buffer.
func (m *Metrics) FellBehind() { m.behind.Inc() }

// Event observes an answered event; code is empty for success.
func (m *Metrics) Event(name string, took time.Duration, code string) {
	if code == "" {
		code = "ok"
	}
	m.events.WithLabelValues(name, code).Observe(took.Seconds())
}

// RateLimited counts an event refused for its rate.
func (m *Metrics) RateLimited(event string) { m.limited.WithLabelValues(event).Inc() }

// Message counts a committed message.
func (m *Metrics) Message() { m.messages.Inc() }

// Forwarded counts a request for another node's session.
func (m *Metrics) Forwarded(failed bool) {
	outcome := "answered"
	if failed {
		outcome = "failed"
	}
	m.forwarded.WithLabelValues(outcome).Inc()
}

// Committed observes a batch.
func (m *Metrics) Committed(operations int, took time.Duration) {
	m.batch.Observe(float64(operations))
	m.commitTime.Observe(took.Seconds())
}

// Broadcast counts an event that went to so many connections.
func (m *Metrics) Broadcast(receivers int, volatile bool) {
	if volatile {
		m.ephemeral.Add(float64(receivers))
	} else {
		m.durable.Add(float64(receivers))
	}
}

// Written counts a write to a WebSocket.
func (m *Metrics) Written(frames, bytes int) {
	m.writes.Inc()
	m.frames.Add(float64(frames))
	m.bytes.Add(float64(bytes))
}

// Heard counts what another node told.
func (m *Metrics) Heard(about string) { m.heard.WithLabelValues(about).Inc() }

// Filled counts entries that nobody had told of.
func (m *Metrics) Filled(entries int) { m.filled.Add(float64(entries)) }

// Job observes an attempt at a job.
func (m *Metrics) Job(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(took.Seconds())
}
