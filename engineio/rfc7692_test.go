package engineio

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// deflateSizes are the messages of each group: their size, and that of the fragments they are sent in, 0 for one frame.
var deflateSizes = [18][2]int{
	{16}, {64}, {256}, {1024}, {4096}, {8192}, {16384}, {32768}, {65536}, {131072},
	{8192, 256}, {16384, 256}, {32768, 256}, {65536, 256}, {131072, 256}, {131072, 1024}, {131072, 4096}, {131072, 32768},
}

// deflateGroups are sections 12, which differ in what is sent, and 13, which differ in what the client offers. compressed is what
// must come of it: a server that cannot keep to a smaller window declines, and the conversation goes on without.
var deflateGroups = []struct {
	id         string
	isBinary   bool
	data       func() string
	offer      string
	compressed bool
}{
	{"12.1", false, jsonText, "permessage-deflate; client_max_window_bits", true},
	{"12.2", true, bitmap, "permessage-deflate; client_max_window_bits", true},
	{"12.3", false, germanText, "permessage-deflate; client_max_window_bits", true},
	{"12.4", false, englishText, "permessage-deflate; client_max_window_bits", true},
	{"12.5", false, chineseText, "permessage-deflate; client_max_window_bits", true},
	{"13.1", false, jsonText, "permessage-deflate", true},
	{"13.2", false, jsonText, "permessage-deflate; server_no_context_takeover", true},
	{"13.3", false, jsonText, "permessage-deflate; server_max_window_bits=9", false},
	{"13.4", false, jsonText, "permessage-deflate; server_max_window_bits=15", true},
	{"13.5", false, jsonText, "permessage-deflate; server_no_context_takeover; server_max_window_bits=9", false},
	{"13.6", false, jsonText, "permessage-deflate; server_no_context_takeover; server_max_window_bits=15", true},
	{"13.7", false, jsonText, "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate", true},
}

func repeated(pattern string) string { return strings.Repeat(pattern, 300_000/len(pattern)) }

func jsonText() string {
	var b strings.Builder
	for i := 0; b.Len() < 300_000; i++ {
		fmt.Fprintf(&b, `{"id":%d,"name":"user-%x","tags":["a","b%d"],"active":%v},`, i, i*7919, i%13, i%3 == 0)
	}
	return b.String()
}

func bitmap() string {
	var b strings.Builder
	for i := range 100_000 {
		b.Write([]byte{byte(i >> 8), byte(i >> 6), byte(i * i >> 20)})
	}
	return b.String()
}

func germanText() string {
	return repeated("Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch. ")
}

func englishText() string {
	return repeated("Shall I compare thee to a summer's day? Thou art more lovely and more temperate. ")
}
func chineseText() string {
	return repeated("床前明月光,疑是地上霜。舉頭望明月,低頭思故鄉。")
}

// excerpt is size bytes of data from a place, filled up where a character would be cut.
func excerpt(data string, at, size int, isBinary bool) string {
	at %= len(data) - size
	s := data[at : at+size]
	if isBinary {
		return s
	}
	s = strings.ToValidUTF8(s, "")
	return s + strings.Repeat("#", size-len(s))
}

// packed is a message as RFC 7692 puts it on the wire.
func packed(opcode byte, payload string, size int) []byte {
	var b bytes.Buffer
	w := flateWriters.Get().(*flate.Writer)
	w.Reset(&b)
	_, _ = io.WriteString(w, payload)
	_ = w.Flush()
	flateWriters.Put(w)
	data := strings.TrimSuffix(b.String(), deflateTail)
	if size == 0 {
		return frame(fin|rsv1Bit|opcode, data)
	}
	out := fragmented(opcode, data, size)
	out[0] |= rsv1Bit
	return out
}

// unpacked is a frame that read has returned, decompressed.
func unpacked(got string) string {
	kind, data, isPacked := strings.Cut(got, "c:")
	if !isPacked || len(kind) != 1 {
		return got
	}
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(strings.NewReader(data), strings.NewReader(deflateTail+"\x01\x00\x00\xff\xff"))))
	if err != nil {
		return err.Error()
	}
	return kind + ":" + string(out)
}

// What RFC 7692 asks of a server that negotiates compression, over a real connection: the cases of sections 12 and 13.
func TestRFC7692(t *testing.T) {
	f := newFixture(t, Options{
		MaxPayload: mib, MaxFragments: 1 << 20, MaxQueueBytes: 16 * mib, PingInterval: time.Hour, PerMessageDeflate: &Compression{Threshold: 64},
	})
	f.ended = make(chan Reason, 10_000)
	rounds := func(size int) int {
		switch {
		case *everyRound:
			return 1000
		case size > 20_000:
			return 2
		}
		return 10
	}
	cases := 0
	for _, g := range deflateGroups {
		data := g.data()
		for i, size := range deflateSizes {
			cases++
			t.Run(fmt.Sprintf("%s.%d", g.id, i+1), func(t *testing.T) {
				p := dialPeer(t, f, g.offer)
				if (p.extension == deflateResponse) != g.compressed || p.extension != "" && p.extension != deflateResponse {
					t.Fatalf("agreed to %q", p.extension)
				}
				shrunk := 0
				for round := range rounds(size[0]) {
					opcode, want := byte(text), "1:4"
					if g.isBinary {
						opcode, want = bin, "2:"
					}
					want += excerpt(data, round*997, size[0], g.isBinary)
					sent := frame(fin|opcode, want[2:])
					if g.compressed {
						sent = packed(opcode, want[2:], size[1])
					} else if size[1] > 0 {
						sent = fragmented(opcode, want[2:], size[1])
					}
					p.write(sent, 0)
					got := p.read()
					if got[1] == 'c' {
						shrunk++
					}
					if unpacked(got) != want {
						t.Fatalf("round %d: %.80q, want %.80q", round, got, want)
					}
				}
				if g.compressed && size[0] >= 1024 && shrunk == 0 || !g.compressed && shrunk > 0 {
					t.Fatalf("%d answers were compressed", shrunk)
				}
			})
		}
	}
	if cases != 216 {
		t.Errorf("%d cases, there are 216", cases)
	}
}

// What a client may not do when compression was agreed to.
func TestRFC7692Violations(t *testing.T) {
	f := newFixture(t, Options{PingInterval: time.Hour, PerMessageDeflate: &Compression{Threshold: 64}})
	hello := packed(text, "4hello", 0)
	bomb := packed(bin, strings.Repeat("\x00", 2_000_000), 0)
	secondFragment := frames(frame(text|rsv1Bit, "x"), frame(cont|fin|rsv1Bit, "y"))
	for _, tc := range []struct {
		name, closing string
		send          []byte
	}{
		{"reserved bit 1 on a continuation", protocolClose, secondFragment},
		{"reserved bit 1 on a ping", protocolClose, frame(fin|rsv1Bit|opPing, "")},
		{"reserved bit 2 on a compressed message", protocolClose, append([]byte{hello[0] | 0x20}, hello[1:]...)},
		{"what is no deflate stream", badDataClose, frame(fin|rsv1Bit|text, "\xff\xff\xff\xff")},
		{"text that is not UTF-8 when it is decompressed", badDataClose, packed(text, "4\xff\xfe", 0)},
		{"a message that grows beyond the limit", "\x03\xf1", bomb},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := dialPeer(t, f, "permessage-deflate")
			p.write(tc.send, 0)
			if got := p.read(); got != "8:"+tc.closing {
				t.Fatalf("%.80q, want a close with %x", got, tc.closing)
			}
		})
	}
}

// Offers that a server may not accept (RFC 7692, section 7): unknown parameters, ones twice, values where none belong.
func TestRFC7692Offers(t *testing.T) {
	f := newFixture(t, Options{PingInterval: time.Hour, PerMessageDeflate: &Compression{}})
	for offer, accepted := range map[string]bool{
		"permessage-deflate; unknown": false, "permessage-deflate; server_no_context_takeover; server_no_context_takeover": false,
		"permessage-deflate; client_no_context_takeover=1": false, "permessage-deflate; server_max_window_bits=7": false,
		"permessage-deflate; server_max_window_bits": false, "x-webkit-deflate-frame": false, "permessage-deflate; client_max_window_bits=3": false,
		`permessage-deflate; server_max_window_bits="15"`: true, "permessage-bzip, permessage-deflate;client_max_window_bits=12": true,
		"permessage-deflate; ; ;": true, strings.Repeat("permessage-deflate; server_max_window_bits=8, ", 100) + "permessage-deflate": true,
	} {
		p := dialPeer(t, f, offer)
		if got := p.extension != ""; got != accepted {
			t.Errorf("%.80q: accepted %v", offer, got)
		}
		_ = p.Close()
	}
}
