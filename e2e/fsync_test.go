package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/socketio/client"
)

// A disk that cannot be written to any more ends the server before it acknowledges anything else: the kernel reports a failed fsync
// once, and a second one would seem to succeed. What was acknowledged is there at the next start.
func TestAFailedFsyncEndsTheServer(t *testing.T) {
	s := buildServer(t)
	s.start()
	attach(t, s.cmd.Process.Pid)
	w := &sender{name: "Ana", acked: map[string]ack{}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, s.url(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !w.join(ctx, c) {
		t.Fatal("not joined")
	}
	sent := 0
	for ctx.Err() == nil && w.send(ctx, c, sent) {
		sent++
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("after %d messages the server ended with %v, not by itself with 1", sent, err)
	}
	if sent < 5 {
		t.Fatalf("%d messages before the disk failed: nothing was tested", sent)
	}
	s.start()
	s.kill()
	d, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "parley.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for id, a := range w.acked {
		var seq int64
		if err := d.QueryRow("SELECT seq FROM log WHERE client_id = $1 AND id = $2", id, a.MessageID).Scan(&seq); err != nil || seq != a.Seq {
			t.Errorf("%s was acknowledged as seq %d: %d, %v", id, a.Seq, seq, err)
		}
	}
	t.Logf("%d messages acknowledged before the disk failed", sent)
}

// attach has every fsync of a process fail from the 30th on.
func attach(t *testing.T, pid int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	strace := exec.Command("strace", "-f", "-o", log, "-e", "inject=fsync,fdatasync:error=EIO:when=30+", "-e", "trace=fsync,fdatasync", "-p", fmt.Sprint(pid))
	if err := strace.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = strace.Process.Signal(os.Interrupt); _ = strace.Wait() })
	for deadline := time.Now().Add(5 * time.Second); !traced(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("strace did not attach")
		}
	}
}

// traced reports whether all threads of a process are traced.
func traced(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, name := range tasks {
		status, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(status), "TracerPid:\t0\n") {
			return false
		}
	}
	return true
}
