package socketio

// ClusterMessageType says what one node tells another. The values are those of Node's ClusterAdapter.
type ClusterMessageType int

// The messages between the nodes of a namespace, and the fields each of them has besides Type and UID.
const (
	ClusterInitialHeartbeat   ClusterMessageType = iota + 1 // none: asks for heartbeats
	ClusterHeartbeat                                        // none
	ClusterBroadcast                                        // Packet, Target, Flags; RequestID when acknowledgements are wanted
	ClusterJoin                                             // Target, Rooms
	ClusterLeave                                            // Target, Rooms
	ClusterDisconnect                                       // Target, Close
	ClusterFetch                                            // Target, RequestID
	ClusterFetchResponse                                    // RequestID, Sockets
	ClusterServerSide                                       // Data: name and arguments; RequestID when an answer is wanted
	ClusterServerSideResponse                               // RequestID, Data: one value
	ClusterClientCount                                      // RequestID, ClientCount
	ClusterAck                                              // RequestID, Data: one value, Attachments
	ClusterClose                                            // none: the node leaves
)

// ClusterMessage is what one node of a namespace tells the others, or answers one of them.
type ClusterMessage struct {
	Type        ClusterMessageType
	UID         string // the sender's; answers of some Node adapters have none
	RequestID   string // empty when no answer is wanted
	Packet      *Packet
	Target      Target
	Flags       Flags
	Rooms       []string
	Close       bool
	Data        []byte // JSON
	Attachments [][]byte
	Sockets     []RemoteSocket
	ClientCount int
}
