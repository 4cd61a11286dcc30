package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const joining = `420["user-join",{"username":"bench"}]`

// visit is one client that comes, joins and leaves again.
type visit struct {
	stage int
	got   []byte // of the current stage
	sid   string
	first *conn // the connection for polling, while there is another for the upgrade
}

// steps is what a kind of visit does in each stage, when the text of that stage has come: it writes the next thing, on the
// connection it returns, or nil when the visit is over.
type steps []struct {
	text string
	next func(g *generator, v *visit, c *conn) (*conn, error)
}

func (c *conn) then(frames ...string) (*conn, error) {
	all := make([][]byte, len(frames))
	for i, f := range frames {
		all[i] = clientFrame(f)
	}
	return c, c.write(slices.Concat(all...))
}

func over(*generator, *visit, *conn) (*conn, error) { return nil, nil }

var byWebSocket = steps{
	{`0{"sid"`, func(_ *generator, _ *visit, c *conn) (*conn, error) { return c.then("40") }},
	{`40{"sid"`, func(_ *generator, _ *visit, c *conn) (*conn, error) { return c.then(joining) }},
	{`430[`, over},
}

func churn(g *generator, s *instance, d time.Duration) ([]float64, error) {
	return visits(g, s, d, byWebSocket, upgradeRequest)
}

const pollingPath = "/socket.io/?EIO=4&transport=polling"

func getRequest(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
}

// byUpgrade is the way that Socket.IO's clients take unless told otherwise.
var byUpgrade = steps{
	{`"pingTimeout"`, func(_ *generator, v *visit, c *conn) (*conn, error) {
		_, after, _ := bytes.Cut(v.got, []byte(`"sid":"`))
		sid, _, _ := bytes.Cut(after, []byte(`"`))
		v.sid = string(sid)
		return c, c.write([]byte("POST " + pollingPath + "&sid=" + v.sid +
			" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 2\r\n\r\n40"))
	}},
	{"ok", func(_ *generator, v *visit, c *conn) (*conn, error) {
		return c, c.write(getRequest(pollingPath + "&sid=" + v.sid))
	}},
	{`40{"sid"`, func(g *generator, v *visit, c *conn) (*conn, error) {
		v.first = c
		ws, err := g.dial()
		if err != nil {
			return nil, err
		}
		if err := g.watch(ws); err != nil {
			return nil, err
		}
		return ws, ws.write([]byte(upgradeTo("/socket.io/?EIO=4&transport=websocket&sid=" + v.sid)))
	}},
	{"\r\n\r\n", func(_ *generator, _ *visit, c *conn) (*conn, error) { return c.then("2probe") }},
	{"3probe", func(_ *generator, _ *visit, c *conn) (*conn, error) { return c.then("5", joining) }},
	{`430[`, over},
}

func churnByUpgrade(g *generator, s *instance, d time.Duration) ([]float64, error) {
	return visits(g, s, d, byUpgrade, string(getRequest(pollingPath)))
}

// visits keeps 32 clients coming and going.
func visits(g *generator, s *instance, d time.Duration, steps steps, begin string) ([]float64, error) {
	cycles := 0
	going := map[*conn]*visit{}
	start := func() error {
		c, err := g.dial()
		if err != nil {
			return err
		}
		if err := g.watch(c); err != nil {
			return err
		}
		going[c] = &visit{}
		return c.write([]byte(begin))
	}
	buf := make([]byte, 64<<10)
	step := func(c *conn) error {
		n, err := unix.Read(c.fd, buf)
		v := going[c]
		if v == nil {
			return nil // the connection for polling, which says nothing that matters any more
		}
		if err != nil || n == 0 {
			return fmt.Errorf("ended in stage %d: %w", v.stage, cmp.Or(err, io.EOF))
		}
		v.got = append(v.got, buf[:n]...)
		if !bytes.Contains(v.got, []byte(steps[v.stage].text)) {
			return nil
		}
		next, err := steps[v.stage].next(g, v, c)
		if err != nil {
			return err
		}
		v.stage++
		v.got = v.got[:0]
		if next == c {
			return nil
		}
		delete(going, c)
		if next != nil {
			going[next] = v
			return nil
		}
		cycles++
		g.drop(c)
		if v.first != nil {
			g.drop(v.first)
		}
		return start()
	}
	for range 32 {
		if err := start(); err != nil {
			return nil, err
		}
	}
	spin := func(end time.Time) error {
		var events [64]unix.EpollEvent
		for time.Now().Before(end) {
			n, _ := unix.EpollWait(g.epoll, events[:], 5) // interrupted is as good as nothing
			for _, e := range events[:max(n, 0)] {
				if c := g.byFD[e.Fd]; c != nil {
					if err := step(c); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	if err := spin(time.Now().Add(d / 4)); err != nil {
		return nil, err
	}
	before, cpu, begun := cycles, s.cpuSeconds(), time.Now()
	if err := spin(begun.Add(d)); err != nil {
		return nil, err
	}
	n := float64(cycles - before)
	for _, c := range g.conns {
		if g.byFD[int32(c.fd)] == c {
			g.drop(c)
		}
	}
	g.conns = nil // the others' numbers are in use again
	return []float64{n / time.Since(begun).Seconds(), (s.cpuSeconds() - cpu) / n * 1000}, nil
}
