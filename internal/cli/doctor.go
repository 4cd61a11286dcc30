package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"parley/internal/config"
	"parley/internal/doctor"
)

// doctorArgs are the settings of serve, and where people reach the server.
type doctorArgs struct {
	config.Config
	URL  string        `arg:"" optional:"" help:"Where people reach the server, through its proxy, as https://chat.example.com; without it the proxy is not looked at."`
	Hold time.Duration `default:"0" help:"How long an idle WebSocket is held open, to see whether the proxy lets it live."`

	PushService []string `help:"Push services that are asked whether this machine reaches them, as https://fcm.googleapis.com,https://updates.push.services.mozilla.com,https://web.push.apple.com. None is asked otherwise."`
}

// examine looks at what is around a server with these settings. It fails when there is an error.
func examine(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in doctorArgs
	what := "Look at what is around a server with these settings: the machine, the database, Redis, push, the proxy. Changes nothing. Ends with 1 if there is an error."
	if code, ok := parseVerb("parley doctor", what, &in, args, stdout, stderr); !ok {
		return code
	}
	if err := in.Check(); err != nil {
		printFinding(stdout, doctor.Finding{Level: doctor.Error, About: "settings", Says: err.Error(), Mend: "parley serve --help lists the settings"})
		return 1
	}
	counts := map[doctor.Level]int{}
	healthy := doctor.Examine(ctx, doctor.Options{
		Data: in.Data, DatabaseURL: in.DatabaseURL, DatabaseConns: in.DatabaseConns, RedisURL: in.RedisURL, URL: in.URL, Hold: in.Hold,
		AllowedOrigins: in.AllowedOrigins, Proxies: in.Proxies(), RateLimited: in.RateLimit.Count > 0, AdminAddr: in.AdminAddr,
		SecretKey: in.SecretKey != "", Push: in.Push, PublicURL: in.PublicURL, PushServices: in.PushService,
	}, func(f doctor.Finding) {
		counts[f.Level]++
		printFinding(stdout, f)
	})
	_, _ = fmt.Fprintf(stdout, "\n%d ok, %d warnings, %d errors\n", counts[doctor.OK], counts[doctor.Warning], counts[doctor.Error])
	if !healthy || errors.Is(ctx.Err(), context.Canceled) {
		return 1
	}
	return 0
}

func printFinding(out io.Writer, f doctor.Finding) {
	_, _ = fmt.Fprintf(out, "%-8s %-16s %s\n", f.Level, f.About, f.Says)
	if f.Mend != "" {
		_, _ = fmt.Fprintf(out, "%-8s %-16s → %s\n", "", "", f.Mend)
	}
}
