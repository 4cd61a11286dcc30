package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceOptions says where traces go.
type TraceOptions struct {
	Endpoint string   // of a collector, as http://localhost:4318
	Headers  []string // name=value, for collectors that want to know who it is
	Share    float64  // of the events that are traced, 0–1
	Version  string
	Node     string
	Log      *slog.Logger
}

// Traces sends spans to a collector, off the path of what they tell of: when it is slow or away they are dropped.
type Traces struct{ provider *sdk.TracerProvider }

// NewTraces begins to send.
func NewTraces(o TraceOptions) (*Traces, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT must be like http://localhost:4318") // the cause may quote a password
	}
	e := &exporter{url: u.JoinPath("v1", "traces").String(), header: http.Header{}, client: &http.Client{Timeout: exportTimeout}, log: o.Log}
	for _, text := range o.Headers {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS must be like name=value,name=value")
		}
		if decoded, err := url.QueryUnescape(value); err == nil {
			value = decoded
		}
		e.header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return &Traces{sdk.NewTracerProvider(
		sdk.WithBatcher(e, sdk.WithBatchTimeout(time.Second), sdk.WithMaxQueueSize(8192)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Share))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "parley"), attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Node))),
	)}, nil
}

// Tracer makes spans.
func (t *Traces) Tracer() trace.Tracer { return t.provider.Tracer("parley") }

// Close sends what is left.
func (t *Traces) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }
