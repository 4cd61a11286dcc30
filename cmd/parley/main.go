// Parley is a self-hosted, real-time chat server.
package main

import (
	"context"
	"os"

	"parley/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
