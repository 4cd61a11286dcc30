package cli

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"parley/engineio/webtransport"
)

// serveWebTransport starts the listener for WebTransport, if one is set.
func (p *program) serveWebTransport() error {
	c := p.config
	if c.WebTransport == "" {
		return nil
	}
	cert := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey}
	if _, err := cert.get(nil); err != nil {
		return fmt.Errorf("PARLEY_TLS_CERT, PARLEY_TLS_KEY: %w", err)
	}
	var err error
	p.h3, err = webtransport.Listen(p.door.Server().Engine(), webtransport.Options{
		Addr: c.WebTransport, Path: "/socket.io", TLSConfig: &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS13},
		OnError: func(_ *http.Request, err error) { p.log.Debug("webtransport", "error", err) },
	})
	if err != nil {
		return fmt.Errorf("PARLEY_WEBTRANSPORT_ADDR: %w", err)
	}
	p.log.Info("serving WebTransport", "address", p.h3.Addr().String())
	return nil
}

func (p *program) closeWebTransport() {
	if p.h3 != nil {
		_ = p.h3.Close() // its sessions have ended with the door
	}
}

// certificate is read from files, again when they have changed: certificates are renewed while the server runs. One that cannot be read
// leaves the one before in use.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	loaded *tls.Certificate
	from   [2]time.Time // when the files had been written
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var from [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			from[i] = info.ModTime()
		}
	}
	if c.loaded != nil && from == c.from {
		return c.loaded, nil
	}
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil && c.loaded == nil {
		return nil, err
	}
	if err == nil {
		c.loaded, c.from = &cert, from
	}
	return c.loaded, nil
}
