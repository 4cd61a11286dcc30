package redis

import (
	"bytes"
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/engineio"
)

// evictMark and evictedMark are in the msgpack of every eviction: the field type and its value.
var (
	evictMark   = []byte{0xa4, 't', 'y', 'p', 'e', messageEvict}
	evictedMark = []byte{0xa4, 't', 'y', 'p', 'e', messageEvicted}
)

// evictElsewhere has the other nodes end the socket of a private id, should one of them have it: its client is here, and that node
// has not noticed yet. It returns when one has done so, all have answered, or none will, and reports whether to look for the session
// again. Node's nodes do not answer.
func (b *streamsBus) evictElsewhere(ctx context.Context, pid string) bool {
	others, err := b.Others(ctx)
	if err != nil || others <= 0 {
		return false
	}
	answers := make(chan struct{}, others)
	id := engineio.NewID()[:16]
	b.mu.Lock()
	b.evicted[id] = answers
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.evicted, id)
	}()
	if b.sendEviction(b.channel, messageEvict, id, pid) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, evictionTimeout)
	defer cancel()
	for range others {
		select {
		case <-answers:
		case <-ctx.Done():
			return true
		}
	}
	return true
}

func (b *streamsBus) sendEviction(channel string, kind int, requestID, pid string) error {
	packet, err := encodeText(pid)
	if err != nil {
		return err
	}
	body, err := encodePacked(clusterWire{
		Type: kind, UID: b.adapter.UID(), Nsp: b.ns.Name(), Data: &clusterData{RequestID: requestID, Packet: packet},
	}, nil)
	if err != nil {
		return err
	}
	return b.send(channel, body)
}

// receiveEviction handles what concerns evictions, and reports whether it did.
func (b *streamsBus) receiveEviction(body []byte) (bool, error) {
	if !bytes.Contains(body, evictMark) && !bytes.Contains(body, evictedMark) {
		return false, nil // before the costs of decoding
	}
	var w struct {
		Type int            `json:"type"`
		UID  string         `json:"uid"`
		Nsp  string         `json:"nsp"`
		Data jsontext.Value `json:"data"`
	}
	if _, err := decode(body, &w); err != nil {
		return false, err
	}
	if w.Type != messageEvict && w.Type != messageEvicted {
		return false, nil
	}
	var data struct {
		RequestID string `json:"requestId"`
		Packet    string `json:"packet"`
	}
	if err := json.Unmarshal(w.Data, &data, jsonOptions); err != nil {
		return true, ErrMalformed
	}
	switch {
	case w.UID == b.adapter.UID() || w.Nsp != b.ns.Name():
	case w.Type == messageEvicted:
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case b.evicted[data.RequestID] <- struct{}{}:
		default: // nobody waits any more
		}
	default:
		b.adapter.Later(func() error {
			b.ns.Evict(data.Packet)
			// behind the session in the queue, so that it is there when the answer comes
			return b.sendEviction(b.channel+w.UID+"#", messageEvicted, data.RequestID, "")
		})
	}
	return true, nil
}
