package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"parley/internal/config"
)

// healthcheck asks /health of the server that has this environment. Containers use it, where there is no curl.
func healthcheck(ctx context.Context, stderr io.Writer) int {
	if err := config.LoadDotEnv(".env"); err != nil {
		return fail(stderr, 1, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+healthAddr()+"/health", nil)
	if err != nil {
		return fail(stderr, 1, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fail(stderr, 1, err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fail(stderr, 1, fmt.Errorf("/health answers %s", res.Status))
	}
	return 0
}

// healthAddr is where a server with this environment listens. One that listens on a single address answers on no other.
func healthAddr() string {
	host, port := os.Getenv("PARLEY_HOST"), os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

func fail(stderr io.Writer, code int, err error) int {
	_, _ = fmt.Fprintln(stderr, "parley:", err)
	return code
}
