package redis

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/redis/rueidis"

	"parley/socketio"
)

// What entries and messages of our own say besides those of Node, which takes no notice of them.
const (
	// entryHole tells that some events of a namespace are in no stream: nothing from before it can be recovered after it.
	entryHole = "0"
	// An eviction asks the other nodes to end the socket of a private id, and to answer when its session has been stored.
	messageEvict   = 100
	messageEvicted = 101
)

// xadd adds an entry, and lets go of the oldest.
func xadd(c rueidis.Client, stream string, maxLen int, fields []string) rueidis.Completed {
	return c.B().Arbitrary("XADD").Keys(stream).Args("MAXLEN", "~", strconv.Itoa(maxLen), "*").Args(fields...).Build()
}

// encodeEntryData is JSON, or base64 of msgpack when there is binary data.
func encodeEntryData(m *socketio.ClusterMessage) (string, error) {
	data, attachments, err := toClusterData(m)
	if err != nil {
		return "", err
	}
	if len(attachments) == 0 {
		text, err := encodeText(data)
		return string(text), err
	}
	packed, err := encodePacked(data, attachments)
	return base64.StdEncoding.EncodeToString(packed), err
}

// decodeEntry is what an entry means; nil is one of a later version, or for another namespace.
func decodeEntry(fields map[string]string, nsp string, awaited func(requestID string) bool) (*socketio.ClusterMessage, error) {
	if fields["nsp"] != nsp || fields["type"] == entryHole {
		return nil, nil
	}
	kind, err := strconv.Atoi(fields["type"])
	if err != nil {
		return nil, ErrMalformed
	}
	var d clusterData
	body := []byte(fields["data"])
	if len(body) == 0 {
		return (*clusterData)(nil).message(kind, fields["uid"], nil, awaited)
	}
	if body[0] != '{' {
		if body, err = base64.StdEncoding.DecodeString(fields["data"]); err != nil {
			return nil, errors.Join(ErrMalformed, err)
		}
	}
	attachments, err := decode(body, &d)
	if err != nil {
		return nil, err
	}
	return d.message(kind, fields["uid"], attachments, awaited)
}
