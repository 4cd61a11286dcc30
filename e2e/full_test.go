package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/socketio/client"
)

// A full disk is told, loses nothing that was acknowledged, and is over when there is room again.
func TestDiskFull(t *testing.T) {
	s := buildServer(t)
	s.data = t.TempDir()
	if err := syscall.Mount("tmpfs", s.data, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { s.kill(); _ = syscall.Unmount(s.data, 0) })
	ballast := filepath.Join(s.data, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	c, err := client.Dial(t.Context(), s.url(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(event string, payload any) (r struct {
		Success     bool
		Code, Error string
		Seq         int64
		RetryAfter  float64
	}) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		args, err := c.EmitWithAck(ctx, event, payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(args[0], &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	ask("user-join", map[string]string{"username": "Ana"})
	acked := int64(0)
	text := strings.Repeat("x", 3900)
	full := false
	for n := range 3000 {
		r := ask("chat-message", map[string]string{"text": text, "clientId": fmt.Sprint(n)})
		if r.Success {
			acked = r.Seq
			continue
		}
		if r.Code != "unavailable" && r.Code != "retry" || r.RetryAfter <= 0 {
			t.Fatalf("a full disk is told as %+v", r)
		}
		full = true
		break
	}
	if !full {
		t.Fatalf("%d messages did not fill the disk: nothing was tested", acked)
	}
	if r := ask("room-history", map[string]int{"limit": 1}); !r.Success {
		t.Fatalf("reading while the disk is full: %+v", r)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r := ask("chat-message", map[string]string{"text": "there is room again", "clientId": "again"})
		if r.Success {
			if r.Seq != acked+1 {
				t.Fatalf("seq %d after %d: something else is in the log", r.Seq, acked)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %+v", r)
		}
	}
	t.Logf("%d messages acknowledged before the disk was full", acked)
}
