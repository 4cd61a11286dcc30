package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is a stretch of network that can fail: whoever connects to it is connected to another address, as long as it lets them.
type link struct {
	ln net.Listener

	mu      sync.Mutex
	to      string
	pipes   map[*pipe]bool
	zombies []*pipe       // whose far side is to stay open
	gate    chan struct{} // closed while bytes may pass
	refuses bool          // new connections are reset
}

// pipe is one connection over the link.
type pipe struct {
	near, far *net.TCPConn
	dead      chan struct{} // closed when neither side learns anything of the other any more
	slow      atomic.Int64  // bytes per second to the near side; 0 is no limit
	cut       atomic.Int32  // in which direction it ends in the midst of what comes next
}

// What a pipe is cut in the midst of.
const (
	whatIsSent     = 1
	whatIsAnswered = 2
)

// newLink opens a link to an address.
func newLink(to string) (*link, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{ln: ln, to: to, pipes: map[*pipe]bool{}, gate: make(chan struct{})}
	close(l.gate)
	go l.accept()
	return l, nil
}

func (l *link) addr() string { return l.ln.Addr().String() }

func (l *link) accept() {
	for {
		c, err := l.ln.Accept()
		if err != nil {
			return
		}
		go l.connect(c.(*net.TCPConn))
	}
}

func (l *link) connect(near *net.TCPConn) {
	l.mu.Lock()
	gate, refuses := l.gate, l.refuses
	l.mu.Unlock()
	if refuses {
		reset(near)
		return
	}
	<-gate
	l.mu.Lock()
	to := l.to
	l.mu.Unlock()
	far, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", to)
	if err != nil {
		reset(near)
		return
	}
	p := &pipe{near: near, far: far.(*net.TCPConn), dead: make(chan struct{})}
	l.mu.Lock()
	l.pipes[p] = true
	l.mu.Unlock()
	done := make(chan struct{}, 2)
	go func() { l.carry(p, p.far, p.near); done <- struct{}{} }()
	go func() { l.carry(p, p.near, p.far); done <- struct{}{} }()
	<-done
	select {
	case <-p.dead: // the far side keeps what it takes for a connection
		_ = near.Close()
		l.mu.Lock()
		l.zombies = append(l.zombies, p)
		l.mu.Unlock()
	default:
		_, _ = near.Close(), p.far.Close()
		<-done
	}
	l.mu.Lock()
	delete(l.pipes, p)
	l.mu.Unlock()
}

// carry carries bytes one way until a side ends.
func (l *link) carry(p *pipe, from, to *net.TCPConn) {
	buf, direction := make([]byte, 16<<10), int32(whatIsSent)
	if to == p.near {
		direction = whatIsAnswered
	}
	for {
		room := buf
		if slow := p.slow.Load(); slow > 0 && to == p.near {
			room = buf[:min(max(1, slow/10), int64(len(buf)))]
			time.Sleep(100 * time.Millisecond)
		}
		n, err := from.Read(room)
		l.mu.Lock()
		gate := l.gate
		l.mu.Unlock()
		<-gate
		select {
		case <-p.dead:
			if from == p.far {
				return
			}
			n = 0
		default:
		}
		if n > 0 && p.cut.Load() == direction {
			_, _ = to.Write(room[:n/2]) // the rest never comes
			p.reset()
			return
		}
		if n > 0 {
			if _, err := to.Write(room[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// freeze lets nothing pass until thaw; nothing is lost. Whoever connects meanwhile waits.
func (l *link) freeze() {
	l.mu.Lock()
	l.gate = make(chan struct{})
	l.mu.Unlock()
}

func (l *link) thaw() {
	l.mu.Lock()
	close(l.gate)
	l.mu.Unlock()
}

// refuse says whether new connections are reset.
func (l *link) refuse(on bool) {
	l.mu.Lock()
	l.refuses = on
	l.mu.Unlock()
}

// lead has new connections lead elsewhere.
func (l *link) lead(to string) {
	l.mu.Lock()
	l.to = to
	l.mu.Unlock()
}

// some returns those connections for which pick is true.
func (l *link) some(pick func() bool) (out []*pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pipes {
		if pick() {
			out = append(out, p)
		}
	}
	return out
}

// reset ends a connection on both sides without a word.
func (p *pipe) reset() {
	reset(p.near)
	reset(p.far)
}

// abandon makes a connection half-open: its far side is told nothing any more, not even that it ended.
func (p *pipe) abandon() {
	select {
	case <-p.dead:
	default:
		close(p.dead)
	}
}

// slowDown lets only so many bytes a second through to the near side, and has the far side notice: little waits on the way.
func (p *pipe) slowDown(bytesPerSecond int64) {
	_ = p.far.SetReadBuffer(16 << 10)
	p.slow.Store(bytesPerSecond)
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func (l *link) close() {
	_ = l.ln.Close()
	for _, p := range l.some(func() bool { return true }) {
		p.reset()
	}
}
