package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// balancer is an HAProxy before the nodes. It keeps nobody on their node.
type balancer struct {
	addr string
	cmd  *exec.Cmd
}

// startBalancer starts an HAProxy that sends each new connection to the node that has the fewest and is ready.
func startBalancer(dir string, nodes []*node) (*balancer, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	conf := `global
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
	b := &balancer{addr: addr, cmd: exec.Command("haproxy", "-db", "-q", "-f", file)} //nolint:noctx // it ends with close
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("haproxy: %w (scripts/install-test-deps installs it)", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr); err == nil {
			return b, c.Close()
		}
	}
	b.close()
	return nil, errors.New("haproxy does not answer")
}

func (b *balancer) close() {
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
