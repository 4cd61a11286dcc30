package socketio

import (
	"encoding/binary"
	"time"
)

// msgpackTime decodes the timestamp extension, type -1, in its three lengths, into the form that JSON.stringify gives a Date.
func msgpackTime(kind int8, p []byte) (string, bool) {
	if kind != -1 {
		return "", false
	}
	var t time.Time
	switch len(p) {
	case 4:
		t = time.Unix(int64(binary.BigEndian.Uint32(p)), 0)
	case 8:
		v := binary.BigEndian.Uint64(p)
		t = time.Unix(int64(v&(1<<34-1)), int64(v>>34))
	case 12:
		t = time.Unix(int64(binary.BigEndian.Uint64(p[4:])), int64(binary.BigEndian.Uint32(p)))
	default:
		return "", false
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z"), true
}
