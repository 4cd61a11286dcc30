package main

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// storm opens n connections, so many of them at the same time, and returns when all have joined.
func (g *generator) storm(n, atOnce int, within time.Duration) error {
	s := &storming{g: g, n: n, begun: time.Now(), upgraded: map[*conn]bool{}}
	for s.opened < min(n, atOnce) {
		if err := s.open(); err != nil {
			return err
		}
	}
	var events [256]unix.EpollEvent
	for s.joined < n {
		if time.Since(s.begun) > within {
			return fmt.Errorf("only %d of %d joined within %v", s.joined, n, within)
		}
		ready, _ := unix.EpollWait(g.epoll, events[:], 100) // interrupted is as good as nothing
		for _, e := range events[:max(ready, 0)] {
			if err := s.read(g.byFD[e.Fd]); err != nil {
				return err
			}
		}
	}
	return nil
}

type storming struct {
	g                 *generator
	n, opened, joined int
	begun             time.Time
	upgraded          map[*conn]bool
	failed            error
}

func (s *storming) open() error {
	c, err := s.g.dial()
	if err != nil {
		return err
	}
	s.opened++
	if err := s.g.watch(c); err != nil {
		return err
	}
	return c.write([]byte(upgradeRequest))
}

func (s *storming) read(c *conn) error {
	n, err := unix.Read(c.fd, s.g.buf)
	if err != nil || n == 0 {
		return fmt.Errorf("a connection ended: %v", err)
	}
	b := s.g.buf[:n]
	if !s.upgraded[c] {
		_, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
		if !whole || !bytes.HasPrefix(b, []byte("HTTP/1.1 101")) {
			return fmt.Errorf("the server answers %.200q", b)
		}
		s.upgraded[c], b = true, rest
	}
	c.scanner.scan(b, func(head []byte) { s.frame(c, head) })
	return s.failed
}

// frame takes one step towards having joined.
func (s *storming) frame(c *conn, head []byte) {
	var err error
	switch {
	case bytes.HasPrefix(head, []byte(`0{"sid"`)):
		err = c.write(clientFrame("40"))
	case bytes.HasPrefix(head, []byte(`40{"sid"`)):
		err = c.write(clientFrame(`420["user-join",{"username":"bench"}]`))
	case bytes.HasPrefix(head, []byte(`430[{"success":false`)):
		err = fmt.Errorf("somebody may not join: %s", head)
	case bytes.HasPrefix(head, []byte("430[")):
		if s.joined++; s.opened < s.n {
			err = s.open()
		}
	case string(head) == "2": // a heartbeat
		err = c.write(clientFrame("3"))
	}
	if err != nil {
		s.failed = err
	}
}
