// Package cli is the program: one file per verb. Each verb is a function of its arguments and streams, which tests call as the
// shell does.
package cli

import (
	"context"
	"fmt"
	"io"
)

// Version is set by the build.
var Version = "dev"

const usage = `parley is a self-hosted, real-time chat server.

  parley serve         serve the chat (parley serve --help lists the settings)
  parley healthcheck   ask the server on this machine whether it is well
  parley version       print the version
`

// Run runs the program and returns its exit code: 0 for success, 1 for a failure, 2 for wrong usage.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "serve":
		return serve(ctx, args, stdout, stderr, nil)
	case "healthcheck":
		return healthcheck(ctx, stderr)
	case "version", "--version":
		_, _ = fmt.Fprintln(stdout, Version)
		return 0
	case "help", "--help", "-h":
		_, _ = fmt.Fprint(stdout, usage)
		return 0
	}
	_, _ = fmt.Fprint(stderr, usage)
	return 2
}
