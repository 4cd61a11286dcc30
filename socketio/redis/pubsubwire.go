package redis

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/socketio"
)

// The requests of the pub/sub adapter, and those responses that have a type.
const (
	requestSockets          = 0
	requestAllRooms         = 1
	requestRemoteJoin       = 2
	requestRemoteLeave      = 3
	requestRemoteDisconnect = 4
	requestRemoteFetch      = 5
	requestServerSideEmit   = 6
	requestBroadcast        = 7
	responseClientCount     = 8
	responseAck             = 9
)

// request is every field that a request may have. Which ones it has, its type says.
type request struct {
	UID       string         `json:"uid,omitzero"`
	RequestID string         `json:"requestId,omitzero"`
	Type      int            `json:"type"`
	Opts      *wireOpts      `json:"opts,omitzero"`
	Rooms     names          `json:"rooms,omitzero"`
	Close     *bool          `json:"close,omitzero"`
	Data      jsontext.Value `json:"data,omitzero"`
	Packet    *wirePacket    `json:"packet,omitzero"`
}

// response is every field that a response may have when it is read.
type response struct {
	Type        int            `json:"type"`
	RequestID   string         `json:"requestId"`
	Sockets     jsontext.Value `json:"sockets"`
	Data        jsontext.Value `json:"data"`
	ClientCount int            `json:"clientCount"`
	Packet      jsontext.Value `json:"packet"`
}

// The responses when they are written.
type (
	socketIDs struct {
		RequestID string `json:"requestId"`
		Sockets   names  `json:"sockets"`
	}
	allRooms struct {
		RequestID string `json:"requestId"`
		Rooms     names  `json:"rooms"`
	}
	fetchedSockets struct {
		RequestID string       `json:"requestId"`
		Sockets   []sentSocket `json:"sockets"`
	}
	serverSideAnswer struct {
		Type      int            `json:"type"`
		RequestID string         `json:"requestId"`
		Data      jsontext.Value `json:"data"`
	}
	clientCount struct {
		Type        int    `json:"type"`
		RequestID   string `json:"requestId"`
		ClientCount int    `json:"clientCount"`
	}
	clientAck struct {
		Type      int            `json:"type"`
		RequestID string         `json:"requestId"`
		Packet    jsontext.Value `json:"packet"`
	}
)

func encodeRequest(m *socketio.ClusterMessage) ([]byte, error) {
	r := request{UID: m.UID, RequestID: m.RequestID}
	opts := toOpts(m.Target)
	switch m.Type {
	case socketio.ClusterBroadcast:
		if m.RequestID == "" {
			return encodeBroadcast(m)
		}
		opts = toOptsWithFlags(m.Target, m.Flags)
		packet := toPacket(m.Packet)
		r.Type, r.Opts, r.Packet = requestBroadcast, &opts, &packet
		return encodePacked(r, m.Packet.Attachments)
	case socketio.ClusterJoin:
		r.Type, r.Opts, r.Rooms = requestRemoteJoin, &opts, m.Rooms
	case socketio.ClusterLeave:
		r.Type, r.Opts, r.Rooms = requestRemoteLeave, &opts, m.Rooms
	case socketio.ClusterDisconnect:
		r.Type, r.Opts, r.Close = requestRemoteDisconnect, &opts, &m.Close
	case socketio.ClusterFetch:
		r.Type, r.Opts = requestRemoteFetch, &opts
	case socketio.ClusterServerSide:
		r.Type, r.Data = requestServerSideEmit, m.Data
	}
	return encodeText(r)
}

// encodeBroadcast writes [uid, packet, opts].
func encodeBroadcast(m *socketio.ClusterMessage) ([]byte, error) {
	uid, err := encodeText(m.UID)
	if err != nil {
		return nil, err
	}
	opts, err := encodeText(toOptsWithFlags(m.Target, m.Flags))
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(m.Packet.Data)+len(opts)+64)
	b = socketio.AppendMsgpackJSON(append(b, 0x93), uid, nil)
	b = socketio.AppendMsgpackPacket(b, m.Packet)
	return socketio.AppendMsgpackJSON(b, opts, nil), nil
}

func decodeBroadcast(body []byte) (*socketio.ClusterMessage, error) {
	var parts []jsontext.Value
	attachments, err := decode(body, &parts)
	if err != nil {
		return nil, err
	}
	if len(parts) < 3 {
		return nil, ErrMalformed
	}
	m := &socketio.ClusterMessage{Type: socketio.ClusterBroadcast}
	var p wirePacket
	var o wireOpts
	for i, into := range []any{&m.UID, &p, &o} {
		if err := json.Unmarshal(parts[i], into, jsonOptions); err != nil {
			return nil, ErrMalformed
		}
	}
	m.Target, m.Flags = o.target(), o.flags()
	m.Packet, err = p.packet(attachments)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func decodeRequest(body []byte) (*request, [][]byte, error) {
	var r request
	attachments, err := decode(body, &r)
	return &r, attachments, err
}

// message is what the request means; nil is a request of a later version.
func (r *request) message(attachments [][]byte) (*socketio.ClusterMessage, error) {
	m := &socketio.ClusterMessage{
		UID: r.UID, RequestID: r.RequestID, Target: r.Opts.target(), Rooms: r.Rooms, Data: r.Data, Attachments: attachments,
	}
	if r.Opts == nil && r.Type != requestServerSideEmit {
		return nil, ErrMalformed // without a target it would be everybody
	}
	switch r.Type {
	case requestRemoteJoin:
		m.Type = socketio.ClusterJoin
	case requestRemoteLeave:
		m.Type = socketio.ClusterLeave
	case requestRemoteDisconnect:
		m.Type, m.Close = socketio.ClusterDisconnect, r.Close != nil && *r.Close
	case requestRemoteFetch:
		m.Type = socketio.ClusterFetch
	case requestServerSideEmit:
		m.Type = socketio.ClusterServerSide
	case requestBroadcast:
		m.Type, m.Flags = socketio.ClusterBroadcast, r.Opts.flags()
		var err error
		if m.Packet, err = r.Packet.packet(attachments); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	return m, nil
}

func encodeResponse(m *socketio.ClusterMessage) ([]byte, error) {
	switch m.Type {
	case socketio.ClusterFetchResponse:
		return encodeEither(fetchedSockets{m.RequestID, toSockets(m.Sockets)}, nil)
	case socketio.ClusterServerSideResponse:
		return encodeText(serverSideAnswer{requestServerSideEmit, m.RequestID, m.Data})
	case socketio.ClusterClientCount:
		return encodeText(clientCount{responseClientCount, m.RequestID, m.ClientCount})
	default:
		return encodePacked(clientAck{responseAck, m.RequestID, m.Data}, m.Attachments)
	}
}

// decodeResponse returns nil for a response to somebody else.
func decodeResponse(body []byte, awaited func(requestID string) bool) (*socketio.ClusterMessage, error) {
	var r response
	attachments, err := decode(body, &r)
	if err != nil || !awaited(r.RequestID) {
		return nil, err
	}
	m := &socketio.ClusterMessage{RequestID: r.RequestID, ClientCount: r.ClientCount, Attachments: attachments}
	switch r.Type {
	case requestServerSideEmit:
		m.Type, m.Data = socketio.ClusterServerSideResponse, orNull(r.Data)
	case responseClientCount:
		m.Type = socketio.ClusterClientCount
	case responseAck:
		m.Type, m.Data = socketio.ClusterAck, orNull(r.Packet)
	default:
		m.Type = socketio.ClusterFetchResponse
		if m.Sockets, err = decodeSockets(r.Sockets, attachments); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// orNull is what JavaScript's undefined becomes.
func orNull(v jsontext.Value) []byte {
	if len(v) == 0 {
		return []byte("null")
	}
	return v
}
