package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	var c config
	flag.DurationVar(&c.duration, "duration", 30*time.Second, "how long people write")
	flag.StringVar(&c.database, "database", "sqlite", "sqlite or postgres")
	flag.IntVar(&c.nodes, "nodes", 1, "processes of the server, on Postgres")
	flag.StringVar(&c.kill, "kill", "server", "what is killed: none, server (one of its nodes), database, redis; pause and redis-pause stop the last two for a second")
	flag.StringVar(&c.fault, "fault", "", "build the server with this seeded fault; all tries each of them, and fails when one is not found")
	flag.IntVar(&c.people, "people", 20, "clients")
	flag.IntVar(&c.rooms, "rooms", 10, "rooms")
	flag.DurationVar(&c.pause, "pause", 20*time.Millisecond, "mean pause between two things that a person does")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if c.fault == "all" {
		if err := tryFaults(ctx, c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			stop()
			os.Exit(1)
		}
		return
	}
	r, err := run(ctx, c)
	for _, p := range r.Problems {
		fmt.Println(p)
	}
	fmt.Println(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || len(r.Problems) > 0 {
		stop()
		os.Exit(1)
	}
}
