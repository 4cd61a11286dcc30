package engineio

import (
	"encoding/binary"
	"unicode/utf8"
)

// streamBinary is the bit of a packet's first byte that says that it is binary.
const streamBinary = 0x80

type streamLimits struct {
	maxPayload uint64
}

// parseStreamHeader reads the header of a packet on a stream. Its length is 0 when more bytes are needed. What is too large, or empty,
// is refused before its payload is taken in.
func parseStreamHeader(b []byte, limits streamLimits) (size int, isBinary bool, header int, err error) {
	if len(b) == 0 {
		return 0, false, 0, nil
	}
	isBinary = b[0]&streamBinary != 0
	n := uint64(b[0] &^ streamBinary)
	header = 1
	switch n {
	case 126:
		if header = 3; len(b) < header {
			return 0, false, 0, nil
		}
		n = uint64(binary.BigEndian.Uint16(b[1:]))
	case 127:
		if header = 9; len(b) < header {
			return 0, false, 0, nil
		}
		n = binary.BigEndian.Uint64(b[1:])
	}
	switch {
	case n == 0:
		return 0, false, 0, &frameError{status: closeProtocol, reason: ReasonParseError, text: "empty packet"}
	case n > limits.maxPayload:
		return 0, false, 0, &frameError{status: closeTooBig, reason: ReasonPayloadTooLarge, text: "packet too large"}
	}
	return int(n), isBinary, header, nil
}

// streamReader cuts a stream of bytes into packets.
type streamReader struct {
	limits  streamLimits
	partial []byte // the beginning of a packet
}

// feed takes what has been read, and calls visit for each packet that is complete. A packet's data is valid only during the call.
func (r *streamReader) feed(p []byte, visit func(isBinary bool, data []byte) error) error {
	if len(r.partial) > 0 {
		r.partial = append(r.partial, p...)
		p = r.partial
	}
	for {
		size, isBinary, header, err := parseStreamHeader(p, r.limits)
		if err != nil {
			return err
		}
		if header == 0 || len(p) < header+size {
			break
		}
		data := p[header : header+size]
		if !isBinary && !utf8.Valid(data) {
			return &frameError{status: closeBadData, reason: ReasonParseError, text: "invalid UTF-8"}
		}
		if err := visit(isBinary, data); err != nil {
			return err
		}
		p = p[header+size:]
	}
	switch {
	case len(p) == 0:
		r.partial = nil // an idle connection keeps no buffer
	case len(r.partial) > 0:
		r.partial = append(r.partial[:0], p...)
	default:
		r.partial = append([]byte(nil), p...)
	}
	return nil
}
