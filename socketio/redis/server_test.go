package redis_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"parley/socketio/redis"
)

// server is a Redis of the test's own, which forgets everything when it stops.
type server struct {
	addr, dir string
	cmd       *exec.Cmd
	args      []string
}

// startServer starts Redis on a free port; the test's end stops it.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	s, err := newServer(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

// newServer picks a free port for a server that is not started yet.
func newServer(dir string, args ...string) (*server, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &server{addr: ln.Addr().String(), dir: dir, args: args}, ln.Close()
}

func (s *server) start(t testing.TB) {
	t.Helper()
	if err := s.launch(); err != nil {
		t.Fatal(err)
	}
}

// launch returns when Redis accepts connections.
func (s *server) launch() error {
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "no"}, s.args...)
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%w: run scripts/install-test-deps", err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", s.addr)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stop kills Redis, if it runs.
func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // killed
		s.cmd = nil
	}
}

// client connects to the server.
func (s *server) client(t testing.TB) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// options are for one cluster: the prefix keeps the tests apart on one server.
func (s *server) options(t testing.TB, prefix string, timeout time.Duration) redis.Options {
	return redis.Options{
		Client: s.client(t), Prefix: prefix, RequestsTimeout: timeout,
		OnError: func(err error) { t.Errorf("in the background: %v", err) },
	}
}

var clusters = 0

// newPrefix names a cluster. Tests of this package do not run in parallel.
func newPrefix() string {
	clusters++
	return "test" + strconv.Itoa(clusters)
}

// redisAddr is where the examples find a Redis.
var redisAddr string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := newServer(dir)
	if err == nil {
		err = s.launch()
	}
	if err != nil {
		panic(err)
	}
	defer s.stop()
	redisAddr = s.addr
	return m.Run()
}
