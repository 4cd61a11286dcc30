package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"parley/engineio"
)

// PacketType is a Socket.IO packet type.
type PacketType byte

// The packet types of protocol revision 5.
const (
	PacketConnect PacketType = iota
	PacketDisconnect
	PacketEvent
	PacketAck
	PacketConnectError
	PacketBinaryEvent
	PacketBinaryAck
)

// maxAttachments bounds the binary attachments of one packet.
const maxAttachments = 10

// Packet is one Socket.IO packet. Binary data is kept apart from the JSON, which has placeholders for it; whether a packet is
// a binary one follows from its attachments, so Type is never PacketBinaryEvent or PacketBinaryAck outside the wire format.
type Packet struct {
	Type        PacketType
	HasID       bool
	Namespace   string
	ID          uint64
	Data        []byte // JSON: an array for events and acks, any value for connect and connect error, nil for none
	Attachments [][]byte
}

var errBadPacket = errors.New("socketio: malformed packet")

// Parser turns packets into Engine.IO messages and back. There are two: [JSONParser], the default, and [MsgpackParser].
type Parser interface {
	// Encode returns the messages of a packet, the first of which is never nil.
	Encode(p *Packet) []*engineio.Message
	// NewDecoder returns a decoder for one connection.
	NewDecoder() Decoder
}

// Decoder puts the packets of one connection together.
type Decoder interface {
	// Add takes the next message, and returns a packet when one is complete. The packet may borrow data.
	Add(isBinary bool, data []byte) (*Packet, error)
}

// JSONParser is the parser of socket.io-parser: JSON text with binary attachments in messages of their own.
type JSONParser struct{}

// Encode implements Parser.
func (JSONParser) Encode(p *Packet) []*engineio.Message {
	msgs := make([]*engineio.Message, 0, 1+len(p.Attachments))
	msgs = append(msgs, encodeText(p))
	for _, a := range p.Attachments {
		msgs = append(msgs, engineio.NewMessage(true, a))
	}
	return msgs
}

// encodeText prepares the text of a packet, without its attachments.
func encodeText(p *Packet) *engineio.Message {
	b := engineio.BuildMessage(false, len(p.Data)+len(p.Namespace)+24)
	b.Append(func(dst []byte) []byte { return appendPacket(dst, p) })
	return b.Message()
}

// appendPacket appends the text of a packet, without its attachments.
func appendPacket(dst []byte, p *Packet) []byte {
	t := p.Type
	if n := len(p.Attachments); n > 0 {
		t += PacketBinaryEvent - PacketEvent
		dst = append(dst, '0'+byte(t))
		dst = append(strconv.AppendInt(dst, int64(n), 10), '-')
	} else {
		dst = append(dst, '0'+byte(t))
	}
	if p.Namespace != "" && p.Namespace != "/" {
		dst = append(append(dst, p.Namespace...), ',')
	}
	if p.HasID {
		dst = strconv.AppendUint(dst, p.ID, 10)
	}
	return append(dst, p.Data...)
}

// NewDecoder implements Parser.
func (JSONParser) NewDecoder() Decoder { return &jsonDecoder{} }

type jsonDecoder struct {
	pending *Packet
	wanted  int
}

// Add implements Decoder.
func (d *jsonDecoder) Add(isBinary bool, data []byte) (*Packet, error) {
	if isBinary {
		return d.attach(data)
	}
	if d.pending != nil {
		return nil, errBadPacket
	}
	p, wanted, err := decodeText(data)
	if err != nil {
		return nil, err
	}
	if wanted == 0 {
		return p, nil
	}
	// What is wrong is told now, not when the attachments have been taken in.
	if !placeholdersFit(p.Data, wanted) || p.Check() != nil {
		return nil, errBadPacket
	}
	p.Data = bytes.Clone(p.Data)
	d.pending, d.wanted = p, wanted
	return nil, nil
}

func (d *jsonDecoder) attach(data []byte) (*Packet, error) {
	if d.pending == nil {
		return nil, errBadPacket
	}
	p := d.pending
	p.Attachments = append(p.Attachments, bytes.Clone(data))
	if len(p.Attachments) < d.wanted {
		return nil, nil
	}
	d.pending = nil
	return p, nil
}

// decodeText decodes the text of a packet and says how many attachments are to follow.
func decodeText(b []byte) (*Packet, int, error) {
	if len(b) == 0 || b[0] < '0' || b[0] > '6' {
		return nil, 0, errBadPacket
	}
	p := &Packet{Type: PacketType(b[0] - '0'), Namespace: "/"}
	b = b[1:]
	wanted := 0
	if p.Type >= PacketBinaryEvent {
		head, rest, ok := bytes.Cut(b, []byte{'-'})
		n, err := strconv.ParseUint(string(head), 10, 32)
		if !ok || err != nil || n == 0 || n > maxAttachments || head[0] == '0' {
			return nil, 0, errBadPacket
		}
		p.Type -= PacketBinaryEvent - PacketEvent
		wanted, b = int(n), rest
	}
	if len(b) > 0 && b[0] == '/' {
		nsp, rest, _ := bytes.Cut(b, []byte{','})
		p.Namespace, b = string(nsp), rest
	}
	if n := scanDigits(b, 0); n > 0 {
		id, err := strconv.ParseUint(string(b[:n]), 10, 53) // beyond, JavaScript would round
		if err != nil {
			return nil, 0, errBadPacket
		}
		p.ID, p.HasID, b = id, true, b[n:]
	}
	if len(b) > 0 {
		p.Data = b
	}
	return p, wanted, checkData(p)
}

// checkData checks what can be checked without splitting: events and acks are validated when their elements are cut out.
func checkData(p *Packet) error {
	switch p.Type {
	case PacketConnect:
		if p.Data != nil && (p.Data[0] != '{' || !validJSON(p.Data)) {
			return errBadPacket
		}
	case PacketDisconnect:
		if p.Data != nil {
			return errBadPacket
		}
	case PacketConnectError:
		if p.Data == nil || p.Data[0] != '"' && p.Data[0] != '{' || !validJSON(p.Data) {
			return errBadPacket
		}
	default:
		if p.Data == nil || p.Data[0] != '[' {
			return errBadPacket
		}
	}
	return nil
}

// Check validates what decoding leaves for later, when it is done together with cutting the data into elements: the JSON of
// events and acks, and an event's name.
func (p *Packet) Check() error {
	if p.Type != PacketEvent && p.Type != PacketAck {
		return nil
	}
	elements, err := splitArray(nil, p.Data)
	if err != nil || p.Type == PacketAck {
		return err
	}
	if len(elements) == 0 {
		return errBadPacket
	}
	_, err = eventName(elements[0], nil)
	return err
}

// reservedEvents are names that neither side may emit, because they mean something to the libraries.
var reservedEvents = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true, "newListener": true, "removeListener": true,
}

// eventName decodes the first element of an event: a string that is not reserved, or a number, as Node's parser has it.
func eventName(raw []byte, known map[string]eventHandlers) (string, error) {
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return string(raw), nil
	}
	if raw[0] != '"' {
		return "", errBadPacket
	}
	if k, ok := known[string(raw[1:len(raw)-1])]; ok { // a look-up that copies nothing
		return k.name, nil
	}
	name := string(raw[1 : len(raw)-1])
	if bytes.IndexByte(raw, '\\') >= 0 {
		if err := json.Unmarshal(raw, &name); err != nil {
			return "", errBadPacket
		}
	}
	if reservedEvents[name] {
		return "", errBadPacket
	}
	return name, nil
}
