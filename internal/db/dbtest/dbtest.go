// Package dbtest runs tests on every database: an embedded one, and a Postgres of the tests' own, which is started when it is
// first asked for and ends with the test program.
package dbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parley/internal/db"
)

// Each runs a test on each database. Options opens an empty one, as often as it is asked for the same.
func Each(t *testing.T, run func(t *testing.T, o db.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, db.Options{Dir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { run(t, NewPostgres(t)) })
}

// NewPostgres makes an empty database in Postgres.
func NewPostgres(t testing.TB) db.Options {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatalf("Postgres: %v (scripts/install-test-deps installs it)", err)
	}
	name := fmt.Sprintf("t%d", databases.Add(1))
	if err := c.sql("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.sql("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	return db.Options{URL: c.URL(name), MaxConns: 8}
}

var (
	databases atomic.Int64
	shared    = sync.OnceValues(func() (*Cluster, error) { return Start("") })
)

// Cluster is a running Postgres.
type Cluster struct {
	dir  string
	port int
	bin  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Main runs the tests of a package and stops what they have started.
func Main(m *testing.M) {
	code := m.Run()
	if started.Load() {
		if c, err := shared(); err == nil {
			c.Close()
		}
	}
	os.Exit(code)
}

var started atomic.Bool

// Start makes a cluster in a new folder, with extra settings for postgresql.conf, and starts it on a free port.
func Start(settings string) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "parley-postgres-")
	if err != nil {
		return nil, err
	}
	return StartAt(dir, settings)
}

// StartAt is Start in a folder that there is, or that is made; it is removed with the cluster.
func StartAt(dir, settings string) (*Cluster, error) {
	started.Store(true)
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin}
	if err := c.init(settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.Run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// URL is the address of a database.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}

// Port is where the cluster listens.
func (c *Cluster) Port() int { return c.port }

// PID is the id of its first process.
func (c *Cluster) PID() int { return c.cmd.Process.Pid }

func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // a constant pattern is well-formed
	if len(found) == 0 {
		return "", errors.New("initdb is not installed")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// command runs one of Postgres's programs, which refuse to run as root.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...) //nolint:noctx // it ends with Close
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() == 0 {
		if u, err := user.Lookup("postgres"); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			_ = os.Chown(c.dir, int(uid), int(gid))
		}
	}
	return cmd
}

func (c *Cluster) init(settings string) error {
	data := filepath.Join(c.dir, "data")
	cmd := c.command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	conf := "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 100\n" + settings + "\n"
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(conf)
	return errors.Join(err, f.Close())
}

// Run starts the cluster, again after it was killed, and waits until it answers.
func (c *Cluster) Run() error {
	if c.port == 0 {
		ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		c.port = ln.Addr().(*net.TCPAddr).Port
		_ = ln.Close()
	}
	_ = os.Remove(filepath.Join(c.dir, "data", "postmaster.pid")) // of one that was killed
	c.cmd = c.command("postgres", "-D", filepath.Join(c.dir, "data"), "-p", strconv.Itoa(c.port))
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.done = make(chan struct{})
	result := make(chan error, 1)
	go func() { // the process ends with the thread that started it, which therefore waits for it
		runtime.LockOSThread()
		defer runtime.UnlockOSThread() // without it the thread would end here, and with it other processes that it started
		defer close(c.done)
		err := c.cmd.Start()
		result <- err
		if err == nil {
			_ = c.cmd.Wait()
		}
		_ = log.Close()
	}()
	if err := <-result; err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = c.sql("SELECT 1"); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("it does not answer: %w: %s", err, text)
		}
	}
}

func (c *Cluster) sql(text string) error {
	_, err := c.ask(text)
	return err
}

// ask runs a statement and returns what it answers, as text.
func (c *Cluster) ask(text string) (string, error) {
	cmd := exec.Command(filepath.Join(c.bin, "psql"), "-qAtX", "-d", c.URL("postgres"), "-c", text) //nolint:noctx // one short statement
	cmd.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=5")
	out, err := cmd.CombinedOutput()
	answer := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, answer)
	}
	return answer, nil
}

// Signal sends a signal to all of the cluster's processes.
func (c *Cluster) Signal(sig syscall.Signal) {
	out, _ := exec.Command("pgrep", "-P", strconv.Itoa(c.PID())).Output() //nolint:noctx // short
	for _, f := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(pid, sig)
		}
	}
	_ = syscall.Kill(c.PID(), sig)
}

// Kill ends the cluster as a crash would.
func (c *Cluster) Kill() {
	c.Signal(syscall.SIGKILL)
	<-c.done
}

// Running reports whether it has not ended, by itself or killed.
func (c *Cluster) Running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// Stop shuts the cluster down as its operator does: whoever is connected is sent away.
func (c *Cluster) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	<-c.done
}

// Close stops the cluster and removes it.
func (c *Cluster) Close() {
	_ = c.cmd.Process.Signal(syscall.SIGQUIT)
	<-c.done
	_ = os.RemoveAll(c.dir)
}
