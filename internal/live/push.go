package live

import (
	"context"

	"parley/internal/chat"
)

type pushKeyReply struct {
	ok
	Key string `json:"key"` // the server's, which a device subscribes with
}

var errNoPush = &chat.Error{Kind: chat.NotFound, Message: "This server pushes nothing"}

// pushKey tells what devices subscribe with.
func (d *Door) pushKey(_ context.Context, _ *client, _ emptyRequest) (pushKeyReply, error) {
	if d.o.PushKey == nil {
		return pushKeyReply{}, errNoPush
	}
	return pushKeyReply{done, d.o.PushKey()}, nil
}

type pushSubscribeRequest struct {
	Endpoint string `json:"endpoint"` // of the browser's service
	P256dh   string `json:"p256dh"`   // the device's public key, base64url
	Auth     string `json:"auth"`     // its secret, base64url
}

// pushSubscribe has the device told of messages while nobody looks at the page, as long as its session lasts.
func (d *Door) pushSubscribe(ctx context.Context, c *client, in pushSubscribeRequest) (ok, error) {
	if d.o.PushKey == nil {
		return ok{}, errNoPush
	}
	return done, d.o.Chat.SubscribePush(ctx, *c.person(), chat.PushSubscription{Endpoint: in.Endpoint, P256dh: in.P256dh, Auth: in.Auth})
}

type pushUnsubscribeRequest struct {
	Endpoint string `json:"endpoint"`
}

// pushUnsubscribe has the device told no more.
func (d *Door) pushUnsubscribe(ctx context.Context, c *client, in pushUnsubscribeRequest) (ok, error) {
	return done, d.o.Chat.UnsubscribePush(ctx, *c.person(), in.Endpoint)
}

// Attention is where somebody's attention is, on all their devices.
func (d *Door) Attention(userID string) chat.Attention {
	d.people.mu.Lock()
	defer d.people.mu.Unlock()
	var out chat.Attention
	if here := d.people.byID[userID]; here != nil { // who is leaving has no connection, and is not looking
		for c := range here.clients {
			out.Connected, out.Looking = true, out.Looking || !c.idle.Load()
		}
	}
	for _, e := range d.people.nodes {
		if h, ok := e.people[userID]; ok && h.Conns > 0 {
			out.Connected, out.Looking = true, out.Looking || !h.Away
		}
	}
	return out
}
