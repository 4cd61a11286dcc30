package engineio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// collector is a frameSink that writes down what it gets.
type collector struct{ got []string }

func (c *collector) onMessage(isBinary bool, data []byte) error {
	kind := "text"
	if isBinary {
		kind = "binary"
	}
	c.got = append(c.got, fmt.Sprintf("%s:%s", kind, data))
	return nil
}

func (c *collector) onControl(opcode byte, payload []byte) error {
	c.got = append(c.got, fmt.Sprintf("%x:%s", opcode, payload))
	return nil
}

// frame makes a masked client frame. first is its first byte.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), uint64(n))
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}

func frames(all ...[]byte) []byte { return bytes.Join(all, nil) }

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

const (
	fin  = finBit
	text = opText
	bin  = opBinary
	cont = opContinuation
)

// The cases follow the categories of the Autobahn test suite: 1 framing, 2 pings, 3 reserved bits, 4 opcodes, 5 fragmentation,
// 6 UTF-8, 7 closing, 9 limits.
var frameCases = []struct {
	name string
	in   []byte
	want []string
	code closeCode // of the error, 0 for none
}{
	{"1.1.1 empty text", frame(fin|text, ""), []string{"text:"}, 0},
	{"1.1.2 125 bytes", frame(fin|text, strings.Repeat("*", 125)), []string{"text:" + strings.Repeat("*", 125)}, 0},
	{"1.1.3 126 bytes", frame(fin|text, strings.Repeat("*", 126)), []string{"text:" + strings.Repeat("*", 126)}, 0},
	{"1.1.6 65535 bytes", frame(fin|text, strings.Repeat("*", 65535)), []string{"text:" + strings.Repeat("*", 65535)}, 0},
	{"1.1.7 65536 bytes", frame(fin|text, strings.Repeat("*", 65536)), []string{"text:" + strings.Repeat("*", 65536)}, 0},
	{"1.2.1 empty binary", frame(fin|bin, ""), []string{"binary:"}, 0},
	{"1.2.7 binary", frame(fin|bin, "\xff\xfe\x00"), []string{"binary:\xff\xfe\x00"}, 0},
	{"2.1 empty ping", frame(fin|opPing, ""), []string{"9:"}, 0},
	{"2.3 binary ping", frame(fin|opPing, "\x00\xff\xfe"), []string{"9:\x00\xff\xfe"}, 0},
	{"2.4 ping of 125", frame(fin|opPing, strings.Repeat("p", 125)), []string{"9:" + strings.Repeat("p", 125)}, 0},
	{"2.5 ping of 126", frame(fin|opPing, strings.Repeat("p", 126)), nil, closeProtocol},
	{"2.8 unsolicited pong", frame(fin|opPong, "x"), []string{"a:x"}, 0},
	{"2.10 ten pings", bytes.Repeat(frame(fin|opPing, "x"), 10), []string{"9:x", "9:x", "9:x", "9:x", "9:x", "9:x", "9:x", "9:x", "9:x", "9:x"}, 0},
	{"3.1 rsv3", frame(fin|0x10|text, "x"), nil, closeProtocol},
	{"3.2 rsv2 after a message", frames(frame(fin|text, "a"), frame(fin|0x20|text, "x")), []string{"text:a"}, closeProtocol},
	{"3.4 rsv1", frame(fin|0x40|text, "x"), nil, closeProtocol},
	{"3.6 rsv on a ping", frame(fin|0x60|opPing, "x"), nil, closeProtocol},
	{"3.7 rsv on a close", frame(fin|0x70|opClose, ""), nil, closeProtocol},
	{"4.1.1 opcode 3", frame(fin|3, ""), nil, closeProtocol},
	{"4.1.5 opcode 7", frame(fin|7, "x"), nil, closeProtocol},
	{"4.2.1 opcode 11", frame(fin|11, ""), nil, closeProtocol},
	{"4.2.5 opcode 15", frame(fin|15, "x"), nil, closeProtocol},
	{"5.1 fragmented ping", frames(frame(opPing, "a"), frame(fin|cont, "b")), nil, closeProtocol},
	{"5.3 two fragments", frames(frame(text, "a"), frame(fin|cont, "b")), []string{"text:ab"}, 0},
	{"5.6 ping between fragments", frames(frame(text, "a"), frame(fin|opPing, "p"), frame(fin|cont, "b")), []string{"9:p", "text:ab"}, 0},
	{"5.9 continuation of nothing", frame(fin|cont, "a"), nil, closeProtocol},
	{"5.10 continuation after a message", frames(frame(fin|text, "a"), frame(fin|cont, "b")), []string{"text:a"}, closeProtocol},
	{"5.12 unfinished continuation of nothing", frame(cont, "a"), nil, closeProtocol},
	{"5.15 message within a message", frames(frame(text, "a"), frame(fin|text, "b")), nil, closeProtocol},
	{"5.19 fragments and pings", frames(frame(text, "a"), frame(cont, "b"), frame(fin|opPing, "1"), frame(cont, "c"), frame(fin|opPing, "2"), frame(fin|cont, "d")),
		[]string{"9:1", "9:2", "text:abcd"}, 0},
	{"5.x empty fragments", frames(frame(text, ""), frame(cont, ""), frame(fin|cont, "")), []string{"text:"}, 0},
	{"6.1.3 empty around text", frames(frame(text, ""), frame(cont, "mid"), frame(fin|cont, "")), []string{"text:mid"}, 0},
	{"6.2.1 multi-byte", frame(fin|text, "Hello-µ@ßöäüàá-UTF-8!!"), []string{"text:Hello-µ@ßöäüàá-UTF-8!!"}, 0},
	{"6.2.3 a byte per fragment", byteFragments("κόσμε"), []string{"text:κόσμε"}, 0},
	{"6.3.1 invalid", frame(fin|text, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), nil, closeBadData},
	{"6.4.1 invalid in a later fragment", frames(frame(text, "κ"), frame(cont, "\xf4\x90\x80\x80"), frame(fin|cont, "x")), nil, closeBadData},
	{"6.6 truncated character", frame(fin|text, "κ\xe1\xbd"), nil, closeBadData},
	{"6.12 overlong slash", frame(fin|text, "\xc0\xaf"), nil, closeBadData},
	{"6.14 overlong nul", frame(fin|text, "\xe0\x80\x80"), nil, closeBadData},
	{"6.16 surrogate", frame(fin|text, "\xed\xa0\x80"), nil, closeBadData},
	{"6.22 noncharacter is fine", frame(fin|text, "\xef\xbf\xbf"), []string{"text:\xef\xbf\xbf"}, 0},
	{"7.3.1 empty close", frame(fin|opClose, ""), []string{"8:"}, 0},
	{"7.3.2 close of one byte", frame(fin|opClose, "a"), nil, closeProtocol},
	{"7.3.5 close with 123 bytes of reason", frame(fin|opClose, closePayload(1000, strings.Repeat("r", 123))), []string{"8:" + closePayload(1000, strings.Repeat("r", 123))}, 0},
	{"7.3.6 close too long", frame(fin|opClose, closePayload(1000, strings.Repeat("r", 124))), nil, closeProtocol},
	{"7.5.1 close reason not UTF-8", frame(fin|opClose, closePayload(1000, "\xce\xba\xe1\xbd\xb9\xed\xa0\x80")), nil, closeBadData},
	{"7.7 close 1011", frame(fin|opClose, closePayload(1011, "")), []string{"8:" + closePayload(1011, "")}, 0},
	{"7.7 close 3000", frame(fin|opClose, closePayload(3000, "")), []string{"8:" + closePayload(3000, "")}, 0},
	{"7.9 close 0", frame(fin|opClose, closePayload(0, "")), nil, closeProtocol},
	{"7.9 close 999", frame(fin|opClose, closePayload(999, "")), nil, closeProtocol},
	{"7.9 close 1004", frame(fin|opClose, closePayload(1004, "")), nil, closeProtocol},
	{"7.9 close 1005", frame(fin|opClose, closePayload(1005, "")), nil, closeProtocol},
	{"7.9 close 1006", frame(fin|opClose, closePayload(1006, "")), nil, closeProtocol},
	{"7.9 close 1016", frame(fin|opClose, closePayload(1016, "")), nil, closeProtocol},
	{"7.9 close 2999", frame(fin|opClose, closePayload(2999, "")), nil, closeProtocol},
	{"7.13 close 5000", frame(fin|opClose, closePayload(5000, "")), nil, closeProtocol},
	{"9 over the limit", frame(fin|bin, strings.Repeat("x", 70_001)), nil, closeTooBig},
	{"9 over the limit in fragments", frames(frame(bin, strings.Repeat("x", 60_000)), frame(fin|cont, strings.Repeat("x", 20_000))), nil, closeTooBig},
	{"too many fragments", bytes.Repeat(frame(cont, ""), 2000), nil, closeProtocol},
	{"fragments without end", frames(frame(text, ""), bytes.Repeat(frame(cont, ""), 2000)), nil, closePolicy},
	{"unmasked", []byte{fin | text, 1, 'x'}, nil, closeProtocol},
	{"negative length", append([]byte{fin | bin, maskBit | 127}, bytes.Repeat([]byte{0xff}, 12)...), nil, closeProtocol},
	{"huge length", append([]byte{fin | bin, maskBit | 127, 0x7f}, bytes.Repeat([]byte{0xff}, 11)...), nil, closeTooBig},
}

func byteFragments(s string) []byte {
	out := frame(text, "")
	for i := range len(s) {
		out = append(out, frame(cont, s[i:i+1])...)
	}
	return append(out, frame(fin|cont, "")...)
}

var testLimits = frameLimits{maxPayload: 70_000, maxFragments: 100}

// feedPieces feeds in pieces of a size, which the reader may overwrite.
func feedPieces(in []byte, size int) ([]string, error) {
	var f frameReader
	var c collector
	in = bytes.Clone(in)
	for len(in) > 0 {
		n := min(size, len(in))
		if err := f.feed(in[:n:n], &testLimits, &c); err != nil {
			return c.got, err
		}
		in = in[n:]
	}
	return c.got, nil
}

func TestFrames(t *testing.T) {
	for _, tc := range frameCases {
		for _, size := range []int{1 << 20, 1, 2, 7, 100} {
			t.Run(fmt.Sprintf("%s/pieces of %d", tc.name, size), func(t *testing.T) {
				got, err := feedPieces(tc.in, size)
				var fe *frameError
				switch {
				case tc.code == 0 && err != nil:
					t.Fatalf("error %v", err)
				case tc.code != 0 && (!errors.As(err, &fe) || fe.status != tc.code):
					t.Fatalf("error %v, want close code %d", err, tc.code)
				}
				if fmt.Sprint(got) != fmt.Sprint(tc.want) {
					t.Fatalf("got %.200q, want %.200q", got, tc.want)
				}
			})
		}
	}
}

// Bad text is refused at the byte that makes it bad, not when the frame is complete.
func TestUTF8FailsFast(t *testing.T) {
	var f frameReader
	in := frame(fin|text, "κόσμε\xf4\x90"+strings.Repeat("x", 1000))
	err := f.feed(in[:6+2+len("κόσμε")+2], &testLimits, &collector{})
	if !errors.Is(err, errBadUTF8) {
		t.Fatalf("got %v before the frame's end", err)
	}
}

// A header that promises much makes the reader allocate nothing before the bytes come.
func TestPromisedLengthAllocatesNothing(t *testing.T) {
	head := frame(fin|bin, strings.Repeat("x", 69_999))[:14]
	allocated := testing.AllocsPerRun(100, func() {
		var f frameReader
		if err := f.feed(bytes.Clone(head), &testLimits, &collector{}); err != nil {
			t.Fatal(err)
		}
		if cap(f.part) > 64 {
			t.Fatalf("%d bytes held for 0 received", cap(f.part))
		}
	})
	if allocated > 6 {
		t.Fatalf("%v allocations", allocated)
	}
}

// However the bytes are cut, the messages are the same.
func FuzzFrames(f *testing.F) {
	for _, tc := range frameCases {
		if len(tc.in) < 4096 {
			f.Add(tc.in, 3)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		whole, wholeErr := feedPieces(in, len(in)+1)
		cut, cutErr := feedPieces(in, 1+max(0, size)%64)
		if fmt.Sprint(whole) != fmt.Sprint(cut) || (wholeErr == nil) != (cutErr == nil) {
			t.Fatalf("whole: %q %v\ncut: %q %v", whole, wholeErr, cut, cutErr)
		}
	})
}

func TestUTF8CheckAgreesWithTheLibrary(t *testing.T) {
	for _, s := range []string{"", "a", "é", "€", "😀", "\xff", "\xc3", "a\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "x😀y€z"} {
		for cut := range len(s) + 1 {
			var c utf8Check
			got := c.write([]byte(s[:cut])) && c.write([]byte(s[cut:])) && c.complete()
			if got != validText(s) {
				t.Errorf("%q cut at %d: %v", s, cut, got)
			}
		}
	}
}

func validText(s string) bool { return strings.ToValidUTF8(s, "") == s }
