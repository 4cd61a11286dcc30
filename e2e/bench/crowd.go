package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	crowdNodes    = 6 // processes, and as many that play the people: each may have 20,000 open files
	crowdMessages = 5
	crowdPause    = 4 * time.Second
)

// crowd makes many connections to six nodes, and lets some people speak to all.
func crowd(o options) error {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin, err := buildProduct(dir)
	if err != nil {
		return err
	}
	c, err := startCluster(bin, dir, crowdNodes, false)
	if err != nil {
		return err
	}
	defer c.stop()
	fmt.Printf("%d connections, %d to a person, on %d nodes, Postgres and Redis, nothing pinned\n", o.connections, o.each, crowdNodes)
	kernel := kernelMemory()
	groups, err := startGroups(c)
	defer func() {
		for _, g := range groups {
			g.stop()
		}
	}()
	if err != nil {
		return err
	}
	there := 0
	for begun := time.Now(); there < o.connections && time.Since(begun) < o.within; {
		n := min(o.step, o.connections-there)
		if err := more(c, groups, n, o.each); err != nil {
			return err
		}
		there += n
		fmt.Printf("  %6d connections: the nodes have %.0f MiB, %.1f KiB for each, and the kernel %.1f KiB for both of its ends\n", there,
			c.memory()/1024, c.memory()/float64(there), (kernelMemory()-kernel)/float64(there))
		if o.pause {
			_, _ = fmt.Scanln() // whatever it is, it goes on
		}
	}
	if err := c.countConnections(there); err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // memory that is no longer used goes back by and by
	idle, _, _ := c.used()
	time.Sleep(10 * time.Second)
	idleAfter, _, _ := c.used()
	fmt.Printf("  idle: the nodes have %.0f MiB, %.1f KiB for each connection, and use %.1f %% of a processor per 10,000 connections\n",
		c.memory()/1024, c.memory()/float64(there), (idleAfter-idle)/10*100/float64(there)*10_000)
	return speak(c, groups, there)
}

// more makes so many more connections, spread over the nodes.
func more(c *cluster, groups []*group, n, each int) error {
	begun := time.Now()
	nodes, postgres, redis := c.used()
	for i, g := range groups {
		share := n / len(groups)
		if i < n%len(groups) {
			share++
		}
		if err := g.tell(fmt.Sprintf("connect %d %d", share, each)); err != nil {
			return err
		}
	}
	for _, g := range groups {
		var joined int
		if err := g.answer(&joined); err != nil {
			return err
		}
	}
	took := time.Since(begun).Seconds()
	nodes2, postgres2, redis2 := c.used()
	fmt.Printf("  %6d more after %.0f s: %.0f a second; CPU-ms for each: nodes %.2f, Postgres %.2f, Redis %.2f\n", n, took, float64(n)/took,
		(nodes2-nodes)*1e3/float64(n), (postgres2-postgres)*1e3/float64(n), (redis2-redis)*1e3/float64(n))
	return nil
}

// countConnections fails unless everybody is connected.
func (c *cluster) countConnections(want int) error {
	sum, err := c.connections()
	if err == nil && sum != want {
		err = fmt.Errorf("%d of %d are connected", sum, want)
	}
	return err
}

// speak lets one person of each of some groups speak to everybody.
func speak(c *cluster, groups []*group, connections int) error {
	nodes, postgres, redis := c.used()
	for i := range crowdMessages {
		if err := groups[i%len(groups)].tell("say"); err != nil {
			return err
		}
		time.Sleep(crowdPause)
	}
	nodes2, postgres2, redis2 := c.used()
	var all heardBy
	for _, g := range groups {
		var h heardBy
		if err := g.ask("report", &h); err != nil {
			return err
		}
		all.Count += h.Count
		all.P50, all.P99, all.Max = append(all.P50, h.P50...), append(all.P99, h.P99...), max(all.Max, h.Max)
	}
	want := crowdMessages * connections
	fmt.Printf("  %d messages to everybody: %d of %d deliveries; median after %.0f ms, p99 %.0f ms (the slowest group's), the last %.0f ms\n",
		crowdMessages, all.Count, want, median(all.P50), slices.Max(all.P99), all.Max)
	fmt.Printf("  CPU-s per million deliveries: nodes %.2f, Postgres %.2f, Redis %.2f\n\n", (nodes2-nodes)/float64(want)*1e6,
		(postgres2-postgres)/float64(want)*1e6, (redis2-redis)/float64(want)*1e6)
	if all.Count != want {
		return errors.New("not everybody heard everything")
	}
	return nil
}

// kernelMemory is what the kernel has for its own structures, sockets among them, in KiB.
func kernelMemory() float64 {
	text, _ := os.ReadFile("/proc/meminfo") // without it, 0
	_, rest, _ := strings.Cut(string(text), "SUnreclaim:")
	n, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
	return n
}

// group is a process that plays the people of one node.
type group struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// heardBy is what a group has heard, in ms after it was said.
type heardBy struct {
	Count    int
	P50, P99 []float64
	Max      float64
}

func startGroups(c *cluster) (groups []*group, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, s := range c.nodes {
		g := &group{cmd: exec.Command(self, "-group", strconv.Itoa(s.port))}
		g.cmd.Stderr = os.Stderr
		g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if g.in, err = g.cmd.StdinPipe(); err != nil {
			return groups, err
		}
		out, err := g.cmd.StdoutPipe()
		if err != nil {
			return groups, err
		}
		g.out = bufio.NewReader(out)
		if err := g.cmd.Start(); err != nil {
			return groups, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func (g *group) tell(what string) error {
	_, err := fmt.Fprintln(g.in, what)
	return err
}

func (g *group) ask(what string, into any) error { return errors.Join(g.tell(what), g.answer(into)) }

func (g *group) answer(into any) error {
	line, err := g.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("a group of people has ended: %w", err)
	}
	return json.Unmarshal(line, into)
}

func (g *group) stop() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // "signal: killed"
}

// playGroup is the process of a group: people of the node at a port, who do what they are told.
func playGroup(port string) error {
	at, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	g, err := newGenerator(at)
	if err != nil {
		return err
	}
	told := make(chan string)
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			told <- lines.Text()
		}
	}()
	var took []float64
	g.onEvent = func(_ *conn, head []byte) {
		if at, ok := saidAt(head); ok {
			took = append(took, float64((machineTime()-at).Microseconds())/1000)
		}
	}
	for {
		select {
		case what, ok := <-told:
			if !ok {
				return nil
			}
			err = g.obey(what, took)
		default:
			err = g.poll(50 * time.Millisecond)
		}
		if err != nil {
			return err
		}
	}
}

// obey does what a group is told: to connect, to say something, or to report how long it took until what was said was heard.
func (g *generator) obey(what string, took []float64) error {
	var n, each int
	if _, err := fmt.Sscanf(what, "connect %d %d", &n, &each); err == nil {
		if err := g.storm(n, 32, each, time.Hour); err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(n)
	}
	if what == "say" {
		return g.conns[0].write(clientFrame(fmt.Sprintf(`427["chat-message",{"text":"@%d"}]`, machineTime())))
	}
	slices.Sort(took)
	h := heardBy{Count: len(took)}
	if len(took) > 0 {
		h.P50, h.P99, h.Max = []float64{took[len(took)/2]}, []float64{took[len(took)*99/100]}, took[len(took)-1]
	}
	return json.NewEncoder(os.Stdout).Encode(h)
}

// machineTime is a clock that all processes of the machine have in common.
func machineTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail
	return time.Duration(t.Nano())
}
