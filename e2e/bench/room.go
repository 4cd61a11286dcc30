package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// roomOptions say who is in the room, and what they do.
type roomOptions struct {
	people         int
	rate, readers  float64
	ramp, duration time.Duration
	nodes          string
	report         string
}

func (o *roomOptions) flags() {
	flag.IntVar(&o.people, "people", 15_000, "people in the room")
	flag.Float64Var(&o.rate, "rate", 1, "messages a second in it, each after its author was seen typing")
	flag.Float64Var(&o.readers, "readers", 0.05, "share of the people in it who tell what they have read")
	flag.DurationVar(&o.ramp, "ramp", time.Minute, "time over which they come")
	flag.DurationVar(&o.duration, "for", time.Minute, "time for which they talk")
	flag.StringVar(&o.nodes, "nodes", "1,3", "on how many nodes they are, one number after the other")
	flag.StringVar(&o.report, "report", "", "folder for the load tester's reports")
}

// oneRoom puts people into one room and lets them talk, type and read there. What they see is measured by "parley bench", in several
// processes, which shares the machine with the server.
func oneRoom(o roomOptions) error {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin, err := buildProduct(dir)
	if err != nil {
		return err
	}
	for _, text := range strings.Split(o.nodes, ",") {
		n, err := strconv.Atoi(text)
		if err == nil {
			err = o.on(bin, dir, n)
		}
		if err != nil {
			return fmt.Errorf("%s nodes: %w", text, err)
		}
	}
	return nil
}

// testers are the processes that play the people.
const testers = 3

func (o roomOptions) on(bin, dir string, n int) error {
	c, err := startCluster(bin, dir, n, false)
	if err != nil {
		return err
	}
	defer c.stop()
	fmt.Printf("%d people in one room, on %d nodes, Postgres and Redis, nothing pinned\n", o.people, n)
	args := []string{"bench"}
	for _, port := range c.ports() {
		args = append(args, fmt.Sprintf("http://127.0.0.1:%d", port))
	}
	for _, port := range c.ports() {
		args = append(args, fmt.Sprintf("--metrics=http://127.0.0.1:%d/metrics", port))
	}
	args = append(args, fmt.Sprint("--people=", o.people), fmt.Sprint("--rate=", o.rate), fmt.Sprint("--readers=", o.readers),
		fmt.Sprint("--processes=", testers), "--direct=0", "--reconnects=1", fmt.Sprint("--ramp=", o.ramp), fmt.Sprint("--duration=", o.duration), "--report=")
	if o.report != "" {
		args[len(args)-1] += filepath.Join(o.report, fmt.Sprintf("room-%d.html", n))
	}
	begun := time.Now()
	nodes, postgres, redis := c.used()
	cmd := exec.Command(bin, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	err = cmd.Run()
	nodes2, postgres2, redis2 := c.used()
	took := time.Since(begun).Seconds()
	fmt.Printf("processors over the %.0f s, in which they also came: nodes %.2f, Postgres %.2f, Redis %.3f\n\n", took,
		(nodes2-nodes)/took, (postgres2-postgres)/took, (redis2-redis)/took)
	return err
}
