// Package cli is the program: one file per verb. Each verb is a function of its arguments and streams, which tests call as the
// shell does.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"parley/internal/config"
)

// Version is set by the build.
var Version = "dev"

const usage = `parley is a self-hosted, real-time chat server.

  parley serve         serve the chat (parley serve --help lists the settings)
  parley backup FILE   write all data into a file, while the server runs or not
  parley restore FILE  read a backup into an empty database
  parley migrate       move all data from SQLite to Postgres, or back
  parley import        bring in a Slack, Mattermost or Discord archive
  parley export DIR    write all data, or a person's, as JSON lines
  parley admin         manage accounts from the terminal
  parley bench URL     load a server with people who talk, and measure what they see
  parley doctor URL    look at what is around a server: the machine, the database, Redis, the proxy
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
	case "backup":
		return backup(ctx, args, stdout, stderr)
	case "restore":
		return restore(ctx, args, stdout, stderr)
	case "migrate":
		return migrate(ctx, args, stdout, stderr)
	case "import":
		return importArchive(ctx, args, stdout, stderr)
	case "export":
		return export(ctx, args, stdout, stderr)
	case "admin":
		return admin(ctx, args, stdout, stderr)
	case "bench":
		return bench(ctx, args, stdout, stderr)
	case "doctor":
		return examine(ctx, args, stdout, stderr)
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

// parseVerb reads the arguments of a verb. It reports whether to go on, and if not, the exit code.
func parseVerb(name, what string, into any, args []string, stdout, stderr io.Writer) (code int, ok bool) {
	_, code, ok = parseCommand(name, what, into, args, stdout, stderr)
	return code, ok
}

// parseCommand is parseVerb for verbs that have commands.
func parseCommand(name, what string, into any, args []string, stdout, stderr io.Writer) (command string, code int, ok bool) {
	err := config.LoadDotEnv(".env")
	if err == nil {
		command, err = config.ParseVerb(name, what, into, args, stdout)
	}
	if errors.Is(err, config.ErrHelp) {
		return "", 0, false
	}
	if err != nil {
		return "", fail(stderr, 2, err), false
	}
	return command, 0, true
}
