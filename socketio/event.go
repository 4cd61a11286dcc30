package socketio

import (
	"bytes"
	"fmt"
)

// Event is what a client emitted. Its raw data is valid only until the handler returns; see Keep.
type Event struct {
	Name string

	socket      *Socket
	args        [][]byte
	attachments [][]byte
	id          uint64
	wantsAck    bool
	inline      [4][]byte // room for the elements of nearly every event
}

// Handler handles an event.
type Handler func(s *Socket, e *Event)

// Socket is the socket that emitted the event.
func (e *Event) Socket() *Socket { return e.socket }

// Len is the number of arguments.
func (e *Event) Len() int { return len(e.args) }

// Raw is the i-th argument as JSON, with placeholders for binary data; nil when there are fewer arguments.
func (e *Event) Raw(i int) []byte {
	if i < 0 || i >= len(e.args) {
		return nil
	}
	return e.args[i]
}

// Attachments are the binary attachments that the placeholders refer to.
func (e *Event) Attachments() [][]byte { return e.attachments }

// Bind decodes the arguments into pointers, in order. An argument that is missing leaves its value as it is.
func (e *Event) Bind(dst ...any) error {
	for i, d := range dst {
		if i == len(e.args) {
			return nil
		}
		if err := bindValue(e.args[i], e.attachments, d); err != nil {
			return fmt.Errorf("socketio: argument %d of %q: %w", i, e.Name, err)
		}
	}
	return nil
}

// Keep makes the event's data valid beyond the handler's return.
func (e *Event) Keep() {
	for i, a := range e.args {
		e.args[i] = bytes.Clone(a)
	}
}

// WantsAck reports whether the client waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.wantsAck }

// Ack acknowledges the event, also after the handler has returned. It does nothing when the client does not wait for it, and is
// meant to be called once: the client ignores a second one. The error tells of arguments that cannot be encoded.
func (e *Event) Ack(args ...any) error {
	if !e.wantsAck {
		return nil
	}
	data, attachments, err := appendArgs(make([]byte, 0, argsSize(args)), "", args)
	if err != nil {
		return err
	}
	e.socket.sendPacket(&Packet{Type: PacketAck, HasID: true, ID: e.id, Data: data, Attachments: attachments})
	return nil
}

// Reply is a client's acknowledgement. Its raw data is valid only until the callback returns.
type Reply struct {
	args        [][]byte
	attachments [][]byte
}

func newReply(data []byte, attachments [][]byte) (*Reply, error) {
	args, err := splitArray(nil, data)
	if err != nil {
		return nil, err
	}
	return &Reply{args: args, attachments: attachments}, nil
}

// Len is the number of values acknowledged.
func (r *Reply) Len() int { return len(r.args) }

// Raw is the i-th value as JSON.
func (r *Reply) Raw(i int) []byte {
	if i < 0 || i >= len(r.args) {
		return nil
	}
	return r.args[i]
}

// Bind decodes the values into pointers, in order.
func (r *Reply) Bind(dst ...any) error {
	return (&Event{args: r.args, attachments: r.attachments}).Bind(dst...)
}
