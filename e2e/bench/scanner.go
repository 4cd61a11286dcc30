package main

import "encoding/binary"

// headBytes is how much of a frame's payload is looked at.
const headBytes = 160

// scanner finds the frames in a server's bytes, wherever they are cut.
type scanner struct {
	skip int    // payload bytes of the current frame that are still to come
	rest []byte // the beginning of a frame that is not complete enough to be shown
}

// scan calls frame with the beginning of each frame's payload.
func (s *scanner) scan(b []byte, frame func(head []byte)) {
	if len(s.rest) > 0 {
		b = append(s.rest, b...)
		s.rest = nil
	}
	for len(b) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(b))
			s.skip -= n
			b = b[n:]
			continue
		}
		header, length := frameSize(b)
		if header == 0 || len(b) < header+min(length, headBytes) {
			s.rest = append([]byte(nil), b...)
			return
		}
		frame(b[header : header+min(length, headBytes)])
		b = b[header:]
		s.skip = length
	}
}

// frameSize returns the sizes of a frame's header and payload, 0 when the header is not complete.
func frameSize(b []byte) (header, length int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch n := int(b[1] & 0x7f); {
	case n < 126:
		return 2, n
	case n == 126 && len(b) >= 4:
		return 4, int(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		return 10, int(binary.BigEndian.Uint64(b[2:]))
	}
	return 0, 0
}
