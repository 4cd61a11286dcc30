package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"parley/internal/load"
)

// benchArgs are those of bench.
type benchArgs struct {
	URL        []string      `arg:"" help:"The server to test, as http://localhost:3000, or each of its nodes. It gets real messages of real people: use one that is there for it."`
	People     int           `default:"100" help:"People who connect, each with one connection."`
	Rate       float64       `default:"10" help:"Messages a second, of all together."`
	Ramp       time.Duration `default:"10s" help:"Time over which they connect."`
	Duration   time.Duration `default:"30s" help:"Time for which they talk."`
	Rooms      int           `default:"0" help:"Rooms that they are spread over, made by the account of --token or --sign-up; 0: all talk in the lobby."`
	Direct     float64       `default:"0.2" help:"Share of the messages that go to one other person."`
	Typing     bool          `default:"true" negatable:"" help:"Whether they are seen typing before they send."`
	Readers    float64       `default:"0.2" help:"Share of the people who tell what they have read."`
	Reconnects float64       `default:"5" help:"Connections that are cut a minute, per 100 people."`
	Storm      bool          `help:"Cut all connections at once, half-way, and tell how long it takes until everybody is back."`
	TextLength int           `default:"60" help:"Characters of a message."`
	Token      string        `env:"PARLEY_TOKEN" help:"Token of an account's session, which makes the rooms."`
	SignUp     bool          `help:"Make an account for the rooms. On a server without accounts it becomes the owner's."`
	NoGuests   bool          `help:"Connect everybody with the token, for servers without guests."`
	Processes  int           `default:"1" help:"Processes of the tester, over which the people are spread: each may open only so many files."`
	Metrics    []string      `help:"Addresses of the metrics of the server's nodes, as http://localhost:3000/metrics: what they use is part of the report."`
	Report     string        `default:"parley-bench.html" help:"File for the report as a page; empty for none."`
}

// bench drives people against a server and reports what they saw. It fails when something was lost, doubled or reordered.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 1 && args[0] == benchPart {
		if err := load.Part(ctx, os.Stdin, stdout); err != nil {
			return fail(stderr, 1, err)
		}
		return 0
	}
	var in benchArgs
	what := "Load a server with people who talk, and measure what they see. Ends with 1 if anything was lost, doubled or reordered."
	if code, ok := parseVerb("parley bench", what, &in, args, stdout, stderr); !ok {
		return code
	}
	o := load.Options{
		URLs: in.URL, People: in.People, Rate: in.Rate, Ramp: in.Ramp, Duration: in.Duration, Rooms: in.Rooms, Direct: in.Direct, Typing: in.Typing,
		Readers: in.Readers, Reconnects: in.Reconnects, Storm: in.Storm, TextLength: in.TextLength, Token: in.Token, SignUp: in.SignUp, NoGuests: in.NoGuests,
		Metrics: in.Metrics, Progress: progress(stdout),
	}
	r, err := runBench(ctx, o, in.Processes)
	if err != nil {
		return fail(stderr, 1, err)
	}
	if err := r.Text(stdout); err != nil {
		return fail(stderr, 1, err)
	}
	if in.Report != "" {
		if err := writeReport(in.Report, r); err != nil {
			return fail(stderr, 1, err)
		}
		_, _ = fmt.Fprintln(stdout, "The report with plots is in", in.Report)
	}
	if !r.Sound() {
		return 1
	}
	return 0
}

// benchPart is the argument of a process that another one has started to do a part.
const benchPart = "--part"

func runBench(ctx context.Context, o load.Options, processes int) (*load.Report, error) {
	if processes == 1 {
		return load.Run(ctx, o)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return load.RunProcesses(ctx, o, processes, func() *exec.Cmd {
		cmd := exec.Command(self, "bench", benchPart) //nolint:noctx // it ends with its input
		cmd.Stderr = os.Stderr
		return cmd
	})
}

// progress prints a line a second; on a terminal each takes the place of the one before.
func progress(out io.Writer) func(load.Second) {
	begin, end := "", "\n"
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			begin, end = "\r\x1b[K", ""
		}
	}
	return func(s load.Second) { _, _ = fmt.Fprint(out, begin+s.Line()+end) }
}

func writeReport(file string, r *load.Report) error {
	f, err := os.Create(filepath.Clean(file))
	if err != nil {
		return err
	}
	return errors.Join(r.HTML(f), f.Close())
}
