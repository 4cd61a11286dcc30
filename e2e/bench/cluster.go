package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// cluster is several nodes of the product on one Postgres and one Redis.
type cluster struct {
	settings []string
	postgres *dbtest.Cluster
	redis    *redistest.Server
	nodes    []*instance
}

// unlimited are the settings of nodes whose own work is measured, not what they refuse.
var unlimited = []string{"--rate-limit=off", "--overload-wait=0", "--overload-lag=0", "--connections-per-person=0"}

// startCluster starts n nodes. Pinned ones share processor 0, one thread each; everything else has processor 1.
func startCluster(bin, dir string, n int, pinned bool) (*cluster, error) {
	return startClusterWith(unlimited, bin, dir, n, pinned)
}

func startClusterWith(settings []string, bin, dir string, n int, pinned bool) (*cluster, error) {
	c := &cluster{settings: settings}
	err := c.start(bin, dir, n, pinned)
	if err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cluster) start(bin, dir string, n int, pinned bool) (err error) {
	if c.postgres, err = dbtest.Start("shared_buffers = 256MB\nmax_connections = 200\nshared_preload_libraries = 'pg_stat_statements'"); err != nil {
		return err
	}
	if c.redis, err = redistest.New(); err != nil {
		return err
	}
	for i := range n {
		p := peer{name: "node", product: true, command: func(port int) *exec.Cmd {
			cmd := exec.Command(bin, append([]string{"serve", "--host=127.0.0.1", "--port=" + strconv.Itoa(port), "--log-level=error", "--drain-delay=0s",
				"--ping-timeout=2m", "--database-url=" + c.postgres.URL("postgres"), "--redis-url=" + c.redis.URL(), "--data=" + filepath.Join(dir, strconv.Itoa(i))},
				c.settings...)...)
			cmd.Dir = dir
			return cmd
		}}
		s, err := p.startOn(pinned)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, s)
	}
	return c.ready()
}

// ready waits until all nodes say that they are.
func (c *cluster) ready() error {
	for _, s := range c.nodes {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if _, err := s.get("/ready"); err == nil {
				break
			} else if time.Now().After(deadline) {
				return fmt.Errorf("a node is not ready: %w", err)
			}
		}
	}
	return nil
}

func (c *cluster) stop() {
	for _, s := range c.nodes {
		s.stop()
	}
	if c.redis != nil {
		c.redis.Close()
	}
	if c.postgres != nil {
		c.postgres.Close()
	}
}

func (c *cluster) ports() (ports []int) {
	for _, s := range c.nodes {
		ports = append(ports, s.port)
	}
	return ports
}

// counter is the sum of a metric over the nodes; 0 of one that does not answer.
func (c *cluster) counter(name string) (sum float64) {
	for _, s := range c.nodes {
		text, _ := s.get("/metrics")
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				v, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
				sum += v
			}
		}
	}
	return sum
}

// used is the processor time that has gone into the nodes, the database and Redis, in seconds.
func (c *cluster) used() (nodes, postgres, redis float64) {
	for _, s := range c.nodes {
		nodes += s.cpuSeconds()
	}
	return nodes, treeSeconds(c.postgres.PID()), treeSeconds(c.redis.PID())
}

// memory is what the nodes have, in KiB.
func (c *cluster) memory() (kib float64) {
	for _, s := range c.nodes {
		kib += s.pss()
	}
	return kib
}

// treeSeconds is the processor time of a process and its children, those that have ended too.
func treeSeconds(pid int) float64 {
	sum := processSeconds(pid, true)
	out, _ := exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output() // none is no failure
	for _, child := range strings.Fields(string(out)) {
		if id, err := strconv.Atoi(child); err == nil {
			sum += processSeconds(id, false)
		}
	}
	return sum
}

// buildProduct leaves the program in a folder.
func buildProduct(dir string) (string, error) {
	bin := filepath.Join(dir, "parley")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "parley/cmd/parley")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return bin, nil
}
