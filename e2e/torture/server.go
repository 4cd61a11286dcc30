package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"parley/internal/db/dbtest"
)

// server is the built program as a process, with its database.
type server struct {
	bin, dir, port, fault string
	cmd                   *exec.Cmd
	postgres              *dbtest.Cluster // nil for SQLite
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

func newServer(bin, dir, database, fault string) (*server, error) {
	s := &server{bin: bin, dir: dir, fault: fault}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	if err := ln.Close(); err != nil {
		return nil, err
	}
	if database == "postgres" {
		if s.postgres, err = dbtest.Start(""); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *server) url() string { return "http://127.0.0.1:" + s.port }

// databaseURL is where the log can be read without the server.
func (s *server) databaseURL() string {
	if s.postgres != nil {
		return s.postgres.URL("postgres")
	}
	return "sqlite:" + filepath.Join(s.dir, "parley.db")
}

// start starts the process and returns how long it took to be ready.
func (s *server) start() (time.Duration, error) {
	begun := time.Now()
	s.cmd = exec.Command(s.bin, "serve") //nolint:noctx // it ends with kill
	s.cmd.Env = append(os.Environ(), "PORT="+s.port, "PARLEY_HOST=127.0.0.1", "PARLEY_DATA="+s.dir, "DATABASE_URL="+s.databaseURL(),
		"PARLEY_RATE_LIMIT=off", "PARLEY_LOG_LEVEL=error", "PARLEY_FAULT="+s.fault)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		res, err := http.Get(s.url() + "/ready") //nolint:noctx // short, and of this machine
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

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) close() {
	if s.cmd != nil {
		s.kill()
	}
	if s.postgres != nil {
		s.postgres.Close()
	}
}
