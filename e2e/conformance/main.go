// Conformance is the server under test for the official Socket.IO suites and for the benchmark. It has no storage and none of
// the product: what is measured and judged here is the engine alone.
//
//	go run ./e2e/conformance -addr 127.0.0.1:3210 -suite engineio-v4|engineio-v3|socketio-v5|client|cluster|adminui|browser|bench
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	_ "net/http/pprof" // on the default mux, which only -pprof serves
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// suite is a server set up as one of the suites expects.
type suite struct {
	pattern string
	handler http.Handler
	close   func(context.Context) error
}

// flags say which server it is.
type flags struct {
	addr, suite, parser, adapter, redis, server, cert, key string
	wait                                                   time.Duration
}

func main() {
	var f flags
	flag.StringVar(&f.addr, "addr", "127.0.0.1:3210", "where to listen")
	flag.StringVar(&f.suite, "suite", "socketio-v5",
		"engineio-v4, engineio-v3, socketio-v5, client, cluster, adminui, browser or bench; decode reads packets from standard input")
	flag.StringVar(&f.parser, "parser", "json", "for client, adminui and bench: json or msgpack")
	flag.StringVar(&f.adapter, "adapter", "pubsub", "for cluster and adminui: "+strings.Join(slices.Sorted(maps.Keys(clusterAdapters)), ", "))
	flag.DurationVar(&f.wait, "wait", 5*time.Second, "for cluster and adminui: how long to wait for other nodes")
	flag.StringVar(&f.redis, "redis", "", "for cluster and adminui: where Redis is")
	flag.StringVar(&f.server, "server", "", "for adminui and browser: the server's name")
	flag.StringVar(&f.cert, "cert", "", "for browser: the certificate for WebTransport, on the UDP port of the same number; empty is without")
	flag.StringVar(&f.key, "key", "", "for browser: its key")
	profile := flag.String("pprof", "", "where to serve profiles; empty is nowhere")
	flag.Parse()
	if *profile != "" {
		go func() { fmt.Fprintln(os.Stderr, http.ListenAndServe(*profile, nil)) }()
	}
	if f.suite == "decode" {
		if err := decodeLines(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(f flags) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := newSuite(f)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(s.pattern, s.handler)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close() // the process is ending
	}()
	fmt.Printf("%s listening on %s\n", f.suite, ln.Addr())
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.close(closing)
}

func newSuite(f flags) (suite, error) {
	switch f.suite {
	case "engineio-v4":
		return engineSuite(false), nil
	case "engineio-v3":
		return engineSuite(true), nil
	case "socketio-v5":
		return protocolSuite(), nil
	case "client":
		return clientSuite(f.parser)
	case "cluster":
		return clusterSuite(f)
	case "adminui":
		return adminSuite(f)
	case "browser":
		return browserSuite(f)
	case "bench":
		return benchSuite(f.parser)
	}
	return suite{}, fmt.Errorf("unknown suite %q", f.suite)
}
