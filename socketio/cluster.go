package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"parley/engineio"
)

// Bus carries messages between the nodes that share a namespace. Its methods may be called concurrently and, except for Others
// and Close, do not block.
type Bus interface {
	// Publish sends to all other nodes, which receive what one node published in order.
	Publish(m *ClusterMessage) error
	// Respond answers the node that sent a request.
	Respond(to *ClusterMessage, answer *ClusterMessage) error
	// Others is the number of other nodes.
	Others(ctx context.Context) (int, error)
	// Close leaves the cluster. What was published before is still sent.
	Close() error
}

// ClusterOptions configures a [ClusterAdapter].
type ClusterOptions struct {
	// UID names the node; default 16 random characters.
	UID string
	// RequestsTimeout bounds the wait for what other nodes are asked; default 5 s.
	RequestsTimeout time.Duration
	// MaxTasks bounds the events and disconnects of other nodes that wait for handlers of this one; default 1024. More are dropped.
	MaxTasks int
	// OnError is told of what goes wrong in the background. It may be nil.
	OnError func(error)
}

// ErrTooManyTasks is told to OnError when an event of another node was dropped, because handlers of this one do not keep up.
var ErrTooManyTasks = errors.New("socketio: too many events of other nodes wait for their handlers")

// ClusterAdapter spans the nodes that a [Bus] connects. What concerns this node's own sockets happens at once, whatever the
// state of the bus.
type ClusterAdapter struct {
	*MemoryAdapter
	bus   Bus
	o     ClusterOptions
	tasks serial // handlers that may wait, for other nodes too, and so must not hold up what comes from them

	mu      sync.Mutex
	pending map[string]func(*ClusterMessage)
}

// NewCluster makes the adapter of a node. Whoever owns the bus calls Receive.
func NewCluster(ns *Namespace, bus Bus, o ClusterOptions) *ClusterAdapter {
	if o.UID == "" {
		o.UID = engineio.NewID()[:16]
	}
	if o.RequestsTimeout <= 0 {
		o.RequestsTimeout = 5 * time.Second
	}
	if o.MaxTasks <= 0 {
		o.MaxTasks = 1024
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return &ClusterAdapter{
		MemoryAdapter: NewMemory(ns), bus: bus, o: o, tasks: serial{limit: o.MaxTasks}, pending: map[string]func(*ClusterMessage){},
	}
}

// UID is the node's name.
func (a *ClusterAdapter) UID() string { return a.o.UID }

// Close implements Adapter.
func (a *ClusterAdapter) Close() error { return a.bus.Close() }

// ServerCount implements Adapter.
func (a *ClusterAdapter) ServerCount(ctx context.Context) (int, error) {
	others, err := a.bus.Others(ctx)
	return others + 1, err
}

func (a *ClusterAdapter) publish(m *ClusterMessage) error {
	m.UID = a.o.UID
	return a.bus.Publish(m)
}

// Broadcast implements Adapter. An error of the bus means that this node's sockets were reached and the others' were not.
func (a *ClusterAdapter) Broadcast(p *Packet, t Target, f Flags) error {
	if err := a.MemoryAdapter.Broadcast(p, t, f); err != nil || f.Local {
		return err
	}
	return a.publish(&ClusterMessage{Type: ClusterBroadcast, Packet: p, Target: t, Flags: f})
}

// BroadcastWithAck implements Adapter.
func (a *ClusterAdapter) BroadcastWithAck(ctx context.Context, p *Packet, t Target, f Flags, expect func(int), reply func(AckReply)) error {
	if err := a.MemoryAdapter.BroadcastWithAck(ctx, p, t, f, expect, reply); err != nil || f.Local {
		return err
	}
	m := &ClusterMessage{Type: ClusterBroadcast, Packet: p, Target: t, Flags: f}
	// How many there are a node says at once, whatever their clients take to answer.
	counting, cancel := context.WithTimeout(ctx, a.o.RequestsTimeout)
	defer cancel()
	return a.ask(counting, ctx, m, func(answer *ClusterMessage) bool {
		if answer.Type == ClusterAck {
			reply(AckReply{Data: append(append([]byte{'['}, answer.Data...), ']'), Attachments: answer.Attachments})
			return false
		}
		expect(answer.ClientCount)
		return true
	})
}

// ask publishes a request and hands the answers to take, one at a time, until as many nodes have answered as there are others:
// take reports whether an answer counts. It waits until ctx is done; later answers are taken until the context open is.
func (a *ClusterAdapter) ask(ctx, open context.Context, m *ClusterMessage, take func(*ClusterMessage) bool) error {
	expected, err := a.bus.Others(ctx)
	if err != nil {
		return &PartialError{Err: err}
	}
	if expected <= 0 {
		return nil
	}
	m.RequestID = engineio.NewID()[:16]
	answered, all := 0, make(chan struct{})
	a.await(m.RequestID, func(answer *ClusterMessage) {
		if !take(answer) {
			return
		}
		if answered++; answered == expected {
			close(all)
		}
	})
	context.AfterFunc(open, func() { a.await(m.RequestID, nil) })
	if err := a.publish(m); err != nil {
		return &PartialError{Expected: expected, Err: err}
	}
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		a.mu.Lock()
		defer a.mu.Unlock()
		return &PartialError{Answered: answered, Expected: expected, Err: ctx.Err()}
	}
}

// await sets what takes the answers to a request, called with the lock held; nil is nobody any more.
func (a *ClusterAdapter) await(requestID string, take func(*ClusterMessage)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if take == nil {
		delete(a.pending, requestID)
	} else {
		a.pending[requestID] = take
	}
}

// gather is ask for requests that each node answers once.
func (a *ClusterAdapter) gather(ctx context.Context, timeout time.Duration, m *ClusterMessage, take func(*ClusterMessage)) error {
	if timeout <= 0 {
		timeout = a.o.RequestsTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return a.ask(ctx, ctx, m, func(answer *ClusterMessage) bool {
		take(answer)
		return true
	})
}

// FetchSockets implements Adapter.
func (a *ClusterAdapter) FetchSockets(ctx context.Context, t Target, f Flags) ([]RemoteSocket, error) {
	found, err := a.MemoryAdapter.FetchSockets(ctx, t, f)
	if err != nil || f.Local {
		return found, err
	}
	err = a.gather(ctx, f.Timeout, &ClusterMessage{Type: ClusterFetch, Target: t}, func(answer *ClusterMessage) {
		found = append(found, answer.Sockets...)
	})
	return found, err
}

// ServerSideEmit implements Adapter.
func (a *ClusterAdapter) ServerSideEmit(data []byte) error {
	return a.publish(&ClusterMessage{Type: ClusterServerSide, Data: data})
}

// ServerSideEmitWithAck implements Adapter.
func (a *ClusterAdapter) ServerSideEmitWithAck(ctx context.Context, data []byte) ([][]byte, error) {
	values := [][]byte{}
	err := a.gather(ctx, 0, &ClusterMessage{Type: ClusterServerSide, Data: data}, func(answer *ClusterMessage) {
		values = append(values, answer.Data)
	})
	return values, err
}

// AddSockets implements Adapter.
func (a *ClusterAdapter) AddSockets(t Target, f Flags, rooms []string) error {
	if err := a.MemoryAdapter.AddSockets(t, f, rooms); err != nil || f.Local {
		return err
	}
	return a.publish(&ClusterMessage{Type: ClusterJoin, Target: t, Rooms: rooms})
}

// DelSockets implements Adapter.
func (a *ClusterAdapter) DelSockets(t Target, f Flags, rooms []string) error {
	if err := a.MemoryAdapter.DelSockets(t, f, rooms); err != nil || f.Local {
		return err
	}
	return a.publish(&ClusterMessage{Type: ClusterLeave, Target: t, Rooms: rooms})
}

// DisconnectSockets implements Adapter.
func (a *ClusterAdapter) DisconnectSockets(t Target, f Flags, closeConn bool) error {
	if err := a.MemoryAdapter.DisconnectSockets(t, f, closeConn); err != nil || f.Local {
		return err
	}
	return a.publish(&ClusterMessage{Type: ClusterDisconnect, Target: t, Close: closeConn})
}

// Receive handles a message of another node. It does not wait for handlers. The messages of one node are given one at a time,
// in order.
func (a *ClusterAdapter) Receive(m *ClusterMessage) {
	if m.UID != a.o.UID {
		a.Apply(m)
	}
}

// Apply does for this node's sockets what a message says, whoever sent it. It is for adapters that get their own messages back, in
// the order in which all nodes get them.
func (a *ClusterAdapter) Apply(m *ClusterMessage) {
	var err error
	switch m.Type {
	case ClusterBroadcast:
		err = a.receiveBroadcast(m)
	case ClusterJoin:
		err = a.MemoryAdapter.AddSockets(m.Target, m.Flags, m.Rooms)
	case ClusterLeave:
		err = a.MemoryAdapter.DelSockets(m.Target, m.Flags, m.Rooms)
	case ClusterDisconnect:
		a.Later(func() error { return a.MemoryAdapter.DisconnectSockets(m.Target, m.Flags, m.Close) })
	case ClusterFetch:
		err = a.answerFetch(m)
	case ClusterServerSide:
		a.Later(func() error { return a.answerServerSide(m) })
	case ClusterFetchResponse, ClusterServerSideResponse, ClusterClientCount, ClusterAck:
		a.receiveAnswer(m)
	}
	if err != nil {
		a.o.OnError(err)
	}
}

// Later runs what may call handlers of the application, one after the other. What there is no place for is told to OnError.
func (a *ClusterAdapter) Later(fn func() error) {
	queued := a.tasks.do(func() {
		if err := fn(); err != nil {
			a.o.OnError(err)
		}
	})
	if !queued {
		a.o.OnError(ErrTooManyTasks)
	}
}

func (a *ClusterAdapter) receiveAnswer(m *ClusterMessage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if take := a.pending[m.RequestID]; take != nil {
		take(m)
	}
}

// Awaits reports whether a request of this node's own waits for answers.
func (a *ClusterAdapter) Awaits(requestID string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pending[requestID] != nil
}

func (a *ClusterAdapter) respond(m, answer *ClusterMessage) error {
	answer.UID, answer.RequestID = a.o.UID, m.RequestID
	return a.bus.Respond(m, answer)
}

func (a *ClusterAdapter) receiveBroadcast(m *ClusterMessage) error {
	if m.RequestID == "" {
		return a.MemoryAdapter.Broadcast(m.Packet, m.Target, m.Flags)
	}
	tell := func(answer *ClusterMessage) {
		if err := a.respond(m, answer); err != nil {
			a.o.OnError(err)
		}
	}
	if m.Flags.Timeout <= 0 {
		m.Flags.Timeout = a.o.RequestsTimeout
	}
	return a.MemoryAdapter.BroadcastWithAck(context.Background(), m.Packet, m.Target, m.Flags, func(n int) {
		tell(&ClusterMessage{Type: ClusterClientCount, ClientCount: n})
	}, func(r AckReply) {
		tell(&ClusterMessage{Type: ClusterAck, Data: firstValue(r.Data), Attachments: r.Attachments})
	})
}

// firstValue is what travels between nodes of an acknowledgement: Node's callbacks take one value.
func firstValue(array []byte) []byte {
	values, err := splitArray(nil, array)
	if err != nil || len(values) == 0 {
		return []byte("null")
	}
	return values[0]
}

func (a *ClusterAdapter) answerFetch(m *ClusterMessage) error {
	sockets, err := a.MemoryAdapter.FetchSockets(context.Background(), m.Target, m.Flags)
	if err != nil {
		return err
	}
	if shown := a.ns.shown.Load(); shown != nil {
		for i := range sockets {
			if s := a.ns.Socket(sockets[i].ID); s != nil {
				sockets[i].Data = (*shown)(s)
			}
		}
	}
	return a.respond(m, &ClusterMessage{Type: ClusterFetchResponse, Sockets: sockets})
}

// answerServerSide calls the handlers of another node's event. The first answer counts.
func (a *ClusterAdapter) answerServerSide(m *ClusterMessage) error {
	var once sync.Once
	a.ns.HandleServerSide(m.Data, func(value any) {
		if m.RequestID == "" {
			return
		}
		once.Do(func() {
			data, err := json.Marshal(value)
			if err == nil {
				err = a.respond(m, &ClusterMessage{Type: ClusterServerSideResponse, Data: data})
			}
			if err != nil {
				a.o.OnError(err)
			}
		})
	})
	return nil
}
