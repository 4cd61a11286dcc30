package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	exportTimeout  = 10 * time.Second
	exportAttempts = 3
	complainEvery  = time.Minute
)

// exporter sends spans by OTLP over HTTP in its JSON form, which every collector takes. The official exporter brings gRPC and
// protobuf along, 7.4 MB of the program; this brings nothing.
type exporter struct {
	url    string
	header http.Header
	client *http.Client
	log    *slog.Logger

	mu         sync.Mutex
	complained time.Time
}

// ExportSpans implements the SDK's SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := json.Marshal(otlpRequest(spans))
	if err != nil {
		return err
	}
	wait := 500 * time.Millisecond
	for attempt := 1; ; attempt++ {
		again, err := e.send(ctx, body)
		if err == nil {
			return nil
		}
		if !again || attempt == exportAttempts {
			e.complain(err, len(spans))
			return nil // it has been told; the SDK would write it to the standard error again
		}
		select {
		case <-time.After(wait):
			wait *= 2
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Shutdown implements the SDK's SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// send reports whether sending again may help.
func (e *exporter) send(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header = e.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := e.client.Do(req)
	if err != nil {
		return true, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
	_ = res.Body.Close()
	if res.StatusCode/100 == 2 {
		return false, nil
	}
	again = res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 502 && res.StatusCode <= 504
	return again, fmt.Errorf("the collector answers %s", res.Status)
}

// complain writes into the log that spans were dropped, now and then.
func (e *exporter) complain(err error, spans int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.complained) > complainEvery {
		e.complained = time.Now()
		e.log.Warn("traces are dropped", "error", err, "spans", spans)
	}
}

// The shapes of OTLP's JSON: ids are hexadecimal, 64-bit numbers are strings.
type (
	otlpTraces struct {
		ResourceSpans []otlpResource `json:"resourceSpans"`
	}
	otlpResource struct {
		Resource   otlpAttributes `json:"resource"`
		ScopeSpans []otlpScope    `json:"scopeSpans"`
	}
	otlpScope struct {
		Scope otlpName   `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpName struct {
		Name string `json:"name"`
	}
	otlpAttributes struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpSpan struct {
		TraceID      string          `json:"traceId"`
		SpanID       string          `json:"spanId"`
		ParentSpanID string          `json:"parentSpanId,omitempty"`
		Name         string          `json:"name"`
		Kind         int             `json:"kind"`
		Start        string          `json:"startTimeUnixNano"`
		End          string          `json:"endTimeUnixNano"`
		Attributes   []otlpAttribute `json:"attributes,omitempty"`
		Status       *otlpStatus     `json:"status,omitempty"`
	}
	otlpStatus struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		String *string  `json:"stringValue,omitempty"`
		Int    *string  `json:"intValue,omitempty"`
		Double *float64 `json:"doubleValue,omitempty"`
		Bool   *bool    `json:"boolValue,omitempty"`
	}
)

// otlpRequest is what is sent. All spans are of one resource and scope.
func otlpRequest(spans []sdk.ReadOnlySpan) otlpTraces {
	out := make([]otlpSpan, len(spans))
	for i, s := range spans {
		out[i] = toOTLP(s)
	}
	first := spans[0]
	return otlpTraces{[]otlpResource{{
		otlpAttributes{attributesOf(first.Resource().Attributes())},
		[]otlpScope{{otlpName{first.InstrumentationScope().Name}, out}},
	}}}
}

func toOTLP(s sdk.ReadOnlySpan) otlpSpan {
	nano := func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
	out := otlpSpan{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(), Name: s.Name(),
		Kind: kindOf(s.SpanKind()), Start: nano(s.StartTime()), End: nano(s.EndTime()), Attributes: attributesOf(s.Attributes()),
	}
	if s.Parent().SpanID().IsValid() {
		out.ParentSpanID = s.Parent().SpanID().String()
	}
	if s.Status().Code == codes.Error {
		out.Status = &otlpStatus{2, s.Status().Description} // STATUS_CODE_ERROR
	}
	return out
}

// kindOf is OTLP's number of a kind, which is the API's.
func kindOf(k trace.SpanKind) int { return int(trace.ValidateSpanKind(k)) }

func attributesOf(list []attribute.KeyValue) []otlpAttribute {
	out := make([]otlpAttribute, len(list))
	for i, a := range list {
		out[i].Key = string(a.Key)
		v := &out[i].Value
		switch a.Value.Type() {
		case attribute.INT64:
			text := strconv.FormatInt(a.Value.AsInt64(), 10)
			v.Int = &text
		case attribute.FLOAT64:
			n := a.Value.AsFloat64()
			v.Double = &n
		case attribute.BOOL:
			yes := a.Value.AsBool()
			v.Bool = &yes
		default:
			text := a.Value.String()
			v.String = &text
		}
	}
	return out
}
