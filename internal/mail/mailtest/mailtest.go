// Package mailtest is a real SMTP server for tests, which keeps what it gets.
package mailtest

import (
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Server keeps letters.
type Server struct {
	Port int
	t    testing.TB
	tls  *tls.Config
	auth [2]string

	mu      sync.Mutex
	srv     *smtp.Server
	letters []Letter
	refuse  map[string]error
}

// Letter is one that arrived.
type Letter struct {
	From, To   string // of the envelope
	Raw        string
	Header     mail.Header
	Text, HTML string
}

// Options configures a server.
type Options struct {
	TLS            *tls.Config // offers STARTTLS, and lets nobody in without it
	User, Password string      // asks for them
}

// Start starts a server on a free port. It ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, tls: o.TLS, auth: [2]string{o.User, o.Password}, refuse: map[string]error{}}
	s.Up()
	t.Cleanup(s.Down)
	return s
}

// Up starts the server again, on the same port.
func (s *Server) Up() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var ln net.Listener
	var err error
	for range 100 {
		if ln, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))); err == nil { //nolint:noctx // a test's
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Port = ln.Addr().(*net.TCPAddr).Port
	s.srv = smtp.NewServer(s)
	s.srv.Domain, s.srv.TLSConfig, s.srv.AllowInsecureAuth = "mail.test", s.tls, s.tls == nil
	srv := s.srv
	go func() { _ = srv.Serve(ln) }() // ends with Down
}

// Down stops the server.
func (s *Server) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.srv.Close()
}

// Refuse makes the server refuse an address; nil lets it in again.
func (s *Server) Refuse(address string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse[address] = err
}

// Letters are all that arrived for an address, in this order.
func (s *Server) Letters(to string) []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Letter
	for _, l := range s.letters {
		if l.To == to {
			out = append(out, l)
		}
	}
	return out
}

// Wait waits for the n-th letter to an address, from 1.
func (s *Server) Wait(to string, n int) Letter {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if l := s.Letters(to); len(l) >= n {
			return l[n-1]
		}
	}
	s.t.Fatalf("letter %d to %s never came", n, to)
	return Letter{}
}

// Link is the token of the link of a kind in a letter's text, empty when there is none.
func (l Letter) Link(kind string) string {
	_, rest, _ := strings.Cut(l.Text, "/#"+kind+"=")
	token, _, _ := strings.Cut(rest, "\n")
	return token
}

// NewSession implements smtp.Backend.
func (s *Server) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }

type session struct {
	s        *Server
	from, to string
	in       bool
}

func (c *session) AuthMechanisms() []string {
	if c.s.auth[0] == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if c.in = [2]string{user, password} == c.s.auth; !c.in {
			return errors.New("wrong name or password")
		}
		return nil
	}), nil
}

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if c.s.auth[0] != "" && !c.in {
		return smtp.ErrAuthRequired
	}
	c.from = from
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.to = to
	return c.s.refuse[to]
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l := Letter{From: c.from, To: c.to, Raw: string(raw)}
	if m, err := mail.ReadMessage(strings.NewReader(l.Raw)); err == nil {
		l.Header = m.Header
		l.parts(m)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.letters = append(c.s.letters, l)
	return nil
}

func (l *Letter) parts(m *mail.Message) {
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err != nil {
			return
		}
		data, _ := io.ReadAll(quotedprintable.NewReader(p)) // what is malformed is not found by the test
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			l.HTML = string(data)
		} else {
			l.Text = strings.ReplaceAll(string(data), "\r\n", "\n")
		}
	}
}

func (c *session) Reset()        { c.from, c.to = "", "" }
func (c *session) Logout() error { return nil }
