// Package telemetry is how operators see what happens: a structured log and Prometheus metrics. Nothing but the composition root
// imports it; the packages that have something to tell offer hooks.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewLog makes the log: level is debug, info, warn or error, format text or json.
func NewLog(out io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}

// Metrics are the counters and histograms of one server.
type Metrics struct {
	registry    *prometheus.Registry
	opened      prometheus.Counter
	closed      *prometheus.CounterVec
	refused     *prometheus.CounterVec
	events      *prometheus.HistogramVec
	limited     *prometheus.CounterVec
	behind      prometheus.Counter
	batch       prometheus.Histogram
	commitTime  prometheus.Histogram
	jobs        *prometheus.HistogramVec
	messagesNew prometheus.Counter
}

// NewMetrics makes the metrics, with those of the Go runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		opened:   prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_connections_opened_total", Help: "Connections opened."}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_connections_closed_total",
			Help: "Connections closed, by reason."}, []string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_connections_refused_total",
			Help: "Requests for a connection that were refused."}, []string{"reason"}),
		events: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_event_seconds",
			Help: "Time from an event to its answer.", Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}, []string{"event", "code"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_rate_limited_total",
			Help: "Events refused for their rate."}, []string{"event"}),
		behind: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_connections_fell_behind_total",
			Help: "Times a connection could not take what was written."}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_batch_operations",
			Help: "Operations per commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "parley_commit_seconds",
			Help: "Time of a commit, with its queries.", Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "parley_job_seconds",
			Help: "Time of an attempt at a job, by how it ended: done, again or dead.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 11)},
			[]string{"kind", "outcome"}),
		messagesNew: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_messages_total", Help: "Messages committed."}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.opened, m.closed, m.refused, m.events, m.limited, m.behind, m.batch, m.commitTime, m.jobs, m.messagesNew)
	return m
}

// Gauge registers a value that is asked for at each scrape.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Opened counts a connection. It, and the methods after it, are hooks of the socket door.
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
func (m *Metrics) Message() { m.messagesNew.Inc() }

// Committed observes a batch.
func (m *Metrics) Committed(operations int, took time.Duration) {
	m.batch.Observe(float64(operations))
	m.commitTime.Observe(took.Seconds())
}

// Job observes an attempt at a job.
func (m *Metrics) Job(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(took.Seconds())
}
