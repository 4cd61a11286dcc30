package live

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"parley/engineio"
)

// begin begins the span of an event. It is nil when nothing is traced.
func (d *Door) begin(event string) (context.Context, trace.Span) {
	if d.o.Tracer == nil {
		return context.Background(), nil
	}
	return d.o.Tracer.Start(context.Background(), event, trace.WithSpanKind(trace.SpanKindServer))
}

// endSpan ends the span of an event that was answered with a code, empty for success.
func endSpan(span trace.Span, code string, err error) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetAttributes(attribute.String("parley.code", code))
		span.SetStatus(codes.Error, code)
	}
	span.End()
}

// requestID names a request in the log and in its answer: its trace, if it has one.
func requestID(span trace.Span) string {
	if span != nil && span.SpanContext().IsSampled() {
		return span.SpanContext().TraceID().String()
	}
	return engineio.NewID()
}

// traceParent is how a span is named to the other nodes and to the delivery, empty for one that is not traced.
func traceParent(s trace.SpanContext) string {
	if !s.IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), s), carrier)
	return carrier["traceparent"]
}

// traced delivers an entry within a span of the trace that it comes from, on whatever node.
func (d *Door) traced(e *delivery, deliver func()) {
	if d.o.Tracer == nil || e.Trace == "" {
		deliver()
		return
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": e.Trace})
	_, span := d.o.Tracer.Start(ctx, "deliver "+e.Event, trace.WithSpanKind(trace.SpanKindProducer))
	deliver()
	span.SetAttributes(attribute.String("parley.node", d.o.Node), attribute.Int64("parley.seq", e.Seq),
		attribute.Int("parley.receivers", d.size(roomOf(e.Room))))
	span.End()
}
