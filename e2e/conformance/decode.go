package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"parley/socketio"
)

// decodeLines is the other half of a comparison with Node's parser: a packet's text as a JSON string per line in, the verdict out.
func decodeLines(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, verdict(text)); err != nil {
			return err
		}
	}
	return lines.Err()
}

var typeNames = map[socketio.PacketType]string{
	socketio.PacketConnect: "CONNECT", socketio.PacketDisconnect: "DISCONNECT", socketio.PacketEvent: "EVENT",
	socketio.PacketAck: "ACK", socketio.PacketConnectError: "CONNECT_ERROR",
}

func verdict(text string) string {
	p, err := socketio.JSONParser{}.NewDecoder().Add(false, []byte(text))
	if err != nil || p != nil && p.Check() != nil {
		return "bad"
	}
	if p == nil {
		return "wait"
	}
	var id any
	if p.HasID {
		id = p.ID
	}
	data := json.RawMessage(p.Data)
	if data == nil {
		data = json.RawMessage("null")
	}
	line, err := json.Marshal([]any{typeNames[p.Type], p.Namespace, id, data})
	if err != nil {
		return "bad"
	}
	return string(line)
}
