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
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+"/health", nil)
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

func fail(stderr io.Writer, code int, err error) int {
	_, _ = fmt.Fprintln(stderr, "parley:", err)
	return code
}
