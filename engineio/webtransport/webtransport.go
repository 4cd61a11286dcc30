package webtransport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"parley/engineio"
)

// Options configures [Listen]. TLSConfig is required.
type Options struct {
	// Addr is the UDP address to listen at; default :443. PacketConn takes its place.
	Addr       string
	PacketConn net.PacketConn
	// TLSConfig has the certificate.
	TLSConfig *tls.Config
	// Path is where sessions are opened; default /engine.io. Socket.IO's is /socket.io.
	Path string
	// Handler answers other requests over HTTP/3; nil answers 404.
	Handler http.Handler
	// IdleTimeout ends connections that are silent; default 60 s, and heartbeats are more frequent.
	IdleTimeout time.Duration
	// MaxStreams bounds the streams, and so the sessions, that one QUIC connection may have open at once; default 100.
	MaxStreams int64
	// OnError is told why a session did not come about. It may be nil, and must not block.
	OnError func(r *http.Request, err error)
}

// ErrNoTLS is returned by [Listen] without a TLSConfig.
var ErrNoTLS = errors.New("webtransport: QUIC needs a certificate: set TLSConfig")

func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = ":443"
	}
	if o.Path == "" {
		o.Path = "/engine.io"
	}
	o.Path = "/" + strings.Trim(o.Path, "/")
	if o.Handler == nil {
		o.Handler = http.NotFoundHandler()
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = time.Minute
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = 100
	}
	if o.OnError == nil {
		o.OnError = func(*http.Request, error) {}
	}
	return o
}

// Server listens for WebTransport sessions and gives them to an Engine.IO server.
type Server struct {
	o      Options
	engine *engineio.Server
	conn   net.PacketConn
	wt     *webtransport.Server
	served chan struct{}
	once   sync.Once
}

// Listen starts a server. Close must be called in the end, after the Engine.IO server's.
func Listen(engine *engineio.Server, options Options) (*Server, error) {
	if options.TLSConfig == nil {
		return nil, ErrNoTLS
	}
	o := options.withDefaults()
	s := &Server{o: o, engine: engine, conn: o.PacketConn, served: make(chan struct{})}
	if s.conn == nil {
		var err error
		if s.conn, err = (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", o.Addr); err != nil {
			return nil, err
		}
	}
	s.wt = &webtransport.Server{
		H3: &http3.Server{
			TLSConfig: http3.ConfigureTLSConfig(o.TLSConfig.Clone()), Handler: http.HandlerFunc(s.serve),
			QUICConfig: &quic.Config{
				MaxIdleTimeout: o.IdleTimeout, MaxIncomingStreams: o.MaxStreams,
				MaxStreamReceiveWindow: 1 << 20, MaxConnectionReceiveWindow: 2 << 20,
			},
		},
		CheckOrigin: func(*http.Request) bool { return true }, // AllowRequest decides, as it does for the other transports
	}
	webtransport.ConfigureHTTP3Server(s.wt.H3)
	go func() {
		defer close(s.served)
		_ = s.wt.Serve(s.conn) // ends with Close
	}()
	return s, nil
}

// Addr is the address the server listens at.
func (s *Server) Addr() net.Addr { return s.conn.LocalAddr() }

// Close ends all connections.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		err = s.wt.Close()
		err = errors.Join(err, s.conn.Close())
		<-s.served
	})
	return err
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		s.o.Handler.ServeHTTP(w, r)
		return
	}
	if strings.TrimSuffix(r.URL.Path, "/") != s.o.Path {
		http.NotFound(w, r)
		return
	}
	if why := s.engine.AdmitWebTransport(r); why != nil {
		why.Answer(w)
		return
	}
	session, err := s.wt.Upgrade(w, r)
	if err != nil {
		s.o.OnError(r, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.open(r, session); err != nil {
		s.o.OnError(r, err)
		text := ""
		if why, ok := errors.AsType[*engineio.Refusal](err); ok {
			text = why.Text()
		}
		_ = session.CloseWithError(0, text)
	}
}

// open gives the first bidirectional stream to the engine. Others are never accepted.
func (s *Server) open(r *http.Request, session *webtransport.Session) error {
	ctx, cancel := context.WithTimeout(session.Context(), s.engine.Options().UpgradeTimeout)
	defer cancel()
	stream, err := session.AcceptStream(ctx)
	if err != nil {
		return err
	}
	return s.engine.ServeWebTransport(r, &streamConn{stream, session})
}

// streamConn is a stream as a net.Conn, whose end is the session's.
type streamConn struct {
	*webtransport.Stream
	session *webtransport.Session
}

func (c *streamConn) LocalAddr() net.Addr  { return c.session.LocalAddr() }
func (c *streamConn) RemoteAddr() net.Addr { return c.session.RemoteAddr() }

// Close ends the session. What has been written and not delivered yet is lost.
func (c *streamConn) Close() error { return c.session.CloseWithError(0, "") }
