package redis

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/socketio"
)

// Node's packets are JavaScript: names may come twice, and are compared exactly.
var jsonOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), json.MatchCaseInsensitiveNames(false))

// names are rooms. In JavaScript a room may also be a number.
type names []string

// UnmarshalJSON implements json.Unmarshaler.
func (n *names) UnmarshalJSON(b []byte) error {
	var values []jsontext.Value
	if err := json.Unmarshal(b, &values); err != nil {
		return err
	}
	*n = make(names, len(values))
	for i, v := range values {
		switch v.Kind() {
		case '"':
			if err := json.Unmarshal(v, &(*n)[i]); err != nil {
				return err
			}
		case '0':
			(*n)[i] = string(v)
		default:
			return ErrMalformed
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler: an empty list is one, not null.
func (n names) MarshalJSON() ([]byte, error) {
	if n == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(n))
}

// wireOpts is a target, and a broadcast's flags, as all adapters write them.
type wireOpts struct {
	Rooms  names      `json:"rooms"`
	Except names      `json:"except"`
	Flags  *wireFlags `json:"flags,omitzero"`
}

// wireFlags are the flags that concern the receiving node. What is not set is not there: Node asks whether it is undefined.
type wireFlags struct {
	Volatile bool    `json:"volatile,omitzero"`
	Compress *bool   `json:"compress,omitzero"`
	Timeout  float64 `json:"timeout,omitzero"` // milliseconds
}

func toOpts(t socketio.Target) wireOpts { return wireOpts{Rooms: t.Rooms, Except: t.Except} }

func toOptsWithFlags(t socketio.Target, f socketio.Flags) wireOpts {
	o := toOpts(t)
	o.Flags = &wireFlags{Volatile: f.Volatile, Timeout: float64(f.Timeout.Milliseconds())}
	if f.NoCompress {
		o.Flags.Compress = new(bool)
	}
	return o
}

func (o *wireOpts) target() socketio.Target {
	if o == nil {
		return socketio.Target{}
	}
	return socketio.Target{Rooms: o.Rooms, Except: o.Except}
}

func (o *wireOpts) flags() socketio.Flags {
	if o == nil || o.Flags == nil {
		return socketio.Flags{}
	}
	return socketio.Flags{
		Volatile: o.Flags.Volatile, NoCompress: o.Flags.Compress != nil && !*o.Flags.Compress,
		Timeout: time.Duration(o.Flags.Timeout * float64(time.Millisecond)),
	}
}

// wirePacket is an event. Node's nodes write no id: each gives its own.
type wirePacket struct {
	Type int            `json:"type"`
	Data jsontext.Value `json:"data"`
	Nsp  string         `json:"nsp"`
}

func toPacket(p *socketio.Packet) wirePacket {
	return wirePacket{Type: int(p.Type), Data: p.Data, Nsp: p.Namespace}
}

// packet checks what another node sent as if a client had: it goes on to clients, and into the recovery log.
func (p *wirePacket) packet(attachments [][]byte) (*socketio.Packet, error) {
	if p == nil || p.Type != int(socketio.PacketEvent) && p.Type != int(socketio.PacketBinaryEvent) {
		return nil, ErrMalformed
	}
	q := &socketio.Packet{Type: socketio.PacketEvent, Namespace: p.Nsp, Data: p.Data, Attachments: attachments}
	if q.Namespace == "" {
		q.Namespace = "/"
	}
	if err := q.Check(); err != nil {
		return nil, errors.Join(ErrMalformed, err)
	}
	return q, nil
}

// sentSocket and wireSocket are a socket as it is written and read.
type sentSocket struct {
	ID        string                 `json:"id"`
	Handshake socketio.HandshakeInfo `json:"handshake"`
	Rooms     names                  `json:"rooms"`
	Data      any                    `json:"data"`
}

type wireSocket struct {
	ID        string         `json:"id"`
	Handshake wireHandshake  `json:"handshake"`
	Rooms     names          `json:"rooms"`
	Data      jsontext.Value `json:"data"`
}

func toSockets(sockets []socketio.RemoteSocket) []sentSocket {
	out := make([]sentSocket, len(sockets))
	for i, s := range sockets {
		out[i] = sentSocket{s.ID, s.Handshake, s.Rooms, s.Data}
		if s.Data == nil {
			out[i].Data = struct{}{} // as in Node, whose applications look into it without asking
		}
	}
	return out
}

func decodeSockets(list jsontext.Value, attachments [][]byte) ([]socketio.RemoteSocket, error) {
	var sockets []wireSocket
	if err := json.Unmarshal(list, &sockets, jsonOptions); err != nil {
		return nil, errors.Join(ErrMalformed, err)
	}
	out := make([]socketio.RemoteSocket, len(sockets))
	for i, s := range sockets {
		out[i] = socketio.RemoteSocket{ID: s.ID, Handshake: s.Handshake.info(), Rooms: s.Rooms}
		if len(s.Data) == 0 {
			continue
		}
		if err := socketio.DecodeValue(s.Data, attachments, &out[i].Data); err != nil {
			return nil, errors.Join(ErrMalformed, err)
		}
	}
	return out, nil
}

// wireHandshake is a handshake of Node's, where headers and query parameters may be lists.
type wireHandshake struct {
	Headers map[string]texts `json:"headers"`
	Time    string           `json:"time"`
	Address string           `json:"address"`
	Xdomain bool             `json:"xdomain"`
	Secure  bool             `json:"secure"`
	Issued  float64          `json:"issued"`
	URL     string           `json:"url"`
	Query   map[string]texts `json:"query"`
	Auth    jsontext.Value   `json:"auth"`
}

func (h *wireHandshake) info() socketio.HandshakeInfo {
	info := socketio.HandshakeInfo{
		Headers: map[string]string{}, Query: map[string]string{}, Time: h.Time, Address: h.Address, Xdomain: h.Xdomain, Secure: h.Secure,
		Issued: int64(h.Issued), URL: h.URL, Auth: []byte(h.Auth),
	}
	for k, v := range h.Headers {
		info.Headers[k] = v.join()
	}
	for k, v := range h.Query {
		if len(v) > 0 {
			info.Query[k] = v[0]
		}
	}
	return info
}

// texts is a string or a list of strings.
type texts []string

// UnmarshalJSON implements json.Unmarshaler. What is neither is left out.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	var many []string
	if json.Unmarshal(b, &many) == nil {
		*t = many
	}
	return nil
}

func (t texts) join() string {
	s := ""
	for i, v := range t {
		if i > 0 {
			s += ", "
		}
		s += v
	}
	return s
}

// decode reads JSON, or msgpack if the first byte is no brace.
func decode(b []byte, into any) (attachments [][]byte, err error) {
	if len(b) == 0 {
		return nil, ErrMalformed
	}
	if b[0] != '{' {
		if b, attachments, err = socketio.MsgpackToJSON(b); err != nil {
			return nil, errors.Join(ErrMalformed, err)
		}
	}
	if err := json.Unmarshal(b, into, jsonOptions); err != nil {
		return nil, errors.Join(ErrMalformed, err)
	}
	return attachments, nil
}

// encodeText encodes as JSON.
func encodeText(v any) ([]byte, error) { return json.Marshal(v, jsonOptions) }

// encodePacked encodes as msgpack; placeholders become the attachments.
func encodePacked(v any, attachments [][]byte) ([]byte, error) {
	text, err := encodeText(v)
	if err != nil {
		return nil, err
	}
	return socketio.AppendMsgpackJSON(nil, text, attachments), nil
}

// encodeEither encodes as JSON, or as msgpack when there is binary data, in the attachments or in v itself.
func encodeEither(v any, attachments [][]byte) ([]byte, error) {
	if len(attachments) > 0 {
		return encodePacked(v, attachments)
	}
	text, found, err := socketio.EncodeValue(v)
	if err != nil || len(found) == 0 {
		return text, err
	}
	return socketio.AppendMsgpackJSON(nil, text, found), nil
}
