package engineio

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

type streamed struct {
	binary bool
	data   string
}

// cut feeds a stream in the given pieces, and returns what came out of it.
func cut(maxPayload uint64, pieces ...[]byte) (got []streamed, err error) {
	r := streamReader{limits: streamLimits{maxPayload: maxPayload}}
	for _, p := range pieces {
		err = r.feed(slices.Clone(p), func(isBinary bool, data []byte) error {
			got = append(got, streamed{isBinary, string(data)})
			return nil
		})
		if err != nil {
			break
		}
	}
	return got, err
}

// The frames of engine.io-parser's createPacketEncoderStream.
func TestStreamFramesAreThoseOfTheOfficialParser(t *testing.T) {
	for _, c := range []struct {
		m      *Message
		header string
	}{
		{newPacket(PacketPing, ""), "\x01"},
		{NewMessage(false, []byte("hello")), "\x06"},
		{NewMessage(true, []byte{1, 2, 3}), "\x83"},
		{NewMessage(false, make([]byte, 124)), "\x7d"},
		{NewMessage(false, make([]byte, 125)), "\x7e\x00\x7e"},
		{NewMessage(true, make([]byte, 126)), "\xfe\x00\x7e"},
		{NewMessage(true, make([]byte, 65535)), "\xfe\xff\xff"},
		{NewMessage(false, make([]byte, 65535)), "\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
		{NewMessage(true, make([]byte, 65536)), "\xff\x00\x00\x00\x00\x00\x01\x00\x00"},
	} {
		for range 2 { // the second time it is kept
			got := c.m.streamFrame()
			if want := append([]byte(c.header), c.m.packet()...); !bytes.Equal(got, want) {
				t.Errorf("%d bytes: % .20x, want % .20x", c.m.Len(), got, want)
			}
		}
		if frame := c.m.frame(); frame[0] != finBit|opText && frame[0] != finBit|opBinary || c.m.binary && frame[1]&0x80 != 0 {
			t.Errorf("%d bytes: the WebSocket frame was changed: % .10x", c.m.Len(), frame)
		}
	}
}

func TestStreamsAreCutWhereverTheirBytesAre(t *testing.T) {
	var stream []byte
	var want []streamed
	for _, n := range []int{1, 124, 125, 126, 300, 65535, 65536} {
		m := NewMessage(n%2 == 0, bytes.Repeat([]byte{'x'}, n))
		stream = append(stream, m.streamFrame()...)
		want = append(want, streamed{m.binary, string(m.packet())})
	}
	for range 50 {
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(1+rand.IntN(70_000)))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		if got, err := cut(1e6, pieces...); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d pieces: %d packets, %v", len(pieces), len(got), err)
		}
	}
}

func TestStreamsRefuseASizeBeforeTheyTakeItIn(t *testing.T) {
	for _, c := range []struct {
		header string
		reason Reason
	}{
		{"\x00", ReasonParseError}, {"\x80", ReasonParseError}, {"\x7e\x00\x00", ReasonParseError},
		{"\x7f\x00\x00\x00\x00\x00\x00\x00\x00", ReasonParseError},
		{"\x65", ReasonPayloadTooLarge}, {"\x7e\x00\x65", ReasonPayloadTooLarge}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", ReasonPayloadTooLarge},
	} {
		var fe *frameError
		if _, err := cut(100, []byte(c.header)); !errors.As(err, &fe) || fe.reason != c.reason {
			t.Errorf("% x: %v, want %s", c.header, err, c.reason)
		}
	}
	if got, err := cut(100, append([]byte{100}, strings.Repeat("4", 100)...)); err != nil || len(got) != 1 {
		t.Errorf("the largest packet: %d, %v", len(got), err)
	}
}

// However a stream is cut, the same comes out of it, and what comes out goes in again.
func FuzzStreams(f *testing.F) {
	f.Add([]byte("\x014\x83\x01\x02\x03\x7e\x00\x014"), uint8(1))
	f.Add([]byte("\x7f\x00\x00\x00\x00\x00\x00\x00\x044abc\x00"), uint8(5))
	f.Fuzz(func(t *testing.T, stream []byte, at uint8) {
		whole, err := cut(1000, stream)
		n := min(int(at), len(stream))
		split, splitErr := cut(1000, stream[:n], stream[n:])
		if !slices.Equal(whole, split) || (err == nil) != (splitErr == nil) {
			t.Fatalf("cut at %d: %d packets, %v; whole: %d, %v", n, len(split), splitErr, len(whole), err)
		}
		for _, p := range whole {
			b := MessageBuilder{buf: append(make([]byte, frameHeadroom), p.data...), binary: p.binary}
			again, err := cut(1000, b.Message().streamFrame())
			if err != nil || len(again) != 1 || again[0] != p {
				t.Fatalf("%+v came back as %+v, %v", p, again, err)
			}
		}
	})
}
