package redis

import (
	"github.com/go-json-experiment/json/jsontext"

	"parley/socketio"
)

// clusterWire is a message of Node's ClusterAdapter, which the sharded and the streams adapter use.
type clusterWire struct {
	Type int          `json:"type"`
	Data *clusterData `json:"data,omitzero"`
	UID  string       `json:"uid"`
	Nsp  string       `json:"nsp"`
}

// clusterData is every field that a message's data may have. Which ones it has, its type says.
type clusterData struct {
	RequestID   string         `json:"requestId,omitzero"`
	Packet      jsontext.Value `json:"packet,omitzero"` // an event's packet, a server-side event, or an answer's single value
	Opts        *wireOpts      `json:"opts,omitzero"`
	Rooms       names          `json:"rooms,omitzero"`
	Close       *bool          `json:"close,omitzero"`
	Sockets     jsontext.Value `json:"sockets,omitzero"`
	ClientCount *int           `json:"clientCount,omitzero"`
}

// toClusterData returns the data of a message and the attachments its placeholders refer to.
func toClusterData(m *socketio.ClusterMessage) (*clusterData, [][]byte, error) {
	opts := toOpts(m.Target)
	opts.Flags = &wireFlags{} // Node's sharded adapter looks into them without asking
	d := &clusterData{RequestID: m.RequestID}
	attachments := m.Attachments
	var err error
	switch m.Type {
	case socketio.ClusterBroadcast:
		opts = toOptsWithFlags(m.Target, m.Flags)
		d.Opts, attachments = &opts, m.Packet.Attachments
		d.Packet, err = encodeText(toPacket(m.Packet))
	case socketio.ClusterJoin, socketio.ClusterLeave:
		d.Opts, d.Rooms = &opts, m.Rooms
	case socketio.ClusterDisconnect:
		d.Opts, d.Close = &opts, &m.Close
	case socketio.ClusterFetch:
		d.Opts = &opts
	case socketio.ClusterFetchResponse:
		d.Sockets, attachments, err = socketio.EncodeValue(toSockets(m.Sockets))
	case socketio.ClusterServerSide, socketio.ClusterServerSideResponse, socketio.ClusterAck:
		d.Packet = m.Data
	case socketio.ClusterClientCount:
		d.ClientCount = &m.ClientCount
	default:
		return nil, nil, nil
	}
	return d, attachments, err
}

// message is what the data means; nil is a message of a later version, or one to somebody else.
func (d *clusterData) message(kind int, uid string, attachments [][]byte, awaited func(requestID string) bool) (*socketio.ClusterMessage, error) {
	m := &socketio.ClusterMessage{Type: socketio.ClusterMessageType(kind), UID: uid, Attachments: attachments}
	if d == nil {
		d = &clusterData{}
	}
	m.RequestID, m.Target, m.Flags, m.Rooms, m.Data = d.RequestID, d.Opts.target(), d.Opts.flags(), d.Rooms, orNull(d.Packet)
	var err error
	switch m.Type {
	case socketio.ClusterBroadcast:
		err = d.broadcast(m, attachments)
	case socketio.ClusterJoin, socketio.ClusterLeave, socketio.ClusterFetch:
	case socketio.ClusterDisconnect:
		m.Close = d.Close != nil && *d.Close
	case socketio.ClusterServerSide:
		return m, nil
	case socketio.ClusterFetchResponse, socketio.ClusterServerSideResponse, socketio.ClusterClientCount, socketio.ClusterAck:
		return d.response(m, attachments, awaited)
	default:
		return nil, nil
	}
	if err == nil && d.Opts == nil {
		err = ErrMalformed // without a target it would be everybody
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (d *clusterData) broadcast(m *socketio.ClusterMessage, attachments [][]byte) error {
	var p wirePacket
	if _, err := decode(d.Packet, &p); err != nil {
		return err
	}
	var err error
	m.Packet, err = p.packet(attachments)
	return err
}

func (d *clusterData) response(m *socketio.ClusterMessage, attachments [][]byte, awaited func(string) bool) (*socketio.ClusterMessage, error) {
	if !awaited(d.RequestID) {
		return nil, nil
	}
	if d.ClientCount != nil {
		m.ClientCount = *d.ClientCount
	}
	if m.Type == socketio.ClusterFetchResponse {
		var err error
		if m.Sockets, err = decodeSockets(d.Sockets, attachments); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// encodeCluster encodes a whole message, as JSON, or as msgpack when it has binary data or must.
func encodeCluster(m *socketio.ClusterMessage, nsp string, mustPack bool) ([]byte, error) {
	data, attachments, err := toClusterData(m)
	if err != nil {
		return nil, err
	}
	w := clusterWire{Type: int(m.Type), Data: data, UID: m.UID, Nsp: nsp}
	if mustPack || len(attachments) > 0 {
		return encodePacked(w, attachments)
	}
	return encodeText(w)
}

// decodeCluster decodes a whole message; nil is one that is not for this adapter.
func decodeCluster(body []byte, nsp string, awaited func(string) bool) (*socketio.ClusterMessage, error) {
	var w clusterWire
	attachments, err := decode(body, &w)
	if err != nil || w.Nsp != nsp {
		return nil, err
	}
	return w.Data.message(w.Type, w.UID, attachments, awaited)
}
