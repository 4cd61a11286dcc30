package engineio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Protocol revision 3 differs in the framing of polling payloads, in the type byte before binary data, and in who pings.

// frameV3 is the WebSocket frame of a binary message: revision 3 puts the packet type before the data.
func (m *Message) frameV3() []byte {
	if isControl(m) {
		return m.frame()
	}
	v := m.variants()
	if v.v3 != nil {
		return v.v3
	}
	buf := append(make([]byte, frameHeadroom, len(m.buf)+1), byte(PacketMessage-'0'))
	buf = append(buf, m.packet()...)
	v.v3 = buf[putFrameHeader(buf, finBit|opBinary, len(buf)-frameHeadroom):]
	m.other.Store(&v)
	return v.v3
}

// writePayloadV3 sets the content type and returns the body. Binary payloads go to clients that did not ask for base64.
func (s *Session) writePayloadV3(h http.Header, r *http.Request, msgs []*Message) []byte {
	if !s.handshake.base64() && !r.URL.Query().Has("j") && hasBinary(msgs) {
		h.Set("Content-Type", "application/octet-stream")
		return appendBinaryPayloadV3(nil, msgs)
	}
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	return appendPayloadV3(nil, msgs)
}

// base64 reports whether the client said at the handshake that it takes no binary payloads.
func (h *Handshake) base64() bool {
	b64 := h.Query().Get("b64")
	return b64 != "" && b64 != "0"
}

func hasBinary(msgs []*Message) bool {
	for _, m := range msgs {
		if m.binary {
			return true
		}
	}
	return false
}

func appendPayloadV3(dst []byte, msgs []*Message) []byte {
	for _, m := range msgs {
		if m.binary {
			text := base64.StdEncoding.AppendEncode([]byte("b4"), m.packet())
			dst = append(strconv.AppendInt(dst, int64(len(text)), 10), ':')
			dst = append(dst, text...)
			continue
		}
		dst = append(strconv.AppendInt(dst, int64(utf16Len(m.packet())), 10), ':')
		dst = append(dst, m.packet()...)
	}
	return dst
}

func appendBinaryPayloadV3(dst []byte, msgs []*Message) []byte {
	for _, m := range msgs {
		length := m.Len()
		if m.binary {
			dst = append(dst, 1)
			length++
		} else {
			dst = append(dst, 0)
		}
		for _, digit := range strconv.Itoa(length) {
			dst = append(dst, byte(digit-'0'))
		}
		dst = append(dst, 0xff)
		if m.binary {
			dst = append(dst, byte(PacketMessage-'0'))
		}
		dst = append(dst, m.packet()...)
	}
	return dst
}

// utf16Len is the length of JavaScript's strings, which revision 3 counts in.
func utf16Len(b []byte) int {
	n := 0
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		n += max(1, utf16.RuneLen(r))
		b = b[size:]
	}
	return n
}

func (s *Session) receivePayloadV3(body []byte, isBinary bool) error {
	if isBinary {
		return eachBinaryPacketV3(body, s.receive)
	}
	return eachPacketV3(body, s.receive)
}

func eachPacketV3(body []byte, visit func(incoming) bool) error {
	if len(body) == 0 {
		return errMalformedPayload
	}
	for len(body) > 0 {
		head, rest, ok := bytes.Cut(body, []byte{':'})
		units, err := strconv.ParseUint(string(head), 10, 31)
		if !ok || err != nil {
			return errMalformedPayload
		}
		size := byteLen(rest, int(units))
		if size < 0 {
			return errMalformedPayload
		}
		p, err := decodePacketV3(rest[:size])
		if err != nil {
			return err
		}
		if !visit(p) {
			return nil
		}
		body = rest[size:]
	}
	return nil
}

// byteLen is how many bytes the first units UTF-16 units of b take, -1 if b is shorter.
func byteLen(b []byte, units int) int {
	at := 0
	for units > 0 {
		if at == len(b) {
			return -1
		}
		r, size := utf8.DecodeRune(b[at:])
		units -= max(1, utf16.RuneLen(r))
		at += size
	}
	if units < 0 {
		return -1
	}
	return at
}

func decodePacketV3(b []byte) (incoming, error) {
	if len(b) < 2 || b[0] != 'b' {
		return decodePacket(b)
	}
	p, err := decodePacket(append([]byte{'b'}, b[2:]...))
	if err != nil || b[1] < '0' || b[1] > '6' {
		return incoming{}, errMalformedPayload
	}
	p.kind = PacketType(b[1])
	return p, nil
}

func eachBinaryPacketV3(body []byte, visit func(incoming) bool) error {
	for len(body) > 0 {
		isBinary := body[0] == 1
		head, rest, ok := bytes.Cut(body[1:], []byte{0xff})
		if body[0] > 1 || !ok || len(head) == 0 || len(head) > 9 {
			return errMalformedPayload
		}
		length := 0
		for _, digit := range head {
			if digit > 9 {
				return errMalformedPayload
			}
			length = length*10 + int(digit)
		}
		if length == 0 || length > len(rest) {
			return errMalformedPayload
		}
		p := incoming{kind: PacketType('0' + rest[0]), binary: true, data: rest[1:length]}
		if !isBinary {
			var err error
			if p, err = decodePacketV3(rest[:length]); err != nil {
				return err
			}
		} else if rest[0] > 6 {
			return errMalformedPayload
		}
		if !visit(p) {
			return nil
		}
		body = rest[length:]
	}
	return nil
}

// jsonp wraps a polling response for script-tag clients; index is the request's j parameter.
func jsonp(index string, body []byte) []byte {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, index)
	quoted, _ := json.Marshal(string(body)) // escapes U+2028 and U+2029, as a script needs
	return append(append([]byte("___eio["+digits+"]("), quoted...), ");"...)
}

// unwrapJSONP takes the payload out of a form post. The client escapes newlines because browsers would change them.
func unwrapJSONP(body []byte) ([]byte, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("d") {
		return nil, errMalformedPayload
	}
	const escaped = "\x00" // cannot be in what is replaced: a payload is text
	d := strings.ReplaceAll(form.Get("d"), `\\n`, escaped)
	d = strings.ReplaceAll(d, `\n`, "\n")
	return []byte(strings.ReplaceAll(d, escaped, `\n`)), nil
}
