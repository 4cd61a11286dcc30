package engineio

import (
	"encoding/binary"
	"sync/atomic"
)

// PacketType is the first character of an Engine.IO packet.
type PacketType byte

// The packet types of protocol revision 4 (and 3).
const (
	PacketOpen    PacketType = '0'
	PacketClose   PacketType = '1'
	PacketPing    PacketType = '2'
	PacketPong    PacketType = '3'
	PacketMessage PacketType = '4'
	PacketUpgrade PacketType = '5'
	PacketNoop    PacketType = '6'
)

// frameHeadroom is what the longest header of an unmasked server frame takes: 2 bytes and a 64-bit length.
const frameHeadroom = 10

// Message is a packet prepared for sending: encoded once, then shared by every session it is sent to. It is immutable.
type Message struct {
	buf    []byte // headroom, then the packet: its type and text, or the bare bytes of a binary message
	start  uint8  // where the WebSocket frame starts in buf
	binary bool
	plain  bool // never compressed
	other  atomic.Pointer[variants]
}

// variants are a message's other frames, made when the first receiver needs one, and shared. Two receivers may make one at the
// same time: one of the two is then kept.
type variants struct {
	deflated []byte
	v3       []byte
	stream   []byte // of a WebTransport stream, when it is binary
}

// variants returns a copy of what there is.
func (m *Message) variants() variants {
	if v := m.other.Load(); v != nil {
		return *v
	}
	return variants{}
}

// NewMessage prepares a text or binary message packet that carries data. The data is copied.
func NewMessage(isBinary bool, data []byte) *Message {
	b := BuildMessage(isBinary, len(data))
	b.buf = append(b.buf, data...)
	return b.Message()
}

// newPacket prepares a text packet of any type.
func newPacket(t PacketType, data string) *Message {
	b := MessageBuilder{buf: make([]byte, frameHeadroom, frameHeadroom+1+len(data))}
	b.buf = append(append(b.buf, byte(t)), data...)
	return b.Message()
}

// MessageBuilder assembles a message in place, so that an encoder above this package needs no buffer of its own.
type MessageBuilder struct {
	buf    []byte
	binary bool
}

// BuildMessage starts a message with room for size bytes of data; it grows when more is written.
func BuildMessage(isBinary bool, size int) MessageBuilder {
	b := MessageBuilder{binary: isBinary, buf: make([]byte, frameHeadroom, frameHeadroom+1+size)}
	if !isBinary {
		b.buf = append(b.buf, byte(PacketMessage))
	}
	return b
}

// Write appends p. It never fails.
func (b *MessageBuilder) Write(p []byte) (int, error) {
	b.buf = append(b.buf, p...)
	return len(p), nil
}

// WriteString appends s.
func (b *MessageBuilder) WriteString(s string) { b.buf = append(b.buf, s...) }

// WriteByte appends c. It never fails.
func (b *MessageBuilder) WriteByte(c byte) error {
	b.buf = append(b.buf, c)
	return nil
}

// Append gives the buffer to an append-style encoder and takes back what it returns.
func (b *MessageBuilder) Append(encode func(dst []byte) []byte) { b.buf = encode(b.buf) }

// Message completes the frame header. The builder must not be used afterwards.
func (b *MessageBuilder) Message() *Message {
	m := &Message{buf: b.buf, binary: b.binary}
	opcode := byte(opText)
	if b.binary {
		opcode = opBinary
	}
	m.start = putFrameHeader(m.buf, finBit|opcode, len(m.buf)-frameHeadroom)
	return m
}

// putFrameHeader writes the header of an unmasked frame so that it ends at frameHeadroom, and returns where it starts.
func putFrameHeader(buf []byte, first byte, length int) uint8 {
	switch {
	case length < 126:
		buf[8], buf[9] = first, byte(length)
		return 8
	case length <= 0xffff:
		buf[6], buf[7] = first, 126
		binary.BigEndian.PutUint16(buf[8:], uint16(length))
		return 6
	default:
		buf[0], buf[1] = first, 127
		binary.BigEndian.PutUint64(buf[2:], uint64(length))
		return 0
	}
}

// Binary reports whether the message is binary.
func (m *Message) Binary() bool { return m.binary }

// Len is the size of the packet in bytes, without any framing.
func (m *Message) Len() int { return len(m.buf) - frameHeadroom }

// Data is what the packet carries, without its type. It must not be changed.
func (m *Message) Data() []byte {
	if m.binary {
		return m.buf[frameHeadroom:]
	}
	return m.buf[frameHeadroom+1:]
}

// Type is the packet's type.
func (m *Message) Type() PacketType {
	if m.binary {
		return PacketMessage
	}
	return PacketType(m.buf[frameHeadroom])
}

func (m *Message) frame() []byte  { return m.buf[m.start:] }
func (m *Message) packet() []byte { return m.buf[frameHeadroom:] }

// NoCompress keeps the message from being compressed. It must be called before the message is sent.
func (m *Message) NoCompress() { m.plain = true }
