package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	var c config
	var kill, from string
	flag.DurationVar(&c.duration, "duration", 30*time.Second, "how long people write")
	flag.StringVar(&c.database, "database", "sqlite", "sqlite or postgres")
	flag.IntVar(&c.nodes, "nodes", 1, "processes of the server, on Postgres, behind an HAProxy")
	flag.StringVar(&kill, "kill", "server", "what is broken again and again, several by comma, or by + on the same servers: "+strings.Join(slices.Sorted(maps.Keys(kills)), ", "))
	flag.DurationVar(&c.hold, "hold", 0, "for how long it stays broken; 0 is up to a second")
	flag.StringVar(&c.fault, "fault", "", "build the server with this seeded fault; all tries each of them, and fails when one is not found")
	flag.StringVar(&from, "from", "", "start with the program of this revision; upgrade goes from it to this one, and back")
	flag.IntVar(&c.people, "people", 20, "clients")
	flag.IntVar(&c.rooms, "rooms", 10, "rooms")
	flag.Func("env", "a setting of the nodes, as PARLEY_QUEUE_BYTES=64KiB; again for another one", func(text string) error { c.env = append(c.env, text); return nil })
	flag.BoolVar(&c.keep, "keep", false, "leave the servers' logs where they are when something did not go well, and say where")
	flag.DurationVar(&c.pause, "pause", 20*time.Millisecond, "mean pause between two things that a person does")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if c.fault == "all" {
		err = tryFaults(ctx, c)
	} else {
		err = tryAll(ctx, c, from, strings.Split(kill, ","))
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tryAll breaks one thing after the other and fails when a promise did not hold.
func tryAll(ctx context.Context, c config, from string, kill []string) error {
	dir, err := os.MkdirTemp("", "parley-torture-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if from == "" {
		c.bin, err = build(ctx, dir, c.fault != "")
	} else {
		c.bin, err = buildRevision(ctx, dir, from)
	}
	if err != nil {
		return err
	}
	var reports []report
	failed := 0
	for _, name := range kill {
		c.kill = name
		r, err := run(ctx, c)
		for _, p := range r.Problems {
			fmt.Println(p)
		}
		late := []string{}
		for _, m := range r.Phases {
			late = append(late, m.late()...)
		}
		for _, text := range late {
			fmt.Println(text)
		}
		fmt.Printf("%s: %s\n", name, r)
		if err != nil {
			fmt.Println(err)
		}
		if err != nil || len(r.Problems) > 0 || len(late) > 0 {
			failed++
		}
		reports = append(reports, r)
	}
	fmt.Println(table(reports))
	if failed > 0 {
		return fmt.Errorf("%d of %d did not go well", failed, len(kill))
	}
	return nil
}
