package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// packetSeparator stands between the packets of a polling payload of protocol revision 4.
const packetSeparator = 0x1e

// maxPayloadPackets bounds the packets of one POST, so that a payload of separators alone costs its sender, not us.
const maxPayloadPackets = 10_000

var errMalformedPayload = errors.New("engineio: malformed payload")

// appendPayload encodes messages as one polling response.
func appendPayload(dst []byte, msgs []*Message) []byte {
	for i, m := range msgs {
		if i > 0 {
			dst = append(dst, packetSeparator)
		}
		if m.binary {
			dst = base64.StdEncoding.AppendEncode(append(dst, 'b'), m.packet())
			continue
		}
		dst = append(dst, m.packet()...)
	}
	return dst
}

// incoming is one packet as it was received. Its data is only borrowed.
type incoming struct {
	kind   PacketType
	binary bool
	data   []byte
}

// eachPacket decodes a polling payload and calls visit for each packet until it returns false.
func eachPacket(payload []byte, visit func(incoming) bool) error {
	for n := 0; ; n++ {
		if n == maxPayloadPackets {
			return errMalformedPayload
		}
		head, rest, more := bytes.Cut(payload, []byte{packetSeparator})
		p, err := decodePacket(head)
		if err != nil {
			return err
		}
		if !visit(p) || !more {
			return nil
		}
		payload = rest
	}
}

// decodePacket decodes one packet of a payload, or the text of one WebSocket message.
func decodePacket(b []byte) (incoming, error) {
	if len(b) == 0 {
		return incoming{}, errMalformedPayload
	}
	switch {
	case b[0] == 'b':
		data := make([]byte, base64.StdEncoding.DecodedLen(len(b)-1))
		n, err := base64.StdEncoding.Decode(data, b[1:])
		if err != nil {
			return incoming{}, errMalformedPayload
		}
		return incoming{kind: PacketMessage, binary: true, data: data[:n]}, nil
	case b[0] >= '0' && b[0] <= '6':
		return incoming{kind: PacketType(b[0]), data: b[1:]}, nil
	default:
		return incoming{}, errMalformedPayload
	}
}
