package socketio

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestPacketsRoundTrip(t *testing.T) {
	for _, p := range []Packet{
		{Type: PacketConnect, Namespace: "/"},
		{Type: PacketConnect, Namespace: "/admin", Data: []byte(`{"token":"123"}`)},
		{Type: PacketDisconnect, Namespace: "/woot"},
		{Type: PacketEvent, Namespace: "/", Data: []byte(`["a",1,{}]`)},
		{Type: PacketEvent, Namespace: "/test", HasID: true, ID: 1, Data: []byte(`["a",1,{}]`)},
		{Type: PacketAck, Namespace: "/", HasID: true, ID: 123, Data: []byte(`["a"]`)},
		{Type: PacketConnectError, Namespace: "/", Data: []byte(`{"message":"no"}`)},
		{Type: PacketEvent, Namespace: "/", Data: []byte(`["a",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1, 2}}},
		{Type: PacketAck, Namespace: "/cool", HasID: true, ID: 0, Data: []byte(`[{"x":{"_placeholder":true,"num":1},"y":{"_placeholder":true,"num":0}}]`),
			Attachments: [][]byte{[]byte("one"), []byte("two")}},
	} {
		for _, parser := range []Parser{JSONParser{}, MsgpackParser{}} {
			d := parser.NewDecoder()
			var got *Packet
			for _, m := range parser.Encode(&p) {
				if got != nil {
					t.Fatal("complete before its last message")
				}
				var err error
				if got, err = d.Add(m.Binary(), m.Data()); err != nil {
					t.Fatalf("%T %+v: %v", parser, p, err)
				}
			}
			if show(got) != show(&p) {
				t.Errorf("%T: got %s, want %s", parser, show(got), show(&p))
			}
		}
	}
}

// show writes a packet with its placeholders resolved: their numbers are the encoding's affair.
func show(p *Packet) string {
	data := string(p.Data)
	for i, a := range p.Attachments {
		data = strings.Replace(data, fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i), fmt.Sprintf("<%x>", a), 1)
	}
	return fmt.Sprintf("%d %s %v %d %s", p.Type, p.Namespace, p.HasID, p.ID, data)
}

// Each of these ends the connection that sent it, as in Node; some ended the whole server once.
var malformedPackets = []string{
	"", "7", "x", "2", "2{}", "2\"a\"", "2[", "2[]x", "2[true]", "2[null]", `2[{"toString":"foo"}]`, `2[[]]`, `2["connect"]`, `2["disconnect","x"]`,
	`2["newListener"]`, "5", "5-", "5x-[]", "50-[\"a\"]", "51[\"a\"]", "511-[\"a\"]", "5999999999999-[\"a\"]", "0[]", "0\"x\"", "1{}", "4", "4[]", "3{}", "3",
	"299999999999999999999[\"a\"]", "2-1[\"a\"]", `2["a"`, `2["a",]`, "6", "6-[]", "2/nsp", "2/nsp,", `2["error\`, "5-1-[\"a\"]",
}

// reject reports whether a text packet is refused, by the decoder or when its elements are cut out.
func reject(text string) bool {
	p, wanted, err := decodeText([]byte(text))
	if err != nil {
		return true
	}
	return wanted == 0 && p.Check() != nil
}

func TestMalformedPackets(t *testing.T) {
	for _, text := range malformedPackets {
		if !reject(text) {
			t.Errorf("%q was accepted", text)
		}
	}
	for _, text := range []string{`2["error"]`, `2["__proto__",1]`, `2[1,2]`, `2["a"]`, `0`, `0{}`, `1`, `2/n,5["a"]`, `3["a"]`, `3[]`} {
		if reject(text) {
			t.Errorf("%q was refused", text)
		}
	}
}

func TestPlaceholdersMustFit(t *testing.T) {
	for _, num := range []string{`"splice"`, "-1", "1", "1e9", "0.5", "null", `"0"`, "[]"} {
		d := &jsonDecoder{}
		if p, err := d.Add(false, fmt.Appendf(nil, `51-["a",{"_placeholder":true,"num":%s}]`, num)); err == nil {
			t.Errorf("num %s was accepted: %+v", num, p)
		}
	}
	d := &jsonDecoder{}
	if _, err := d.Add(true, []byte{1}); err == nil {
		t.Error("an attachment of nothing was accepted")
	}
	if _, err := d.Add(false, []byte(`51-["a",{"_placeholder":true,"num":0}]`)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(false, []byte(`2["b"]`)); err == nil {
		t.Error("a text packet instead of the attachment was accepted")
	}
}

// The parser of Socket.IO 2.x sends what concerns namespaces as JSON, and only that.
func TestTextForTheMsgpackParser(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":0,"nsp":"/foo?x=1"}`:            "0 /foo?x=1 false 0 ",
		"{\"nsp\":\"/\",\"type\":1}\n":           "1 / false 0 ",
		`{"nsp":"/"}`:                            "",
		`{"type":0}`:                             "",
		`{"type":2,"nsp":"/","data":["x"]}`:      "",
		`{"type":256,"nsp":"/"}`:                 "",
		`{"type":"0","nsp":"/"}`:                 "",
		`{"type":0,"nsp":"/"}{}`:                 "",
		`[0,"/"]`:                                "",
		`null`:                                   "",
		``:                                       "",
		`0`:                                      "",
		`{"x":` + strings.Repeat("[", 5000):      "",
		`{"type":0,"nsp":{"toString":"/admin"}}`: "",
	} {
		p, err := MsgpackParser{}.NewDecoder().Add(false, []byte(text))
		switch {
		case want == "" && err == nil:
			t.Errorf("%.40q was taken for %s", text, show(p))
		case want != "" && (err != nil || show(p) != want):
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzPackets(f *testing.F) {
	for _, s := range malformedPackets {
		f.Add([]byte(s), []byte{1})
	}
	f.Add([]byte(`52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`), []byte{1})
	f.Fuzz(func(t *testing.T, textual, binary []byte) {
		d := JSONParser{}.NewDecoder()
		p, err := d.Add(false, textual)
		for i := 0; err == nil && p == nil && i < maxAttachments; i++ {
			p, err = d.Add(true, binary)
		}
		if err == nil && p != nil && (p.Type == PacketEvent || p.Type == PacketAck) {
			e := &Event{attachments: p.Attachments}
			if e.args, err = splitArray(nil, p.Data); err == nil {
				var v any
				_ = e.Bind(&v)
			}
		}
		if p, err := decodeControlJSON(textual); err == nil && (p.Type > PacketDisconnect || p.Namespace == "") {
			t.Fatalf("%q became %s", textual, show(p))
		}
		if p, err := DecodeMsgpackPacket(binary); err == nil {
			if again, err := DecodeMsgpackPacket(AppendMsgpackPacket(nil, p)); err != nil || show(again) != show(p) {
				t.Fatalf("%s became %v, %v", show(p), again, err)
			}
		}
	})
}

func TestBinaryValues(t *testing.T) {
	type file struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	in := []any{file{"a.txt", []byte("aaa")}, map[string]any{"deep": []any{[]byte("bbb")}}, []byte("ccc")}
	data, attachments, err := appendArgs(nil, "upload", in)
	if err != nil || len(attachments) != 3 {
		t.Fatalf("%s, %d attachments, %v", data, len(attachments), err)
	}
	elements, err := splitArray(nil, data)
	if err != nil {
		t.Fatal(err)
	}
	e := &Event{args: elements[1:], attachments: attachments}
	var f file
	var deep struct{ Deep [][]byte }
	var last []byte
	if err := e.Bind(&f, &deep, &last); err != nil {
		t.Fatal(err)
	}
	if f.Name != "a.txt" || string(f.Data) != "aaa" || string(deep.Deep[0]) != "bbb" || string(last) != "ccc" {
		t.Fatalf("%+v %q %q", f, deep, last)
	}
	var loose any
	if err := e.Bind(&loose, &loose); err != nil {
		t.Fatal(err)
	}
	if got := loose.(map[string]any)["deep"].([]any)[0].([]byte); !bytes.Equal(got, []byte("bbb")) {
		t.Fatalf("%q", got)
	}
}
