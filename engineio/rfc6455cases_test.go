package engineio

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// wsCase is one conversation of a WebSocket client with the server, which echoes every message. A text message is an Engine.IO
// packet here: its type, 4, stands before what a case says. The numbers are those of the Autobahn test suite's cases, so that the
// two can be compared.
type wsCase struct {
	id      string
	what    string
	send    []byte
	chop    int      // bytes of one write, 0 for all at once
	want    []string // frames that come back, as opcode:payload
	closing string   // payload of the close frame that comes back; "" with open for none
	open    bool     // the connection is still in use at the end: the client closes it with 1000
	rounds  int      // how often the case is repeated on its connection, 0 for once
}

const (
	protocolClose = "\x03\xea" // 1002
	badDataClose  = "\x03\xef" // 1007
	normalClose   = "\x03\xe8" // 1000
)

func textFrame(s string) []byte { return frame(fin|text, "4"+s) }
func binFrame(s string) []byte  { return frame(fin|bin, s) }
func echoed(s string) string    { return "1:4" + s }

// echo is a case in which the server does as it is told.
func echoCase(id, what string, send []byte, want ...string) wsCase {
	return wsCase{id: id, what: what, send: send, want: want, open: true}
}

// failCase is one in which the server must end the connection with a status.
func failCase(id, what, closing string, send []byte, want ...string) wsCase {
	return wsCase{id: id, what: what, send: send, want: want, closing: closing}
}

// fragmented cuts a message into frames of a size.
func fragmented(opcode byte, payload string, size int) []byte {
	var out []byte
	for first := opcode; ; first = cont {
		n := min(size, len(payload))
		head := first
		if n == len(payload) {
			head |= fin
		}
		out = append(out, frame(head, payload[:n])...)
		if payload = payload[n:]; payload == "" {
			return out
		}
	}
}

// rfc6455Cases are sections 1 to 7, 9 and 10.
func rfc6455Cases() []wsCase {
	var all []wsCase
	for _, section := range []func() []wsCase{
		framingCases, pingCases, reservedCases, opcodeCases, fragmentationCases, utf8Cases, closingCases, limitCases,
	} {
		all = append(all, section()...)
	}
	auto := strings.Repeat("*", 65536)
	return append(all, echoCase("10.1.1", "65536 bytes in frames of 1300", fragmented(text, "4"+auto, 1300), echoed(auto)))
}

func framingCases() []wsCase {
	var out []wsCase
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
		star, raw := strings.Repeat("*", size), strings.Repeat("\xfe", size)
		textCase := echoCase(fmt.Sprintf("1.1.%d", i+1), fmt.Sprintf("text of %d", size), textFrame(star), echoed(star))
		binCase := echoCase(fmt.Sprintf("1.2.%d", i+1), fmt.Sprintf("binary of %d", size), binFrame(raw), "2:"+raw)
		if i == 7 {
			textCase.chop, binCase.chop = 997, 997
		}
		out = append(out, textCase, binCase)
	}
	return out
}

func pingCases() []wsCase {
	const raw = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	ping := func(p string) []byte { return frame(fin|opPing, p) }
	pong := func(p string) []byte { return frame(fin|opPong, p) }
	long := strings.Repeat("\xfe", 125)
	var ten []byte
	var answers []string
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		ten = append(ten, ping(payload)...)
		answers = append(answers, "a:"+payload)
	}
	cases := []wsCase{
		echoCase("2.1", "an empty ping", ping(""), "a:"),
		echoCase("2.2", "a ping with text", ping("Hello, world!"), "a:Hello, world!"),
		echoCase("2.3", "a ping with bytes", ping(raw), "a:"+raw),
		echoCase("2.4", "a ping of 125", ping(long), "a:"+long),
		failCase("2.5", "a ping of 126", protocolClose, ping(long+"x")),
		echoCase("2.6", "a ping of 125 byte by byte", ping(long), "a:"+long),
		echoCase("2.7", "a pong that nobody asked for", pong("")),
		echoCase("2.8", "a pong with a payload", pong("unsolicited")),
		echoCase("2.9", "a pong, then a ping", frames(pong("unsolicited"), ping("ping")), "a:ping"),
		echoCase("2.10", "ten pings", ten, answers...),
		echoCase("2.11", "ten pings byte by byte", ten, answers...),
	}
	cases[5].chop, cases[10].chop = 1, 1
	return cases
}

func reservedCases() []wsCase {
	const hello = "Hello, world!"
	ping := frame(fin|opPing, "")
	cases := []wsCase{
		failCase("3.1", "reserved bit 3", protocolClose, frame(fin|0x10|text, "4"+hello)),
		failCase("3.2", "reserved bit 2 after a message", protocolClose, frames(textFrame(hello), frame(fin|0x20|text, "4"+hello), ping), echoed(hello)),
		failCase("3.3", "reserved bits 2 and 3 after a message", protocolClose, frames(textFrame(hello), frame(fin|0x30|text, "4"+hello), ping), echoed(hello)),
		failCase("3.4", "reserved bit 1, byte by byte", protocolClose, frames(textFrame(hello), frame(fin|0x40|text, "4"+hello), ping), echoed(hello)),
		failCase("3.5", "reserved bits 1 and 3 on binary", protocolClose, frame(fin|0x50|bin, "\x00\xff\xfe\xfd")),
		failCase("3.6", "reserved bits 1 and 2 on a ping", protocolClose, frame(fin|0x60|opPing, hello)),
		failCase("3.7", "all reserved bits on a close", protocolClose, frame(fin|0x70|opClose, "")),
	}
	cases[3].chop = 1
	return cases
}

func opcodeCases() []wsCase {
	const hello = "Hello, world!"
	var out []wsCase
	for i := range 5 {
		op, n := byte(3+i), fmt.Sprint(i+1)
		lead := frames(textFrame(hello))
		var want []string
		if i < 2 { // the first two have nothing before
			lead = nil
		} else {
			want = []string{echoed(hello)}
		}
		payload := ""
		if i%2 == 1 {
			payload = "reserved opcode payload"
		}
		low := failCase("4.1."+n, fmt.Sprintf("opcode %d", op), protocolClose, frames(lead, frame(fin|op, payload), frame(fin|opPing, "")), want...)
		high := failCase("4.2."+n, fmt.Sprintf("opcode %d", op+8), protocolClose, frames(lead, frame(fin|(op+8), payload), frame(fin|opPing, "")), want...)
		if i == 4 {
			low.chop, high.chop = 1, 1
		}
		out = append(out, low, high)
	}
	return out
}

func fragmentationCases() []wsCase {
	a, b := "fragment1", "fragment2"
	first, last := frame(text, "4"+a), frame(fin|cont, b)
	ping := frame(fin|opPing, "ping payload")
	pong := "a:ping payload"
	whole := echoed(a + b)
	five := frames(frame(text, "4fragment1"), frame(cont, "fragment2"), frame(fin|opPing, "pongme 1!"), frame(cont, "fragment3"), frame(cont, "fragment4"),
		frame(fin|opPing, "pongme 2!"), frame(fin|cont, "fragment5"))
	fiveBack := []string{"a:pongme 1!", "a:pongme 2!", echoed("fragment1fragment2fragment3fragment4fragment5")}
	cases := []wsCase{
		failCase("5.1", "a ping in two fragments", protocolClose, frames(frame(opPing, a), frame(fin|cont, b))),
		failCase("5.2", "a pong in two fragments", protocolClose, frames(frame(opPong, a), frame(fin|cont, b))),
		echoCase("5.3", "text in two fragments", frames(first, last), whole),
		echoCase("5.4", "text in two fragments, one write each", frames(first, last), whole),
		echoCase("5.5", "text in two fragments byte by byte", frames(first, last), whole),
		echoCase("5.6", "a ping between two fragments", frames(first, ping, last), pong, whole),
		echoCase("5.7", "a ping between two fragments, one write each", frames(first, ping, last), pong, whole),
		echoCase("5.8", "a ping between two fragments byte by byte", frames(first, ping, last), pong, whole),
		failCase("5.9", "a continuation of nothing", protocolClose, frames(frame(fin|cont, "non-continuation payload"), textFrame("Hello"))),
		failCase("5.10", "a continuation of nothing in one write", protocolClose, frames(frame(fin|cont, "non-continuation payload"), textFrame("Hello"))),
		failCase("5.11", "a continuation of nothing byte by byte", protocolClose, frames(frame(fin|cont, "non-continuation payload"), textFrame("Hello"))),
		failCase("5.12", "an unfinished continuation of nothing", protocolClose, frames(frame(cont, "non-continuation payload"), textFrame("Hello"))),
		failCase("5.13", "an unfinished continuation of nothing in one write", protocolClose, frames(frame(cont, "non-continuation payload"), textFrame("Hello"))),
		failCase("5.14", "an unfinished continuation of nothing byte by byte", protocolClose, frames(frame(cont, "non-continuation payload"), textFrame("Hello"))),
		failCase("5.15", "a continuation after the end, and a message", protocolClose, frames(first, last, frame(cont, "fragment3"), frame(fin|text, "4fragment4")), whole),
		failCase("5.16", "continuations of nothing around messages", protocolClose,
			frames(frame(cont, a), frame(text, "4"+b), frame(fin|cont, "fragment3"), frame(cont, a), frame(text, "4"+b), frame(fin|cont, "fragment3"))),
		failCase("5.17", "finished continuations of nothing around messages", protocolClose,
			frames(frame(fin|cont, a), frame(text, "4"+b), frame(fin|cont, "fragment3"), frame(fin|cont, a), frame(text, "4"+b), frame(fin|cont, "fragment3"))),
		failCase("5.18", "a message within a message", protocolClose, frames(first, frame(fin|text, "4"+b))),
		echoCase("5.19", "five fragments with pings between", five, fiveBack...),
		echoCase("5.20", "five fragments with pings between, byte by byte", five, fiveBack...),
	}
	for i, chop := range map[int]int{3: len(first), 4: 1, 6: len(first), 7: 1, 10: 1, 13: 1, 19: 1} {
		cases[i].chop = chop
	}
	return cases
}

func utf8Cases() []wsCase {
	const greeting, kosme = "Hello-µ@ßöäüàá-UTF-8!!", "κ\u1f79σμε"
	bad := kosme + "\xed\xa0\x80edited"
	cases := []wsCase{
		echoCase("6.1.1", "empty text", textFrame(""), echoed("")),
		echoCase("6.1.2", "three empty fragments", frames(frame(text, "4"), frame(cont, ""), frame(fin|cont, "")), echoed("")),
		echoCase("6.1.3", "empty around text", frames(frame(text, "4"), frame(cont, "middle frame payload"), frame(fin|cont, "")), echoed("middle frame payload")),
		echoCase("6.2.1", "text in one frame", textFrame(greeting), echoed(greeting)),
		echoCase("6.2.2", "text cut between characters", frames(frame(text, "4Hello-µ@ßöä"), frame(fin|cont, "üàá-UTF-8!!")), echoed(greeting)),
		echoCase("6.2.3", "a frame for each byte", fragmented(text, "4"+greeting, 1), echoed(greeting)),
		echoCase("6.2.4", "a frame for each byte of Greek", fragmented(text, "4"+kosme, 1), echoed(kosme)),
		failCase("6.3.1", "a surrogate in text", badDataClose, textFrame(bad)),
		failCase("6.3.2", "a surrogate, a frame for each byte", badDataClose, fragmented(text, "4"+bad, 1)),
		// What would follow is not sent: the server must not wait for it.
		failCase("6.4.1", "bad in the second fragment of three", badDataClose, frames(frame(text, "4"+kosme), frame(cont, "\xf4\x90\x80\x80"))),
		failCase("6.4.2", "bad at the second fragment's byte", badDataClose, frames(frame(text, "4"+kosme+"\xf4"), frame(cont, "\x90"))),
		failCase("6.4.3", "bad in the middle of a frame", badDataClose, textFrame(kosme + "\xf4\x90\x80\x80edited")[:7+len(kosme)+4]),
		failCase("6.4.4", "bad at a byte of a frame", badDataClose, textFrame(kosme + "\xf4\x90\x80\x80edited")[:7+len(kosme)+2]),
	}
	for id, list := range utf8Sequences(kosme) {
		for i, s := range list {
			name := fmt.Sprintf("6.%d.%d", id, i+1)
			if validText(s) {
				cases = append(cases, echoCase(name, fmt.Sprintf("%+q", s), textFrame(s), echoed(s)))
			} else {
				cases = append(cases, failCase(name, fmt.Sprintf("%+q", s), badDataClose, textFrame(s)))
			}
		}
	}
	return cases
}

// utf8Sequences are texts by the number of their section, after Markus Kuhn's stress test.
func utf8Sequences(kosme string) map[int][]string {
	missing := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
	m := map[int][]string{
		5:  {"hello\x24world", "hello\u00a2world", "hello\u20acworld", "hello\U00024b62world", kosme},
		7:  {"\x00", "\u0080", "\u0800", "\U00010000"},
		8:  {"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"},
		9:  {"\x7f", "\u07ff", "\uffff", "\U0010ffff"},
		10: {"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"},
		11: {"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\xf4\x90\x80\x80"},
		12: {"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", run(0x80, 0xbf, "")},
		13: {run(0xc0, 0xdf, " "), run(0xe0, 0xef, " "), run(0xf0, 0xf7, " "), run(0xf8, 0xfb, " "), run(0xfc, 0xfd, " ")},
		14: missing,
		15: {strings.Join(missing, "")},
		16: {"\xfe", "\xff", "\xfe\xfe\xff\xff"},
		17: {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"},
		18: {"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"},
		19: {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"},
		20: {"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"},
		21: {
			"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf",
		},
		23: {"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"},
	}
	for n := range len(kosme) {
		m[6] = append(m[6], kosme[:n+1])
	}
	for plane := range rune(17) {
		m[22] = append(m[22], string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	return m
}

// run is all bytes from one to another, each followed by a text.
func run(from, to byte, after string) string {
	var b strings.Builder
	for c := int(from); c <= int(to); c++ {
		b.WriteByte(byte(c))
		b.WriteString(after)
	}
	return b.String()
}

func closingCases() []wsCase {
	const hello = "Hello World!"
	normal := frame(fin|opClose, normalClose)
	large := strings.Repeat("*", 256<<10)
	closed := func(id, what, closing string, send []byte, want ...string) wsCase {
		return wsCase{id: id, what: what, send: send, want: want, closing: closing}
	}
	payload := func(code uint16) []byte {
		return frame(fin|opClose, string(binary.BigEndian.AppendUint16(nil, code)))
	}
	cases := []wsCase{
		closed("7.1.1", "a message, then a close", normalClose, frames(textFrame(hello), normal), echoed(hello)),
		closed("7.1.2", "two closes", normalClose, frames(normal, normal)),
		closed("7.1.3", "a ping after the close", normalClose, frames(normal, frame(fin|opPing, ""))),
		closed("7.1.4", "a message after the close", normalClose, frames(normal, textFrame(hello))),
		closed("7.1.5", "a close between fragments", normalClose, frames(frame(text, "4fragment1"), normal, frame(fin|cont, "fragment2"))),
		closed("7.1.6", "a large message, a small one, a close, a ping", normalClose,
			frames(textFrame(large), textFrame(hello), normal, frame(fin|opPing, "")), echoed(large), echoed(hello)),
		closed("7.3.1", "an empty close", "", frame(fin|opClose, "")),
		closed("7.3.2", "a close of one byte", protocolClose, frame(fin|opClose, "a")),
		closed("7.3.3", "a close with its status alone", normalClose, normal),
		closed("7.3.4", "a close with a reason", normalClose, frame(fin|opClose, normalClose+"Hello World!")),
		closed("7.3.5", "a close with the longest reason", normalClose, frame(fin|opClose, normalClose+strings.Repeat("*", 123))),
		closed("7.3.6", "a close with a longer one", protocolClose, frame(fin|opClose, normalClose+strings.Repeat("*", 124))),
		closed("7.5.1", "a reason that is not UTF-8", badDataClose, frame(fin|opClose, normalClose+"κόσμε\xed\xa0\x80edited")),
	}
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, closed(fmt.Sprintf("7.7.%d", i+1), fmt.Sprintf("status %d", code), string(binary.BigEndian.AppendUint16(nil, code)), payload(code)))
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		cases = append(cases, closed(fmt.Sprintf("7.9.%d", i+1), fmt.Sprintf("status %d", code), protocolClose, payload(code)))
	}
	for i, code := range []uint16{5000, 65535} {
		cases = append(cases, closed(fmt.Sprintf("7.13.%d", i+1), fmt.Sprintf("status %d", code), protocolClose, payload(code)))
	}
	return cases
}

const mib = 1 << 20

func limitCases() []wsCase {
	random := randomBytes(16 * mib)
	ascii := strings.Repeat("*", 16*mib)
	var out []wsCase
	// both makes a case of text and one of bytes.
	both := func(group, n int, what string, size, chop int, cut func(opcode byte, payload string) []byte, rounds int) {
		for i, c := range []wsCase{
			echoCase("", what+" text", cut(text, "4"+ascii[:size]), echoed(ascii[:size])), echoCase("", what+" bytes", cut(bin, random[:size]), "2:"+random[:size]),
		} {
			c.id, c.chop, c.rounds = fmt.Sprintf("9.%d.%d", group+i, n+1), chop, rounds
			out = append(out, c)
		}
	}
	whole := func(opcode byte, payload string) []byte { return frame(fin|opcode, payload) }
	for i, size := range []int{64 << 10, 256 << 10, mib, 4 * mib, 8 * mib, 16 * mib} {
		both(1, i, fmt.Sprintf("%d KiB of", size>>10), size, 0, whole, 0)
	}
	for i, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, mib, 4 * mib} {
		both(3, i, fmt.Sprintf("4 MiB in fragments of %d,", size), 4*mib, 0, func(opcode byte, payload string) []byte {
			return fragmented(opcode, payload, size)
		}, 0)
	}
	for i, chop := range []int{64, 128, 256, 512, 1024, 2048} {
		both(5, i, fmt.Sprintf("1 MiB in writes of %d,", chop), mib, chop, whole, 0)
	}
	for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
		both(7, i, fmt.Sprintf("1000 times %d", size), size, 0, whole, 1000)
	}
	return out
}

func randomBytes(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return string(b)
}
