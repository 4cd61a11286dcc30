package client

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// maxFrame bounds what a server may send at once, in bytes.
const maxFrame = 64 << 20

// wsConn is the client's side of a WebSocket (RFC 6455).
type wsConn struct {
	conn net.Conn
	r    *bufio.Reader
	mu   sync.Mutex // guards writing
}

// dialWS opens a WebSocket. A refusal by the server is an [*HTTPError].
func dialWS(ctx context.Context, u *url.URL, header http.Header) (*wsConn, error) {
	conn, err := dialTCP(ctx, u)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the program when the system has no randomness
	req := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	if err := req.Write(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // what there is of it
		_, _ = res.Body.Close(), conn.Close()
		return nil, &HTTPError{Status: res.StatusCode, Body: string(body)}
	}
	return &wsConn{conn: conn, r: r}, nil
}

func dialTCP(ctx context.Context, u *url.URL) (net.Conn, error) {
	var d net.Dialer
	host, port := u.Hostname(), u.Port()
	secure := u.Scheme == "https" || u.Scheme == "wss"
	switch {
	case port != "":
	case secure:
		port = "443"
	default:
		port = "80"
	}
	if secure {
		return (&tls.Dialer{NetDialer: &d}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
}

// HTTPError is the server's refusal of a connection.
type HTTPError struct {
	Status int
	Body   string
}

// Error implements error.
func (e *HTTPError) Error() string {
	return fmt.Sprintf("client: server answered %d: %s", e.Status, e.Body)
}

// write sends one message.
func (w *wsConn) write(opcode byte, data []byte) error {
	buf := make([]byte, 0, len(data)+14)
	buf = append(buf, 0x80|opcode)
	switch n := len(data); {
	case n < 126:
		buf = append(buf, 0x80|byte(n))
	case n <= 0xffff:
		buf = binary.BigEndian.AppendUint16(append(buf, 0x80|126), uint16(n))
	default:
		buf = binary.BigEndian.AppendUint64(append(buf, 0x80|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // see above
	buf = append(buf, mask[:]...)
	for i, c := range data {
		buf = append(buf, c^mask[i&3])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(buf)
	return err
}

// read returns the next message. Control frames are dealt with; a close frame is io.EOF.
func (w *wsConn) read() (isBinary bool, data []byte, err error) {
	for {
		opcode, fin, payload, err := w.frame()
		if err != nil {
			return false, nil, err
		}
		switch opcode {
		case 8:
			_ = w.write(8, payload) // the server may be gone already
			return false, nil, io.EOF
		case 9:
			if err := w.write(10, payload); err != nil {
				return false, nil, err
			}
			continue
		case 10:
			continue
		case 1, 2:
			isBinary, data = opcode == 2, nil
		}
		if len(data)+len(payload) > maxFrame {
			return false, nil, errTooBig
		}
		data = append(data, payload...)
		if fin {
			return isBinary, data, nil
		}
	}
}

var errTooBig = errors.New("client: message too large")

func (w *wsConn) frame() (opcode byte, fin bool, payload []byte, err error) {
	var h [10]byte
	if _, err = io.ReadFull(w.r, h[:2]); err != nil {
		return 0, false, nil, err
	}
	n := uint64(h[1] & 0x7f)
	switch n {
	case 126:
		_, err = io.ReadFull(w.r, h[2:4])
		n = uint64(binary.BigEndian.Uint16(h[2:4]))
	case 127:
		_, err = io.ReadFull(w.r, h[2:10])
		n = binary.BigEndian.Uint64(h[2:10])
	}
	if err != nil {
		return 0, false, nil, err
	}
	if n > maxFrame {
		return 0, false, nil, errTooBig
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(w.r, payload)
	return h[0] & 15, h[0]&0x80 != 0, payload, err
}
