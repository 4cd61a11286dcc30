package engineio

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const deflateResponse = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// negotiateDeflate returns the size from which messages are compressed, 0 for never, and the extension header to answer.
func (srv *Server) negotiateDeflate(r *http.Request) (threshold int, extension string) {
	c := srv.opts.PerMessageDeflate
	if c == nil || c.Disabled {
		return 0, ""
	}
	for _, line := range r.Header["Sec-Websocket-Extensions"] {
		for offer := range strings.SplitSeq(line, ",") {
			if acceptableDeflate(offer) {
				return c.threshold(), deflateResponse
			}
		}
	}
	return 0, ""
}

// acceptableDeflate checks one offer (RFC 7692, section 7.1). A window smaller than ours cannot be honoured by compress/flate.
func acceptableDeflate(offer string) bool {
	name, params, _ := strings.Cut(offer, ";")
	if strings.TrimSpace(name) != "permessage-deflate" {
		return false
	}
	seen := map[string]bool{}
	for param := range strings.SplitSeq(params, ";") {
		key, value, hasValue := strings.Cut(strings.TrimSpace(param), "=")
		key = strings.TrimSpace(key)
		if key != "" && seen[key] {
			return false
		}
		seen[key] = true
		switch key {
		case "":
		case "server_no_context_takeover", "client_no_context_takeover":
			if hasValue {
				return false
			}
		case "client_max_window_bits":
			bits, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if hasValue && (err != nil || bits < 8 || bits > 15) {
				return false
			}
		case "server_max_window_bits":
			if strings.Trim(strings.TrimSpace(value), `"`) != "15" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

var flateWriters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is valid
	return w
}}

// deflateTail is what a sync flush ends with; RFC 7692 section 7.2.1 leaves it out of the message.
const deflateTail = "\x00\x00\xff\xff"

// deflatedFrame is the message's compressed frame. Neither side keeps a context between messages, which is what makes sharing it
// possible, and idle connections cheap.
func (m *Message) deflatedFrame() []byte {
	if m.plain || isControl(m) {
		return m.frame()
	}
	v := m.variants()
	if v.deflated == nil {
		v.deflated = m.compress()
		m.other.Store(&v)
	}
	return v.deflated
}

func (m *Message) compress() []byte {
	var out bytes.Buffer
	out.Write(make([]byte, frameHeadroom))
	w := flateWriters.Get().(*flate.Writer)
	w.Reset(&out)
	_, _ = w.Write(m.packet()) // a bytes.Buffer does not fail
	_ = w.Flush()
	flateWriters.Put(w)
	buf := bytes.TrimSuffix(out.Bytes(), []byte(deflateTail))
	opcode := byte(opText)
	if m.binary {
		opcode = opBinary
	}
	start := putFrameHeader(buf, finBit|rsv1Bit|opcode, len(buf)-frameHeadroom)
	if len(buf)-int(start) >= len(m.frame()) {
		return m.frame()
	}
	return buf[start:]
}

// isControl reports whether the message is a WebSocket control frame, which is never compressed.
func isControl(m *Message) bool { return m.buf[m.start]&0x08 != 0 }

var flateReaders = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflate decompresses a message and refuses to produce more than limit bytes.
func inflate(data []byte, limit int64) ([]byte, error) {
	r := flateReaders.Get().(io.ReadCloser)
	defer flateReaders.Put(r)
	src := io.MultiReader(bytes.NewReader(data), strings.NewReader(deflateTail+"\x01\x00\x00\xff\xff"))
	if err := r.(flate.Resetter).Reset(src, nil); err != nil {
		return nil, errInflate
	}
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, errInflate
	}
	if int64(len(out)) > limit {
		return nil, errTooBig
	}
	return out, nil
}

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is valid
	return w
}}

// compress compresses a polling response when the client takes gzip and it is worth it.
func (srv *Server) compress(h http.Header, r *http.Request, body []byte) []byte {
	c := srv.opts.HTTPCompression
	if c.Disabled || len(body) < c.threshold() || !Accepts(r, "gzip") {
		return body
	}
	var out bytes.Buffer
	w := gzipWriters.Get().(*gzip.Writer)
	w.Reset(&out)
	_, _ = w.Write(body) // a bytes.Buffer does not fail
	_ = w.Close()
	gzipWriters.Put(w)
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	return out.Bytes()
}

// Accepts reports whether a request takes responses in a content coding such as gzip (RFC 9110, section 12.5.3).
func Accepts(r *http.Request, coding string) bool {
	anything := false
	for part := range strings.SplitSeq(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case coding:
			return weight(params) > 0
		case "*":
			anything = weight(params) > 0
		}
	}
	return anything
}

// weight is the q of a list's element.
func weight(params string) float64 {
	q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
	if !ok {
		return 1
	}
	w, err := strconv.ParseFloat(q, 64)
	if err != nil {
		return 0
	}
	return w
}
