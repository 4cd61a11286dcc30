package engineio

import (
	"bytes"
	"fmt"
	"testing"
)

func decodeAll(each func([]byte, func(incoming) bool) error, in []byte) ([]string, error) {
	var got []string
	err := each(in, func(p incoming) bool {
		got = append(got, fmt.Sprintf("%c %v %q", p.kind, p.binary, p.data))
		return true
	})
	return got, err
}

func TestPayload(t *testing.T) {
	msgs := []*Message{NewMessage(false, []byte("hello €")), NewMessage(true, []byte{1, 2, 3, 4}), pingPacket}
	payload := appendPayload(nil, msgs)
	if want := "4hello €\x1ebAQIDBA==\x1e2"; string(payload) != want {
		t.Fatalf("got %q, want %q", payload, want)
	}
	got, err := decodeAll(eachPacket, payload)
	want := []string{`4 false "hello €"`, `4 true "\x01\x02\x03\x04"`, `2 false ""`}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestPayloadV3(t *testing.T) {
	msgs := []*Message{NewMessage(false, []byte("€😀")), NewMessage(true, []byte{1, 2, 3, 4})}
	textual := appendPayloadV3(nil, msgs)
	if want := "4:4€😀10:b4AQIDBA=="; string(textual) != want {
		t.Fatalf("got %q, want %q", textual, want)
	}
	want := []string{`4 false "€😀"`, `4 true "\x01\x02\x03\x04"`}
	if got, err := decodeAll(eachPacketV3, textual); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("text: %v, %v", got, err)
	}
	if got, err := decodeAll(eachBinaryPacketV3, appendBinaryPayloadV3(nil, msgs)); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("binary: %v, %v", got, err)
	}
}

func TestMalformedPayloads(t *testing.T) {
	for _, in := range []string{"", "abc", "7", "b!!!", "4a\x1e", "\x1e4a", "4a\x1e\x1e4b"} {
		if got, err := decodeAll(eachPacket, []byte(in)); err == nil {
			t.Errorf("%q: accepted as %v", in, got)
		}
	}
	for _, in := range []string{"", "1", "x:4a", "9:4a", ":", "0:", "-1:4", "99999999999999999999:4"} {
		if got, err := decodeAll(eachPacketV3, []byte(in)); err == nil {
			t.Errorf("v3 %q: accepted as %v", in, got)
		}
	}
	if _, err := decodeAll(eachPacket, bytes.Repeat([]byte("6\x1e"), maxPayloadPackets+1)); err == nil {
		t.Error("a payload of separators was accepted")
	}
}

func FuzzPayloads(f *testing.F) {
	f.Add([]byte("4hello\x1ebAQID\x1e2"))
	f.Add([]byte("6:4hello10:b4AQIDBA=="))
	f.Add([]byte{0, 6, 0xff, '4', 'h', 'e', 'l', 'l', 'o', 1, 2, 0xff, 4, 9})
	f.Fuzz(func(_ *testing.T, in []byte) {
		_, _ = decodeAll(eachPacket, in)
		_, _ = decodeAll(eachPacketV3, in)
		_, _ = decodeAll(eachBinaryPacketV3, in)
	})
}
