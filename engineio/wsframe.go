package engineio

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// RFC 6455, section 5.2.
const (
	finBit  = 0x80
	rsv1Bit = 0x40
	rsvBits = 0x70
	maskBit = 0x80

	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	maxControlPayload = 125
	maxFrameHeader    = 14
)

// closeCode is a status of RFC 6455, section 7.4.1.
type closeCode uint16

const (
	closeNormal      closeCode = 1000
	closeGoingAway   closeCode = 1001
	closeProtocol    closeCode = 1002
	closeUnsupported closeCode = 1003
	closeNoStatus    closeCode = 1005
	closeBadData     closeCode = 1007
	closePolicy      closeCode = 1008
	closeTooBig      closeCode = 1009
)

// frameError is a violation of the WebSocket protocol, or of a limit.
type frameError struct {
	status closeCode
	reason Reason
	text   string
}

func (e *frameError) Error() string { return "engineio: bad frame: " + e.text }

func protocolError(text string) *frameError {
	return &frameError{status: closeProtocol, reason: ReasonTransportError, text: text}
}

var (
	errBadUTF8   = &frameError{status: closeBadData, reason: ReasonParseError, text: "invalid UTF-8"}
	errTooBig    = &frameError{status: closeTooBig, reason: ReasonPayloadTooLarge, text: "message too large"}
	errFragments = &frameError{status: closePolicy, reason: ReasonPayloadTooLarge, text: "too many fragments"}
	errInflate   = &frameError{status: closeBadData, reason: ReasonParseError, text: "corrupt compressed data"}
	errStopped   = errors.New("engineio: connection is closing")
)

// frameLimits bounds what one message may take.
type frameLimits struct {
	maxPayload   int64
	maxFragments int
	deflate      bool // permessage-deflate was negotiated
}

// frameSink takes what a frameReader has read. An error stops the reading.
type frameSink interface {
	onMessage(isBinary bool, data []byte) error
	onControl(opcode byte, payload []byte) error
}

// frameReader reads a client's frames from pieces of any size. It holds memory only while a message is incomplete, and never
// more than has arrived.
type frameReader struct {
	part      []byte // payload of the frames so far of an incomplete message, or of an incomplete control frame
	held      []byte // a data message set aside while a control frame between its fragments is incomplete
	remaining int64  // payload bytes of the current frame still to come
	utf8      utf8Check
	header    [maxFrameHeader]byte
	headerLen uint8
	mask      [4]byte
	maskPos   uint8
	opcode    byte // of the current frame
	message   byte // opcode of the message under way, 0 for none
	inFrame   bool
	fin       bool
	packed    bool // the message under way is compressed
	fragments int
}

// feed processes the next bytes, which it may overwrite.
func (f *frameReader) feed(p []byte, lim *frameLimits, sink frameSink) error {
	for len(p) > 0 || (f.inFrame && f.remaining == 0) {
		if !f.inFrame {
			used, err := f.readHeader(p, lim)
			if err != nil {
				return err
			}
			p = p[used:]
			if !f.inFrame {
				return nil
			}
		}
		n := int(min(int64(len(p)), f.remaining))
		piece := p[:n]
		p = p[n:]
		f.remaining -= int64(n)
		f.maskPos = unmask(piece, f.mask, f.maskPos)
		if err := f.payload(piece, lim, sink); err != nil {
			return err
		}
	}
	return nil
}

// readHeader takes header bytes and sets inFrame once the header is complete.
func (f *frameReader) readHeader(p []byte, lim *frameLimits) (used int, err error) {
	for {
		need := headerSize(f.header[:f.headerLen])
		if int(f.headerLen) >= 2 {
			if err := f.checkHeader(lim); err != nil {
				return used, err
			}
		}
		if int(f.headerLen) == need {
			break
		}
		n := copy(f.header[f.headerLen:need], p[used:])
		if n == 0 {
			return used, nil
		}
		f.headerLen += uint8(n)
		used += n
	}
	return used, f.begin(lim)
}

// headerSize is how many bytes the header takes, as far as its first bytes tell.
func headerSize(h []byte) int {
	if len(h) < 2 {
		return 2
	}
	switch h[1] &^ maskBit {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	default:
		return 2 + 4
	}
}

// checkHeader checks the first two bytes, before anything is waited for on their word.
func (f *frameReader) checkHeader(lim *frameLimits) error {
	b0, b1 := f.header[0], f.header[1]
	op := b0 & 0x0f
	rsv := b0 & rsvBits
	if rsv&rsv1Bit != 0 && lim.deflate && (op == opText || op == opBinary) {
		rsv &^= rsv1Bit
	}
	switch {
	case rsv != 0:
		return protocolError("reserved bits set")
	case b1&maskBit == 0:
		return protocolError("unmasked frame")
	case op > opBinary && op < opClose || op > opPong:
		return protocolError("reserved opcode")
	case op >= opClose && b0&finBit == 0:
		return protocolError("fragmented control frame")
	case op >= opClose && b1&^maskBit > maxControlPayload:
		return protocolError("control frame too long")
	case op == opContinuation && f.message == 0:
		return protocolError("continuation of nothing")
	case (op == opText || op == opBinary) && f.message != 0:
		return protocolError("new message within a fragmented one")
	}
	return nil
}

// begin starts a frame whose header is complete.
func (f *frameReader) begin(lim *frameLimits) error {
	h := f.header[:f.headerLen]
	length := int64(h[1] &^ maskBit)
	switch length {
	case 126:
		length = int64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		length = int64(binary.BigEndian.Uint64(h[2:]))
		if length < 0 {
			return protocolError("negative length")
		}
	}
	copy(f.mask[:], h[len(h)-4:])
	f.maskPos = 0
	f.headerLen = 0
	f.opcode = h[0] & 0x0f
	f.fin = h[0]&finBit != 0
	f.remaining = length
	f.inFrame = true
	if f.opcode >= opClose {
		f.held, f.part = f.part, nil
		return nil
	}
	if f.opcode != opContinuation {
		f.message, f.packed, f.fragments, f.utf8 = f.opcode, h[0]&rsv1Bit != 0, 0, utf8Check{}
	}
	if f.fragments++; f.fragments > lim.maxFragments {
		return errFragments
	}
	if int64(len(f.part))+length > lim.maxPayload {
		return errTooBig
	}
	return nil
}

// payload takes the next unmasked bytes of the current frame.
func (f *frameReader) payload(piece []byte, lim *frameLimits, sink frameSink) error {
	done := f.remaining == 0
	if f.opcode >= opClose {
		return f.control(piece, done, sink)
	}
	text := f.message == opText && !f.packed
	if done && f.fin && f.part == nil {
		f.inFrame = false
		return f.finish(piece, text && !utf8.Valid(piece), lim, sink)
	}
	if text && !f.utf8.write(piece) {
		return errBadUTF8
	}
	f.part = append(f.part, piece...)
	if f.part == nil {
		f.part = []byte{}
	}
	if !done {
		return nil
	}
	f.inFrame = false
	if !f.fin {
		return nil
	}
	data := f.part
	f.part = nil
	return f.finish(data, text && !f.utf8.complete(), lim, sink)
}

func (f *frameReader) finish(data []byte, badText bool, lim *frameLimits, sink frameSink) error {
	if badText {
		return errBadUTF8
	}
	isBinary := f.message == opBinary
	f.message = 0
	if f.packed {
		inflated, err := inflate(data, lim.maxPayload)
		if err != nil {
			return err
		}
		if !isBinary && !utf8.Valid(inflated) {
			return errBadUTF8
		}
		data = inflated
	}
	return sink.onMessage(isBinary, data)
}

func (f *frameReader) control(piece []byte, done bool, sink frameSink) error {
	if !done {
		f.part = append(f.part, piece...)
		return nil
	}
	if len(f.part) > 0 {
		piece = append(f.part, piece...)
	}
	f.part, f.held = f.held, nil
	f.inFrame = false
	if f.opcode == opClose && !validClosePayload(piece) {
		return closePayloadError(piece)
	}
	return sink.onControl(f.opcode, piece)
}

func validClosePayload(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	return len(p) >= 2 && validCloseCode(binary.BigEndian.Uint16(p)) && utf8.Valid(p[2:])
}

func closePayloadError(p []byte) error {
	if len(p) >= 2 && validCloseCode(binary.BigEndian.Uint16(p)) {
		return errBadUTF8
	}
	return protocolError("bad close payload")
}

// validCloseCode reports whether a peer may send the code (RFC 6455, section 7.4, and IANA's registry).
func validCloseCode(c uint16) bool {
	switch {
	case c >= 3000 && c <= 4999:
		return true
	case c < 1000 || c > 1014:
		return false
	default:
		return c != 1004 && c != 1005 && c != 1006
	}
}

// unmask applies the mask in place, starting at pos within it, and returns the next position.
func unmask(p []byte, mask [4]byte, pos uint8) uint8 {
	for len(p) > 0 && pos != 0 {
		p[0] ^= mask[pos]
		pos = (pos + 1) & 3
		p = p[1:]
	}
	m32 := binary.LittleEndian.Uint32(mask[:])
	m64 := uint64(m32)<<32 | uint64(m32)
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^m64)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= mask[i&3]
	}
	return (pos + uint8(len(p))) & 3
}
