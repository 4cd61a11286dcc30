package live

import (
	"context"
	"fmt"
	"maps"
	"time"

	"parley/internal/chat"
)

// How many threads a connection hears of at once: of those that its person follows, and with those that it has opened besides. In
// others it asks what is new.
const (
	maxThreads     = 300
	maxOpenThreads = 400
)

type threadOpenRequest struct {
	RoomID    string `json:"roomId"`
	MessageID string `json:"messageId"` // what it is about
}

// threadOpen returns the thread about a message, and makes it if there is none. The connection hears of it from then on, until
// thread-close.
func (d *Door) threadOpen(ctx context.Context, c *client, in threadOpenRequest) (roomReply, error) {
	t, err := d.o.Chat.OpenThread(ctx, *c.person(), roomOrLobby(in.RoomID), in.MessageID)
	if err == nil {
		err = d.enterThread(ctx, c, t.ID, maxOpenThreads)
	}
	// It is read again: what comes after this answer is heard.
	return d.myRoom(ctx, c, t.ID, err)
}

// threadClose ends that, unless the person follows the thread.
func (d *Door) threadClose(ctx context.Context, c *client, in roomRequest) (ok, error) {
	t, err := d.o.Chat.MyRoom(ctx, *c.person(), in.RoomID)
	if err != nil {
		return ok{}, err
	}
	if !t.Following {
		c.leaveThread(in.RoomID)
	}
	return done, nil
}

type threadFollowRequest struct {
	RoomID string `json:"roomId"` // the thread
	On     *bool  `json:"on"`     // default true
}

// threadFollow makes the person follow a thread, or stop.
func (d *Door) threadFollow(ctx context.Context, c *client, in threadFollowRequest) (roomReply, error) {
	t, err := d.o.Chat.FollowThread(ctx, *c.person(), in.RoomID, in.On == nil || *in.On)
	return d.myRoom(ctx, c, t.ID, err)
}

type threadListRequest struct {
	RoomID string `json:"roomId"` // the threads of this room; otherwise those that the person follows
	Unread bool   `json:"unread"` // only with something unread
	Cursor int64  `json:"cursor"` // of the page before
}

// wireThread is a thread and what it is about.
type wireThread struct {
	Room wireMyRoom  `json:"room"`
	Root wireMessage `json:"root"`
}

type threadListReply struct {
	ok
	Threads []wireThread `json:"threads"`
	Cursor  int64        `json:"cursor,omitempty"` // of the next page
}

// threadList lists threads, those with the latest news first. The connection hears from then on of those that its person follows,
// also of those that they will.
func (d *Door) threadList(ctx context.Context, c *client, in threadListRequest) (threadListReply, error) {
	list, err := d.o.Chat.Threads(ctx, *c.person(), chat.ThreadQuery{RoomID: in.RoomID, Unread: in.Unread, Before: in.Cursor})
	if err != nil {
		return threadListReply{}, err
	}
	if in.RoomID == "" {
		c.mu.Lock()
		c.wantsNew = true
		c.mu.Unlock()
		entered := false
		for _, t := range list.Threads {
			if c.hears(t.ID) {
				continue
			}
			entered = true
			if err := d.enterThread(ctx, c, t.ID, maxThreads); err != nil {
				if kind := chat.AsError(err).Kind; kind != chat.NotFound && kind != chat.TooLarge {
					return threadListReply{}, err
				}
			}
		}
		if entered { // what has come meanwhile was not heard
			list, err = d.o.Chat.Threads(ctx, *c.person(), chat.ThreadQuery{Unread: in.Unread, Before: in.Cursor})
		}
	}
	out := threadListReply{ok: done, Threads: []wireThread{}, Cursor: list.Before}
	for _, t := range list.Threads {
		root := list.Roots[t.RootID]
		out.Threads = append(out.Threads, wireThread{d.toWireMyRoom(t), toWire(&root)})
	}
	return out, err
}

// enterThread lets a connection hear of a thread. It does so at the one point of the parent's log at which its person was read to be
// a member there: whatever ends the membership comes after it, and takes the connection out again.
func (d *Door) enterThread(ctx context.Context, c *client, id string, limit int) error {
	for range enterAttempts {
		if c.hears(id) {
			return nil
		}
		a := c.person()
		if a == nil {
			return errNotJoined
		}
		at, err := d.o.Chat.ThreadAt(ctx, *a, id)
		if err != nil {
			return err
		}
		entered := make(chan bool, 1)
		if !d.sequence.enter(at.ParentID, at.ParentSeq, func() { entered <- c.enterThread(id, at.ParentID, limit) }) {
			continue
		}
		select {
		case ok := <-entered:
			if !ok {
				return &chat.Error{Kind: chat.TooLarge, Message: fmt.Sprintf("Too many threads at once (max %d): close some", limit)}
			}
		case <-ctx.Done():
			return errBusy
		}
		d.sequence.head(id, at.Seq) // from here on it is looked at whether the thread has news that nobody tells of
		return nil
	}
	return errBusy
}

var errBusy = &chat.Error{Kind: chat.Unavailable, Message: "The server is busy", RetryAfter: time.Second}

// hears reports whether the connection hears of a thread.
func (c *client) hears(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.threads[id] != ""
}

// enterThread reports false for one thread too many.
func (c *client) enterThread(id, parent string, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.person() == nil || !c.socket.Connected() {
		return true // it has gone
	}
	if len(c.threads) >= limit {
		return false
	}
	if c.threads == nil {
		c.threads = map[string]string{}
	}
	c.threads[id] = parent
	c.socket.Join(roomOf(id))
	return true
}

func (c *client) leaveThread(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.threads[id] != "" {
		delete(c.threads, id)
		c.socket.Leave(roomOf(id))
	}
}

// leaveThreads takes a person's connections out of the threads of a room that they have left.
func (d *Door) leaveThreads(userID, parent string) {
	for _, c := range d.clientsOf(userID) {
		c.mu.Lock()
		heard := maps.Clone(c.threads)
		c.mu.Unlock()
		for id, in := range heard {
			if in == parent {
				c.leaveThread(id)
				d.typing.forget(id, userID)
			}
		}
	}
}

// followNotice tells a person's devices that they follow a thread, or no more.
type followNotice struct {
	RoomID    string `json:"roomId"` // the thread
	ParentID  string `json:"parentId"`
	Following bool   `json:"following"`
}

// followed tells a person's connections that they follow a thread now, once those that want to hear of it do.
func (d *Door) followed(f chat.Follow) {
	notice := encode(followNotice{f.RoomID, f.ParentID, f.Following})
	for _, c := range d.clientsOf(f.UserID) {
		c.mu.Lock()
		wants := c.wantsNew && f.Following && c.threads[f.RoomID] == ""
		c.mu.Unlock()
		if !wants {
			d.failed("thread-followed", c.socket.Emit("thread-followed", notice))
			continue
		}
		if d.life.Err() != nil {
			return
		}
		d.running.Go(func() { // it reads, for which the committer cannot wait
			ctx, cancel := context.WithTimeout(d.life, requestTimeout)
			defer cancel()
			if err := d.enterThread(ctx, c, f.RoomID, maxThreads); err == nil {
				d.failed("thread-followed", c.socket.Emit("thread-followed", notice))
			} else if chat.AsError(err).Kind != chat.NotFound {
				d.o.Log.Warn("a follower does not hear of a thread", "error", err)
			}
		})
	}
}

// enterFollowed lets a connection hear of the threads that its person has come to follow while this node did not hear of it.
func (d *Door) enterFollowed(ctx context.Context, c *client) {
	c.mu.Lock()
	wants := c.wantsNew
	c.mu.Unlock()
	if a := c.person(); wants && a != nil {
		list, err := d.o.Chat.Threads(ctx, *a, chat.ThreadQuery{})
		for i := 0; err == nil && i < len(list.Threads); i++ {
			err = d.enterThread(ctx, c, list.Threads[i].ID, maxThreads)
		}
	}
}
