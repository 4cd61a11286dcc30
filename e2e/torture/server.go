package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// server is the built program as one process, or several that are its nodes behind a balancer, with its database.
type server struct {
	bin, dir, fault string
	data            string   // the nodes' folder, with the database if it is SQLite
	env             []string // settings of all nodes
	nodes           []*node
	balancer        *balancer         // nil for one node
	postgres        *dbtest.Cluster   // nil for SQLite
	redis           *redistest.Server // nil for one node

	toClients, toRedis, toPostgres *link // nil where nothing can fail between the two
	disk                           *disk // the database's own; nil where none can be full
}

// node is one process.
type node struct {
	port  string
	bin   string // instead of the server's
	clock string // a file that says how wrong its clock is
	cmd   *exec.Cmd
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
	s := &server{bin: c.bin, dir: dir, data: dir, fault: c.fault, env: c.env}
	if err := s.startAll(c); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *server) startAll(c config) (err error) {
	if c.disk > 0 {
		if s.disk, err = mountDisk(c.disk); err != nil {
			return err
		}
	}
	if err := s.startDatabase(c); err != nil {
		return err
	}
	if c.nodes > 1 {
		if s.redis, err = redistest.New(); err != nil {
			return err
		}
	}
	if err := s.lay(c.links); err != nil {
		return err
	}
	for i := range max(1, c.nodes) {
		if err := s.addNode(c, i); err != nil {
			return err
		}
	}
	if c.nodes > 1 {
		if s.balancer, err = startBalancer(s.dir, s.nodes); err != nil {
			return err
		}
	}
	if c.links.clients {
		s.toClients, err = newLink(strings.TrimPrefix(s.front(), "http://"))
	}
	return err
}

func (s *server) startDatabase(c config) (err error) {
	switch {
	case c.database != "postgres":
		if s.disk != nil {
			s.data = s.disk.dir
		}
	case s.disk != nil:
		s.postgres, err = dbtest.StartAt(filepath.Join(s.disk.dir, "postgres"), c.postgres+"\nmin_wal_size = 32MB\nmax_wal_size = 64MB")
	default:
		s.postgres, err = dbtest.Start(c.postgres)
	}
	return err
}

func (s *server) addNode(c config, i int) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(addr)
	n := &node{port: port, clock: filepath.Join(s.dir, fmt.Sprint("clock", i))}
	s.nodes = append(s.nodes, n)
	if i < len(c.clocks) {
		if err := n.setClock(c.clocks[i]); err != nil {
			return err
		}
	}
	_, err = s.start(n)
	return err
}

// setClock makes the node's clock wrong.
func (n *node) setClock(by time.Duration) error {
	if err := os.WriteFile(n.clock+".new", []byte(by.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(n.clock+".new", n.clock)
}

// lay lays the links behind the nodes, where something is to fail.
func (s *server) lay(which links) (err error) {
	if which.redis {
		s.toRedis, err = newLink(strings.TrimPrefix(s.redis.URL(), "redis://"))
	}
	if which.postgres && err == nil {
		s.toPostgres, err = newLink(fmt.Sprintf("127.0.0.1:%d", s.postgres.Port()))
	}
	return err
}

func (s *server) anyNode() *node { return s.nodes[rand.IntN(len(s.nodes))] } //nolint:gosec // not a secret

// front is what stands before the nodes.
func (s *server) front() string {
	if s.balancer != nil {
		return "http://" + s.balancer.addr
	}
	return s.nodes[0].url()
}

// url is where clients connect.
func (s *server) url() string {
	if s.toClients != nil {
		return "http://" + s.toClients.addr()
	}
	return s.front()
}

// databaseURL is where the log can be read without the server.
func (s *server) databaseURL() string {
	if s.postgres != nil {
		return s.postgres.URL("postgres")
	}
	return "sqlite:" + filepath.Join(s.data, "parley.db")
}

// nodesDatabase is how the nodes reach the database.
func (s *server) nodesDatabase() string {
	if s.toPostgres != nil {
		return "postgres://postgres@" + s.toPostgres.addr() + "/postgres?sslmode=disable"
	}
	return s.databaseURL()
}

func (s *server) redisURL() string {
	switch {
	case s.redis == nil:
		return ""
	case s.toRedis != nil:
		return "redis://" + s.toRedis.addr()
	}
	return s.redis.URL()
}

// start starts a process and returns how long it took to be ready.
func (s *server) start(n *node) (time.Duration, error) {
	begun := time.Now()
	bin := s.bin
	if n.bin != "" {
		bin = n.bin
	}
	n.cmd = exec.Command(bin, "serve") //nolint:noctx // it ends with kill
	n.cmd.Env = append(os.Environ(), "PORT="+n.port, "PARLEY_HOST=127.0.0.1", "PARLEY_DATA="+s.data, "DATABASE_URL="+s.nodesDatabase(),
		"REDIS_URL="+s.redisURL(), "PARLEY_RATE_LIMIT=off", "PARLEY_LOG_LEVEL=error", "PARLEY_FAULT="+s.fault, "PARLEY_CLOCK="+n.clock,
		"PARLEY_TRUSTED_PROXIES=127.0.0.1", "PARLEY_CONNECTIONS_PER_PERSON=0")
	n.cmd.Env = append(n.cmd.Env, s.env...)
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
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if n.ready() {
			return time.Since(begun), nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return 0, errors.New("the server is never ready: " + string(text))
}

func (n *node) ready() bool {
	res, err := (&http.Client{Timeout: time.Second}).Get(n.url() + "/ready") //nolint:noctx // it has a timeout
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// connections is how many connections the node believes to have.
func (n *node) connections() (int, error) {
	res, err := (&http.Client{Timeout: 2 * time.Second}).Get(n.url() + "/health") //nolint:noctx // it has a timeout
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	var in struct{ Connections int }
	return in.Connections, json.NewDecoder(res.Body).Decode(&in)
}

func (s *server) close() {
	for _, l := range []*link{s.toClients, s.toRedis, s.toPostgres} {
		if l != nil {
			l.close()
		}
	}
	if s.balancer != nil {
		s.balancer.kill()
	}
	for _, n := range s.nodes {
		n.kill()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.postgres != nil {
		s.postgres.Close()
	}
	if s.disk != nil {
		s.disk.unmount()
	}
}
