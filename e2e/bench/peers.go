package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peer is a server to measure: how to start it, given a port.
type peer struct {
	name    string
	product bool // stores every message, and knows only the events of the product
	command func(port int) *exec.Cmd
	under   string // what it is run by; empty for nothing
	dialect *dialect
}

type peerSet struct {
	list        []peer
	dir         string
	nodeVersion string
}

// preparePeers builds our server and installs Node's.
func preparePeers(names []string) (*peerSet, error) {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	set := &peerSet{dir: dir, nodeVersion: "not measured"}
	for _, name := range names {
		var p peer
		switch name {
		case "parley":
			p, err = set.parley()
		case "durable":
			p, err = set.durable()
		case "node":
			p, err = set.node()
		case "bun":
			p, err = set.bun()
		case "centrifuge":
			p, err = set.centrifuge()
		default:
			err = fmt.Errorf("unknown server %q", name)
		}
		if err != nil {
			set.cleanUp()
			return nil, err
		}
		set.list = append(set.list, p)
	}
	return set, nil
}

func (s *peerSet) cleanUp() { _ = os.RemoveAll(s.dir) }

func (s *peerSet) parley() (peer, error) {
	bin := filepath.Join(s.dir, "conformance")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "parley/e2e/conformance")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return peer{}, fmt.Errorf("%w: %s", err, out)
	}
	return peer{name: "parley", product: false, command: func(port int) *exec.Cmd {
		return exec.Command(bin, "-suite", "bench", "-addr", "127.0.0.1:"+strconv.Itoa(port))
	}}, nil
}

// durable builds the product itself, on its embedded database.
func (s *peerSet) durable() (peer, error) {
	bin, err := buildProduct(s.dir)
	if err != nil {
		return peer{}, err
	}
	return peer{name: "durable", product: true, command: func(port int) *exec.Cmd {
		cmd := exec.Command(bin, "serve", "--host=127.0.0.1", "--port="+strconv.Itoa(port), "--rate-limit=off", "--log-level=error",
			"--data="+filepath.Join(s.dir, strconv.Itoa(port)))
		cmd.Dir = s.dir
		return cmd
	}}, nil
}

// node is Socket.IO's own server on Node.
func (s *peerSet) node() (peer, error) {
	dir, err := s.socketio()
	if err != nil {
		return peer{}, err
	}
	version, err := exec.Command("node", "-p", "require('"+dir+"/node_modules/socket.io/package.json').version").Output()
	if err != nil {
		return peer{}, err
	}
	s.nodeVersion = strings.TrimSpace(string(version))
	return peer{name: "node", product: false, command: func(port int) *exec.Cmd {
		cmd := exec.Command("node", "node.mjs", strconv.Itoa(port))
		cmd.Dir = dir
		return cmd
	}}, nil
}

// bun is Socket.IO's own server on Bun, with the engine made for it.
func (s *peerSet) bun() (peer, error) {
	dir, err := s.socketio()
	if err != nil {
		return peer{}, err
	}
	return peer{name: "bun", product: false, command: func(port int) *exec.Cmd {
		cmd := exec.Command(filepath.Join(dir, "node_modules", ".bin", "bun"), "bun.mjs", strconv.Itoa(port))
		cmd.Dir = dir
		return cmd
	}}, nil
}

// centrifuge builds a module of its own.
func (s *peerSet) centrifuge() (peer, error) {
	dir, err := sources("centrifuge")
	if err != nil {
		return peer{}, err
	}
	bin := filepath.Join(s.dir, "centrifuge")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return peer{}, fmt.Errorf("%w: %s", err, out)
	}
	return peer{name: "centrifuge", product: false, dialect: centrifuge, command: func(port int) *exec.Cmd {
		return exec.Command(bin, strconv.Itoa(port))
	}}, nil
}

// sources is where a peer's own files are.
func sources(name string) (string, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "parley/e2e/bench").Output()
	return filepath.Join(strings.TrimSpace(string(out)), "peers", name), err
}

// socketio is a folder with Socket.IO's own servers and the packages that they need, installed once.
func (s *peerSet) socketio() (string, error) {
	dir := filepath.Join(s.dir, "socketio")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	from, err := sources("socketio")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return "", err
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return dir, nil
}

// instance is a running server.
type instance struct {
	cmd  *exec.Cmd
	port int
}

func (p peer) start(profiled bool) (*instance, error) {
	return p.launch(profiled, true)
}

// startOn starts a server, with one thread, on processor 0 if it is pinned.
func (p peer) startOn(pinned bool) (*instance, error) { return p.launch(false, pinned) }

func (p peer) launch(profiled, pinned bool) (*instance, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	s := &instance{cmd: p.command(port), port: port}
	if profiled {
		s.cmd.Args = append(s.cmd.Args, "-pprof", "127.0.0.1:"+strconv.Itoa(port+1))
	}
	if p.under != "" {
		limited := exec.Command(p.under, append([]string{s.cmd.Path}, s.cmd.Args[1:]...)...)
		limited.Dir, s.cmd = s.cmd.Dir, limited
	}
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // main has a thread of its own
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if pinned {
		if err := pin(s.cmd.Process.Pid, 0); err != nil {
			s.stop()
			return nil, err
		}
	}
	for range 3000 { // half a minute: machines are busy
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return s, c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("the server does not start")
}

func (s *instance) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // "signal: killed"
}

// pin binds every thread of a process to one processor; threads made later inherit it.
func pin(pid, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

func pinSelf(cpu int) error { return pin(os.Getpid(), cpu) }

// cpuSeconds is the processor time the server has used.
func (s *instance) cpuSeconds() float64 { return processSeconds(s.cmd.Process.Pid, false) }

// processSeconds is the processor time of a process, if asked for with its children that have ended.
func processSeconds(pid int, children bool) (sum float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	for i, field := range fields[11:15] {
		if v, err := strconv.ParseFloat(field, 64); err == nil && (i < 2 || children) {
			sum += v
		}
	}
	return sum / 100 // USER_HZ is 100 on Linux
}

// get asks the server, and returns what it answers if that is a success.
func (s *instance) get(path string) (string, error) {
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path))
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, res.Status)
	}
	return string(text), err
}

// pss is the memory the server uses, shared pages in proportion, in KiB.
func (s *instance) pss() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if v, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kib
		}
	}
	return 0
}
