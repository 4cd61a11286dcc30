package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

type options struct {
	rounds  int
	seconds time.Duration
	only    string
	peers   string
	profile string
	what    string
	group   string

	connections, each, step int
	within                  time.Duration
	pause                   bool
	under                   string
	room                    roomOptions
	set                     string
}

func main() {
	var o options
	flag.StringVar(&o.what, "what", "peers,growth,wire,crowd", "what to measure: servers side by side, one to four nodes, bytes on the wire, 100,000 connections; also room, 15,000 people in one room, and storm: as many who come back at once")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each scenario is run for each server; the median counts")
	flag.DurationVar(&o.seconds, "time", 4*time.Second, "how long a measurement lasts")
	flag.StringVar(&o.only, "only", "", "run only scenarios whose name contains this")
	flag.StringVar(&o.peers, "peers", "parley,node,bun,centrifuge,durable", "the servers to measure; ratios are to node. durable is the product, which stores every message before its acknowledgement; centrifuge has a protocol of its own, and only fans out")
	flag.StringVar(&o.profile, "profile", "", "folder for a CPU profile of parley in each scenario, which slows it down a little")
	flag.IntVar(&o.connections, "connections", 100_000, "connections of the crowd")
	flag.IntVar(&o.each, "each", 20, "connections of each person of the crowd")
	flag.StringVar(&o.group, "group", "", "play the part of the crowd that is at this port; the crowd starts these processes itself")
	flag.DurationVar(&o.within, "within", time.Hour, "how long the crowd may take to connect; after it, who is there counts")
	flag.IntVar(&o.step, "step", 10_000, "connections of the crowd after which it says how much memory they need")
	flag.BoolVar(&o.pause, "pause", false, "wait for a line at each step, to look at the server meanwhile")
	flag.StringVar(&o.set, "set", "", "further settings of the nodes in the storm, as --overload-wait=0")
	flag.StringVar(&o.under, "under", "", "a program that the servers are run by, as one that limits their processor time: it gets the server's command line")
	o.room.flags()
	flag.Parse()
	if o.group != "" {
		if err := playGroup(o.group); err != nil {
			fmt.Fprintln(os.Stderr, "group:", err)
			os.Exit(1)
		}
		return
	}
	runtime.LockOSThread() // it is pinned, and the servers end with it
	for _, what := range strings.Split(o.what, ",") {
		if err := run(what, o); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
}

func (o options) settings() []string { return strings.Fields(o.set) }

func run(what string, o options) error {
	switch what {
	case "peers":
		return sideBySide(o)
	case "growth":
		return growth(o)
	case "crowd":
		return crowd(o)
	case "wire":
		return wire()
	case "room":
		return oneRoom(o.room)
	case "storm":
		return reconnectStorm(o)
	}
	return fmt.Errorf("there is no %q to measure", what)
}

func sideBySide(o options) error {
	peers, err := preparePeers(strings.Split(o.peers, ","))
	if err != nil {
		return err
	}
	defer peers.cleanUp()
	for i := range peers.list {
		peers.list[i].under = o.under
	}
	if err := pinSelf(1); err != nil {
		return err
	}
	printMachine(peers)
	for _, sc := range scenarios {
		if !strings.Contains(sc.name, o.only) {
			continue
		}
		results := map[string][]float64{}
		for range o.rounds {
			for _, p := range peers.list {
				if !sc.by.has(p) {
					continue
				}
				v, err := measure(p, sc, o)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", sc.name, p.name, err)
				}
				results[p.name] = append(results[p.name], v...)
			}
		}
		report(sc, peers.list, results)
	}
	return nil
}

// measure runs a scenario against a fresh server.
func measure(p peer, sc scenario, o options) ([]float64, error) {
	profiled := o.profile != "" && p.name == "parley"
	s, err := p.start(profiled)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if profiled {
		defer s.profile(filepath.Join(o.profile, strings.Map(fileSafe, sc.name)+".pprof"), o.seconds)()
	}
	g, err := newGenerator(s.port)
	if err != nil {
		return nil, err
	}
	defer g.close()
	g.dialect = p.dialect
	return sc.run(g, s, o.seconds)
}
