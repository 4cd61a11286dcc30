package main

import (
	"encoding/json"
	"testing"
	"time"
)

// A storm brings everybody in, in frames that are still in step afterwards, and requests are counted.
func TestStormAndRequestsAgainstTheProduct(t *testing.T) {
	p, err := (&peerSet{dir: t.TempDir()}).durable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.startOn(false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	g, err := newGenerator(s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	if err := g.storm(100, 8, 4, time.Minute); err != nil {
		t.Fatal(err)
	}
	text, err := s.get("/health")
	var health struct{ Connections int }
	if err == nil {
		err = json.Unmarshal([]byte(text), &health)
	}
	if err != nil || health.Connections != 100 {
		t.Fatalf("%s, %v", text, err)
	}
	heard := 0
	g.onEvent = func(_ *conn, head []byte) {
		if _, ok := saidAt(head); ok {
			heard++
		}
	}
	if err := g.conns[0].write(clientFrame(`427["chat-message",{"text":"@7"}]`)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); heard < 100; {
		if err := g.poll(10 * time.Millisecond); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d heard it: %v", heard, err)
		}
	}
	r, err := measureRequests(s)
	if err != nil || r.up < 500 || r.send <= r.up || r.fetch < 500 || r.nothing < 400 {
		t.Fatalf("%+v, %v", r, err)
	}
	if processSeconds(s.cmd.Process.Pid, false) <= 0 || s.pss() < 1000 {
		t.Error("neither its processor time nor its memory can be read")
	}
}
