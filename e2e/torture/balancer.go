package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// balancer is an HAProxy before the nodes. It keeps nobody on their node.
type balancer struct {
	addr, file string
	cmd        *exec.Cmd
}

// startBalancer starts an HAProxy that sends each new connection to the node that has the fewest and is ready.
func startBalancer(dir string, nodes []*node) (*balancer, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	conf := `global
    hard-stop-after 2s
    maxconn 9000
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response 503
    option forwardfor
frontend parley
    bind ` + addr + `
    default_backend nodes
backend nodes
    balance leastconn
    option httpchk GET /ready
    default-server check inter 300ms fall 1 rise 1
`
	for i, n := range nodes {
		conf += fmt.Sprintf("    server n%d %s\n", i, strings.TrimPrefix(n.url(), "http://"))
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	b := &balancer{addr: addr, file: file}
	if err := b.run(); err != nil {
		return nil, err
	}
	return b, nil
}

// run starts it, again after it was killed. One that is to be replaced is told so when the new one listens, and has two seconds to end.
func (b *balancer) run(replaces ...string) error {
	old := b.cmd
	b.cmd = exec.Command("haproxy", append([]string{"-db", "-q", "-f", b.file}, replaces...)...) //nolint:noctx,gosec // it ends with kill
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("haproxy: %w (scripts/install-test-deps installs it)", err)
	}
	if len(replaces) > 0 {
		_ = old.Wait() // its connections have ended, or were ended
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", b.addr); err == nil {
			return c.Close()
		}
	}
	b.kill()
	return errors.New("haproxy does not answer")
}

// replace puts another one in its place, as an operator does who has changed the configuration.
func (b *balancer) replace() error { return b.run("-sf", strconv.Itoa(b.cmd.Process.Pid)) }

func (b *balancer) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // "signal: killed"
}

// freeAddr finds a port that nobody has.
func freeAddr() (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
