// Package telemetry is how operators see what happens: a structured log, Prometheus metrics, OpenTelemetry traces, and the pages of
// the administrator's listener. Nothing but the composition root imports it; the packages that have something to tell offer hooks.
package telemetry

import (
	"io"
	"log/slog"
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
