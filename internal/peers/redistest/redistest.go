// Package redistest starts a Redis for a test, on a free port.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Server is a running Redis that keeps nothing.
type Server struct {
	addr, dir string
	cmd       *exec.Cmd
}

// Start starts a Redis that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatalf("%v (scripts/install-test-deps installs it)", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Later prepares a Redis that does not run before Run is called. It ends with the test.
func Later(t testing.TB) *Server {
	t.Helper()
	s, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// New starts a Redis.
func New() (*Server, error) {
	s, err := prepare()
	if err != nil {
		return nil, err
	}
	return s, s.Run()
}

func prepare() (*Server, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{addr: ln.Addr().String()}
	if err := ln.Close(); err != nil {
		return nil, err
	}
	s.dir, err = os.MkdirTemp("", "parley-redis-")
	return s, err
}

// URL is its address.
func (s *Server) URL() string { return "redis://" + s.addr }

// Run starts it, again after it was killed, and returns when it accepts connections.
func (s *Server) Run() error {
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "no") //nolint:noctx // it ends with Kill
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("redis-server: %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.addr); err == nil {
			return c.Close()
		}
	}
	return errors.New("redis-server does not answer")
}

// PID is the id of its process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Signal sends it a signal, as to stop it for a while.
func (s *Server) Signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// Kill ends it as a crash would, if it runs.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // "signal: killed"
}

// Close ends it and removes what it left.
func (s *Server) Close() {
	s.Kill()
	_ = os.RemoveAll(s.dir)
}
