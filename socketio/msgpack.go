package socketio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"parley/engineio"
)

// MsgpackParser is the parser of socket.io-msgpack-parser: one binary message a packet, a map of type, data, nsp and id. Clients of
// Socket.IO 2.x take that package's version 2, later ones its version 3.
type MsgpackParser struct{}

// Encode implements Parser.
func (MsgpackParser) Encode(p *Packet) []*engineio.Message {
	b := engineio.BuildMessage(true, len(p.Data)+len(p.Namespace)+32)
	b.Append(func(dst []byte) []byte { return AppendMsgpackPacket(dst, p) })
	return []*engineio.Message{b.Message()}
}

// NewDecoder implements Parser.
func (MsgpackParser) NewDecoder() Decoder { return msgpackDecoder{} }

type msgpackDecoder struct{}

// Add implements Decoder.
func (msgpackDecoder) Add(isBinary bool, data []byte) (*Packet, error) {
	if !isBinary {
		return decodeControlJSON(data)
	}
	return DecodeMsgpackPacket(data)
}

// decodeControlJSON decodes CONNECT and DISCONNECT as the parser's version for Socket.IO 2.x writes them: as JSON, without data.
func decodeControlJSON(text []byte) (*Packet, error) {
	var in struct {
		Type *PacketType `json:"type"`
		Nsp  string      `json:"nsp"`
	}
	if !validJSON(text) || json.Unmarshal(text, &in) != nil || in.Type == nil || *in.Type > PacketDisconnect || in.Nsp == "" {
		return nil, errBadPacket
	}
	return &Packet{Type: *in.Type, Namespace: in.Nsp}, nil
}

// AppendMsgpackPacket appends a packet as the map that Node's msgpack parser and Redis adapters use.
func AppendMsgpackPacket(dst []byte, p *Packet) []byte {
	fields := byte(2)
	if p.Data != nil {
		fields++
	}
	if p.HasID {
		fields++
	}
	dst = append(dst, 0x80|fields)
	dst = appendMsgpackString(dst, "type")
	dst = append(dst, byte(p.Type))
	if p.Data != nil {
		dst = appendMsgpackString(dst, "data")
		dst = AppendMsgpackJSON(dst, p.Data, p.Attachments)
	}
	if p.HasID {
		dst = appendMsgpackString(dst, "id")
		dst = appendMsgpackNumber(dst, strconv.FormatUint(p.ID, 10))
	}
	dst = appendMsgpackString(dst, "nsp")
	nsp := p.Namespace
	if nsp == "" {
		nsp = "/"
	}
	return appendMsgpackString(dst, nsp)
}

// DecodeMsgpackPacket decodes the map of a packet.
func DecodeMsgpackPacket(b []byte) (*Packet, error) {
	d := msgpackReader{b: b, limit: 16*len(b) + 1024}
	n, ok := d.mapHeader()
	if !ok {
		return nil, errBadPacket
	}
	p := &Packet{}
	hasType := false
	for range n {
		key, ok := d.str()
		if !ok {
			return nil, errBadPacket
		}
		switch key {
		case "type":
			v, ok := d.uint()
			if !ok || v > uint64(PacketBinaryAck) {
				return nil, errBadPacket
			}
			hasType, p.Type = true, PacketType(v)
			if p.Type >= PacketBinaryEvent {
				p.Type -= PacketBinaryEvent - PacketEvent
			}
		case "nsp":
			if p.Namespace, ok = d.str(); !ok {
				return nil, errBadPacket
			}
		case "id":
			raw, ok := d.json(nil, 0)
			if !ok || string(raw) == "null" { // as JavaScript's undefined arrives
				continue
			}
			id, err := strconv.ParseUint(string(raw), 10, 53)
			if err != nil {
				return nil, errBadPacket
			}
			p.ID, p.HasID = id, true
		case "data":
			if p.Data, ok = d.json(nil, 0); !ok {
				return nil, errBadPacket
			}
			if string(p.Data) == "null" {
				p.Data = nil
			}
		default:
			if _, ok := d.json(nil, 0); !ok {
				return nil, errBadPacket
			}
		}
	}
	p.Attachments = d.attachments
	if !hasType || len(d.b) > 0 || p.Namespace == "" || len(p.Attachments) > maxAttachments {
		return nil, errBadPacket
	}
	return p, checkData(p)
}

// AppendMsgpackJSON appends a JSON value as msgpack, its placeholders as the binary data they stand for.
func AppendMsgpackJSON(dst, value []byte, attachments [][]byte) []byte {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0 || value[0] == 'n':
		return append(dst, 0xc0)
	case value[0] == 't':
		return append(dst, 0xc3)
	case value[0] == 'f':
		return append(dst, 0xc2)
	case value[0] == '"':
		s, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return append(dst, 0xc0)
		}
		return appendMsgpackString(dst, string(s))
	case value[0] == '[':
		elements, err := splitArray(nil, value)
		if err != nil {
			return append(dst, 0xc0)
		}
		dst = appendMsgpackHeader(dst, len(elements), 0x90, 0xdc)
		for _, e := range elements {
			dst = AppendMsgpackJSON(dst, e, attachments)
		}
		return dst
	case value[0] == '{':
		if data, ok := placeholder(value, attachments); ok {
			return appendMsgpackBinary(dst, data)
		}
		return appendMsgpackMap(dst, value, attachments)
	}
	return appendMsgpackNumber(dst, string(value))
}

func appendMsgpackMap(dst, value []byte, attachments [][]byte) []byte {
	var keys []string
	var values [][]byte
	d := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true))
	if _, err := d.ReadToken(); err != nil {
		return append(dst, 0xc0)
	}
	for d.PeekKind() == '"' {
		key, err := d.ReadToken()
		if err != nil {
			break
		}
		name := key.String()
		v, err := d.ReadValue()
		if err != nil {
			break
		}
		keys, values = append(keys, name), append(values, slices.Clone(v))
	}
	dst = appendMsgpackHeader(dst, len(keys), 0x80, 0xde)
	for i, k := range keys {
		dst = appendMsgpackString(dst, k)
		dst = AppendMsgpackJSON(dst, values[i], attachments)
	}
	return dst
}

// appendMsgpackHeader appends an array or map header: fix, 16-bit or 32-bit.
func appendMsgpackHeader(dst []byte, n int, fix, code16 byte) []byte {
	switch {
	case n < 16:
		return append(dst, fix|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, code16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, code16+1), uint32(n))
	}
}

func appendMsgpackString(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, 0xd9, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

func appendMsgpackBinary(dst, b []byte) []byte {
	switch n := len(b); {
	case n <= math.MaxUint8:
		dst = append(dst, 0xc4, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xc5), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xc6), uint32(n))
	}
	return append(dst, b...)
}

// appendMsgpackNumber appends a JSON number in the smallest integer form, or as a double, as notepack does.
func appendMsgpackNumber(dst []byte, text string) []byte {
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		switch {
		case u < 128:
			return append(dst, byte(u))
		case u <= math.MaxUint8:
			return append(dst, 0xcc, byte(u))
		case u <= math.MaxUint16:
			return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(u))
		case u <= math.MaxUint32:
			return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(u))
		default:
			return binary.BigEndian.AppendUint64(append(dst, 0xcf), u)
		}
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case i >= -32:
			return append(dst, byte(i))
		case i >= math.MinInt8:
			return append(dst, 0xd0, byte(i))
		case i >= math.MinInt16:
			return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(i))
		case i >= math.MinInt32:
			return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(i))
		default:
			return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(i))
		}
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as in JavaScript
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}

var errMsgpack = errors.New("socketio: malformed msgpack")

// MsgpackToJSON decodes one msgpack value into JSON, with placeholders for the binary data, which it copies.
func MsgpackToJSON(b []byte) (data []byte, attachments [][]byte, err error) {
	d := msgpackReader{b: b, limit: 16*len(b) + 1024}
	data, ok := d.json(nil, 0)
	if !ok || len(d.b) > 0 {
		return nil, nil, errMsgpack
	}
	return data, d.attachments, nil
}

// msgpackReader takes values off b. limit bounds the JSON made of it, whose escapes are longer than what they stand for.
type msgpackReader struct {
	b           []byte
	attachments [][]byte
	limit       int
}

func (d *msgpackReader) take(n int) ([]byte, bool) {
	if n < 0 || n > len(d.b) {
		return nil, false
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p, true
}

func (d *msgpackReader) size(bytes int) (int, bool) {
	p, ok := d.take(bytes)
	if !ok {
		return 0, false
	}
	n := 0
	for _, c := range p {
		n = n<<8 | int(c)
	}
	return n, n >= 0
}

func (d *msgpackReader) peek() (byte, bool) {
	if len(d.b) == 0 {
		return 0, false
	}
	return d.b[0], true
}

func (d *msgpackReader) mapHeader() (int, bool) {
	c, ok := d.peek()
	if !ok {
		return 0, false
	}
	d.b = d.b[1:]
	switch {
	case c&0xf0 == 0x80:
		return int(c & 15), true
	case c == 0xde:
		return d.size(2)
	}
	return 0, false
}

func (d *msgpackReader) str() (string, bool) {
	raw, ok := d.json(nil, 0)
	if !ok || len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

func (d *msgpackReader) uint() (uint64, bool) {
	raw, ok := d.json(nil, 0)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw), 10, 53)
	return n, err == nil
}

// json decodes the next value and appends it as JSON.
func (d *msgpackReader) json(dst []byte, depth int) ([]byte, bool) {
	c, ok := d.peek()
	if !ok || depth > maxDepth || len(dst) > d.limit {
		return nil, false
	}
	d.b = d.b[1:]
	switch {
	case c < 0x80:
		return strconv.AppendInt(dst, int64(c), 10), true
	case c >= 0xe0:
		return strconv.AppendInt(dst, int64(int8(c)), 10), true
	case c < 0x90:
		return d.object(dst, int(c&15), depth)
	case c < 0xa0:
		return d.array(dst, int(c&15), depth)
	case c < 0xc0:
		return d.text(dst, int(c&31))
	case c == 0xc0:
		return append(dst, "null"...), true
	case c == 0xc2:
		return append(dst, "false"...), true
	case c == 0xc3:
		return append(dst, "true"...), true
	case c >= 0xc4 && c <= 0xc6:
		return d.bin(dst, 1<<(c-0xc4))
	case c >= 0xc7 && c <= 0xc9:
		return d.ext(dst, 0, 1<<(c-0xc7))
	case c >= 0xd4 && c <= 0xd8:
		return d.ext(dst, 1<<(c-0xd4), 0)
	case c >= 0xca && c <= 0xd3:
		return d.number(dst, c)
	case c >= 0xd9 && c <= 0xdb:
		n, ok := d.size(1 << (c - 0xd9))
		if !ok {
			return nil, false
		}
		return d.text(dst, n)
	case c == 0xdc || c == 0xdd:
		n, ok := d.size(2 << (c - 0xdc))
		return d.arrayIf(dst, n, depth, ok)
	case c == 0xde || c == 0xdf:
		n, ok := d.size(2 << (c - 0xde))
		if !ok {
			return nil, false
		}
		return d.object(dst, n, depth)
	}
	return nil, false
}

func (d *msgpackReader) number(dst []byte, c byte) ([]byte, bool) {
	widths := [...]int{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}
	p, ok := d.take(widths[c-0xca])
	if !ok {
		return nil, false
	}
	var u uint64
	for _, b := range p {
		u = u<<8 | uint64(b)
	}
	switch {
	case c == 0xca:
		return appendJSONFloat(dst, float64(math.Float32frombits(uint32(u)))), true
	case c == 0xcb:
		return appendJSONFloat(dst, math.Float64frombits(u)), true
	case c <= 0xcf:
		return strconv.AppendUint(dst, u, 10), true
	default:
		shift := 64 - 8*len(p)
		return strconv.AppendInt(dst, int64(u<<shift)>>shift, 10), true
	}
}

// appendJSONFloat writes what JSON.stringify would: null for what JSON has no word for.
func appendJSONFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func (d *msgpackReader) text(dst []byte, n int) ([]byte, bool) {
	p, ok := d.take(n)
	if !ok {
		return nil, false
	}
	return appendString(dst, string(p)), true
}

func (d *msgpackReader) bin(dst []byte, sizeBytes int) ([]byte, bool) {
	n, ok := d.size(sizeBytes)
	if !ok {
		return nil, false
	}
	p, ok := d.take(n)
	if !ok {
		return nil, false
	}
	dst = appendPlaceholder(dst, len(d.attachments))
	d.attachments = append(d.attachments, bytes.Clone(p))
	return dst, true
}

// ext decodes notepack's extensions: undefined (0), and Date (type -1), which becomes null or a string.
func (d *msgpackReader) ext(dst []byte, n, sizeBytes int) ([]byte, bool) {
	ok := true
	if sizeBytes > 0 {
		n, ok = d.size(sizeBytes)
	}
	if !ok {
		return nil, false
	}
	p, ok := d.take(n + 1)
	if !ok {
		return nil, false
	}
	if t, isTime := msgpackTime(int8(p[0]), p[1:]); isTime {
		return appendString(dst, t), true
	}
	return append(dst, "null"...), true
}

func (d *msgpackReader) arrayIf(dst []byte, n, depth int, ok bool) ([]byte, bool) {
	if !ok {
		return nil, false
	}
	return d.array(dst, n, depth)
}

func (d *msgpackReader) array(dst []byte, n, depth int) ([]byte, bool) {
	if n > len(d.b) {
		return nil, false // every element takes a byte at least
	}
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = d.json(dst, depth+1); !ok {
			return nil, false
		}
	}
	return append(dst, ']'), true
}

func (d *msgpackReader) object(dst []byte, n, depth int) ([]byte, bool) {
	if n > len(d.b) {
		return nil, false
	}
	dst = append(dst, '{')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := len(dst)
		var ok bool
		if dst, ok = d.json(dst, depth+1); !ok || dst[at] != '"' {
			return nil, false
		}
		dst = append(dst, ':')
		if dst, ok = d.json(dst, depth+1); !ok {
			return nil, false
		}
	}
	return append(dst, '}'), true
}
