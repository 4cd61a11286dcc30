package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// server is the built program as one process, or several that are its nodes, with its database.
type server struct {
	bin, dir, fault string
	nodes           []*node
	postgres        *dbtest.Cluster   // nil for SQLite
	redis           *redistest.Server // nil for one node
}

// node is one process.
type node struct {
	port string
	cmd  *exec.Cmd
}

func (n *node) url() string { return "http://127.0.0.1:" + n.port }

func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait() // "signal: killed"
	}
}

// build compiles the program, with seeded faults if there are any to seed.
func build(ctx context.Context, dir string, faults bool) (string, error) {
	bin := filepath.Join(dir, "parley")
	args := []string{"build", "-o", bin}
	if faults {
		args = append(args, "-tags", "faults")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "parley/cmd/parley")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return bin, nil
}

func newServer(c config, dir string) (*server, error) {
	s := &server{bin: c.bin, dir: dir, fault: c.fault}
	var err error
	if c.database == "postgres" {
		if s.postgres, err = dbtest.Start(""); err != nil {
			return nil, err
		}
	}
	if c.nodes > 1 {
		if s.redis, err = redistest.New(); err != nil {
			s.close()
			return nil, err
		}
	}
	for range max(1, c.nodes) {
		ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			s.close()
			return nil, err
		}
		n := &node{port: strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)}
		_ = ln.Close() // it was only to find the port
		s.nodes = append(s.nodes, n)
		if _, err := s.start(n); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// anyNode is where a client connects: without a balancer's memory.
func (s *server) anyNode() *node { return s.nodes[rand.IntN(len(s.nodes))] } //nolint:gosec // not a secret

// databaseURL is where the log can be read without the server.
func (s *server) databaseURL() string {
	if s.postgres != nil {
		return s.postgres.URL("postgres")
	}
	return "sqlite:" + filepath.Join(s.dir, "parley.db")
}

// start starts a process and returns how long it took to be ready.
func (s *server) start(n *node) (time.Duration, error) {
	begun := time.Now()
	n.cmd = exec.Command(s.bin, "serve") //nolint:noctx // it ends with kill
	n.cmd.Env = append(os.Environ(), "PORT="+n.port, "PARLEY_HOST=127.0.0.1", "PARLEY_DATA="+s.dir, "DATABASE_URL="+s.databaseURL(),
		"REDIS_URL="+s.redisURL(), "PARLEY_RATE_LIMIT=off", "PARLEY_LOG_LEVEL=error", "PARLEY_FAULT="+s.fault)
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		res, err := http.Get(n.url() + "/ready") //nolint:noctx // short, and of this machine
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return time.Since(begun), nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return 0, errors.New("the server is never ready: " + string(text))
}

func (s *server) redisURL() string {
	if s.redis == nil {
		return ""
	}
	return s.redis.URL()
}

func (s *server) close() {
	for _, n := range s.nodes {
		n.kill()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.postgres != nil {
		s.postgres.Close()
	}
}
