package engineio

import (
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
)

// wsGUID is fixed by RFC 6455, section 1.3.
const wsGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func isUpgrade(r *http.Request) bool {
	return headerHas(r.Header, "Upgrade", "websocket")
}

// checkUpgrade checks a WebSocket opening handshake (RFC 6455, section 4.2.1).
func checkUpgrade(r *http.Request) *Refusal {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	switch {
	case r.Method != http.MethodGet || r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return &Refusal{Code: CodeBadRequest, Detail: "a WebSocket handshake is a GET of HTTP/1.1"}
	case !headerHas(r.Header, "Connection", "upgrade"):
		return &Refusal{Code: CodeBadRequest, Detail: "no Connection: Upgrade"}
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return &Refusal{Code: CodeBadRequest, Status: http.StatusUpgradeRequired, Detail: "WebSocket version is not 13"}
	case err != nil || len(key) != 16:
		return &Refusal{Code: CodeBadRequest, Detail: "bad Sec-WebSocket-Key"}
	}
	return nil
}

// headerHas looks for a token in a comma-separated header, whatever the case.
func headerHas(h http.Header, name, token string) bool {
	for _, line := range h[http.CanonicalHeaderKey(name)] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// hijack takes the connection over and returns it with the response to send on it and what the client has sent already.
func (srv *Server) hijack(w http.ResponseWriter, r *http.Request, initial bool) (net.Conn, []byte, []byte, int, error) {
	deflate, extension := srv.negotiateDeflate(r)
	extra := http.Header{}
	srv.headers(extra, r, initial)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, nil, 0, err
	}
	early, _ := rw.Peek(rw.Reader.Buffered()) // what is buffered can be peeked
	return conn, switching(r, extension, extra), slices.Clone(early), deflate, nil
}

// switching builds the 101 response.
func switching(r *http.Request, extension string, extra http.Header) []byte {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + wsGUID))
	b := make([]byte, 0, 256)
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = base64.StdEncoding.AppendEncode(b, sum[:])
	b = append(b, "\r\n"...)
	if extension != "" {
		b = append(append(append(b, "Sec-WebSocket-Extensions: "...), extension...), "\r\n"...)
	}
	for name, values := range extra {
		for _, v := range values {
			b = append(append(append(append(b, name...), ": "...), headerSafe(v)...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// headerSafe drops what would end the header line.
func headerSafe(v string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, v)
}
