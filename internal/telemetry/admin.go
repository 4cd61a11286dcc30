package telemetry

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/arl/statsviz"
)

// AdminHandler serves what is for the administrator alone: metrics, profiles, and the runtime's state as live plots.
func AdminHandler(metrics http.Handler) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	if err := statsviz.Register(mux); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(adminIndex)) // a client that is gone needs no page
	})
	return mux, nil
}

const adminIndex = `<!doctype html><title>Parley, for its administrator</title>
<ul><li><a href="/debug/statsviz/">The runtime, live</a><li><a href="/debug/pprof/">Profiles</a><li><a href="/metrics">Metrics</a></ul>`
