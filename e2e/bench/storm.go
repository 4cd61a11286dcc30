package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// storm opens n connections, so many of them at the same time, and returns when all have joined: so many connections to a person.
func (g *generator) storm(n, atOnce, each int, within time.Duration) error {
	s := &storming{g: g, n: n, people: n / each, begun: time.Now(), as: map[*conn]string{}, upgraded: map[*conn]bool{}}
	var events [256]unix.EpollEvent
	for s.joined < n {
		if time.Since(s.begun) > within {
			return fmt.Errorf("only %d of %d joined within %v; %d were refused", s.joined, n, within, s.refused)
		}
		for s.opened < min(n, s.joined+atOnce) && time.Now().After(s.pause) {
			if err := s.open(); err != nil {
				return err
			}
		}
		ready, _ := unix.EpollWait(g.epoll, events[:], 100) // interrupted is as good as nothing
		for _, e := range events[:max(ready, 0)] {
			if c := g.byFD[e.Fd]; c != nil {
				if err := s.read(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

type storming struct {
	g                 *generator
	n, opened, joined int
	people            int              // the first connections are theirs; later ones join as one of them
	tokens            []string         // theirs
	as                map[*conn]string // the token that a connection joins with
	refused           int              // by a server that has too much to do
	pause             time.Time        // until then nobody tries again
	begun             time.Time
	upgraded          map[*conn]bool
	failed            error
}

func (s *storming) open() error {
	c, err := s.g.dial()
	if err != nil {
		return err
	}
	if s.opened++; s.opened > s.people && len(s.tokens) > 0 {
		s.as[c] = s.tokens[s.opened%len(s.tokens)]
	}
	if err := s.g.watch(c); err != nil {
		return err
	}
	s.upgraded[c] = false
	return c.write([]byte(upgradeRequest))
}

func (s *storming) read(c *conn) error {
	n, err := unix.Read(c.fd, s.g.buf)
	if err != nil || n == 0 {
		return fmt.Errorf("a connection ended: %w", cmp.Or(err, io.EOF))
	}
	b := s.g.buf[:n]
	if _, begun := s.upgraded[c]; begun && !s.upgraded[c] {
		_, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
		if bytes.HasPrefix(b, []byte("HTTP/1.1 503")) {
			s.refuse(c)
			return nil
		}
		if !whole || !bytes.HasPrefix(b, []byte("HTTP/1.1 101")) {
			return fmt.Errorf("the server answers %.200q", b)
		}
		s.upgraded[c], b = true, rest
	}
	c.scanner.scan(b, func(head []byte) { s.frame(c, head) })
	return s.failed
}

// refuse lets a connection go that the server is too busy for. Another one is tried a little later.
func (s *storming) refuse(c *conn) {
	s.g.drop(c)
	s.g.conns = slices.DeleteFunc(s.g.conns, func(other *conn) bool { return other == c })
	delete(s.as, c)
	delete(s.upgraded, c)
	s.opened--
	s.refused++
	s.pause = time.Now().Add(200 * time.Millisecond)
}

// frame takes one step towards having joined.
func (s *storming) frame(c *conn, head []byte) {
	var err error
	switch {
	case bytes.HasPrefix(head, []byte(`0{"sid"`)):
		err = c.write(clientFrame(fmt.Sprintf(`40{"token":%q}`, s.as[c])))
	case bytes.HasPrefix(head, []byte(`40{"sid"`)):
		join := `420["user-join",{"username":"bench"}]`
		if s.as[c] != "" {
			join = `420["user-join",{}]`
		}
		err = c.write(clientFrame(join))
	case bytes.HasPrefix(head, []byte(`430[{"success":false`)) && (bytes.Contains(head, []byte(`"unavailable"`)) || bytes.Contains(head, []byte(`"retry"`))):
		s.refuse(c)
	case bytes.HasPrefix(head, []byte(`430[{"success":false`)):
		err = fmt.Errorf("somebody may not join: %s", head)
	case bytes.HasPrefix(head, []byte("430[")):
		if token := between(string(head), `"token":"`); token != "" && s.as[c] == "" {
			s.tokens = append(s.tokens, token)
		}
		delete(s.as, c)
		delete(s.upgraded, c)
		s.joined++
	case string(head) == "2": // a heartbeat
		err = c.write(clientFrame("3"))
	}
	if err != nil {
		s.failed = err
	}
}

// between finds what stands after a text, up to the next quotation mark; nothing if that is not there.
func between(text, before string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, whole := strings.Cut(rest, `"`)
	if !whole {
		return ""
	}
	return found
}
