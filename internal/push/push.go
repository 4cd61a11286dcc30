package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
	webpush "github.com/SherClockHolmes/webpush-go"

	"parley/internal/chat"
	"parley/internal/jobs"
	"parley/internal/markdown"
)

const (
	// Job is the kind of the jobs.
	Job = "push"
	// keep is how long a service keeps a notice for a device that is off.
	keep = 24 * time.Hour
	// queued is how many messages may wait to be looked at. Past it they are not pushed: whoever writes does not wait for it.
	queued = 4096
	// idle is how long it is not asked again whether anybody wants to be told, when nobody did.
	idle     = time.Second
	timeout  = 20 * time.Second
	maxTitle = 80 // characters
	maxBody  = 180
)

// Options configures a [Push].
type Options struct {
	Chat *chat.Chat
	Jobs *jobs.Queue
	Log  *slog.Logger
	// Attention tells where somebody's attention is.
	Attention func(userID string) chat.Attention
	// Idle and Absolute are how long sessions last: a device's after its last use, and altogether.
	Idle, Absolute time.Duration
	// Control decides which addresses may be asked: see [net.Dialer]. Default: only public ones, on the ports of the web.
	Control func(network, address string, c syscall.RawConn) error
	// Transport reaches the services; default one of its own with Control.
	Transport *http.Transport
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Push pushes.
type Push struct {
	o       Options
	private string
	public  string
	subject atomic.Value // string: whom a service may write to
	client  *http.Client
	heard   chan *chat.Message
	dropped atomic.Int64
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open makes a Push, and the server's keys at its first start. Close ends it.
func Open(ctx context.Context, o Options) (*Push, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Control == nil {
		o.Control = ssrf.New().Safe
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 32 << 10, IdleConnTimeout: time.Minute}
	}
	o.Transport.Proxy = nil // it would be asked instead of the address, and the check would be of the proxy's
	o.Transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second, Control: o.Control}).DialContext
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	if private, public, err = o.Chat.PushKeys(ctx, private, public); err != nil {
		return nil, err
	}
	p := &Push{o: o, private: private, public: public, heard: make(chan *chat.Message, queued), client: &http.Client{
		Transport: o.Transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	p.SetSubject("parley@localhost")
	life, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.running.Go(func() { p.listen(life) })
	return p, nil
}

// Close ends looking at messages, and waits for it. Jobs end with their queue.
func (p *Push) Close() {
	p.stop()
	p.running.Wait()
	p.o.Transport.CloseIdleConnections()
}

// Key is what devices subscribe with.
func (p *Push) Key() string { return p.public }

// Dropped counts the messages that came too fast to be looked at.
func (p *Push) Dropped() int64 { return p.dropped.Load() }

// SetSubject says whom a service may write to: an https address, or a mail address.
func (p *Push) SetSubject(subject string) { p.subject.Store(subject) }

// Heard takes what was committed. It does not wait.
func (p *Push) Heard(e chat.Event) {
	if e.Entry == nil || e.Entry.Kind != chat.KindMessage || e.Entry.Message == nil {
		return
	}
	select {
	case p.heard <- e.Entry.Message:
	default:
		p.dropped.Add(1)
	}
}

// listen looks at what was heard. When there was no device to be told, what comes next is gathered until it is asked for devices again, not
// passed over: there may be one by then, perhaps by another node.
func (p *Push) listen(ctx context.Context) {
	var nobodyUntil time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-p.heard:
			list, over := p.gather(ctx, m, nobodyUntil)
			some, err := p.o.Chat.Pushes(ctx)
			if err == nil && !some {
				nobodyUntil = time.Now().Add(idle)
				continue
			}
			p.dropped.Add(over)
			for _, m := range list {
				each := err
				if each == nil {
					each = p.consider(ctx, m)
				}
				if each != nil && ctx.Err() == nil {
					p.o.Log.Warn("a message is not pushed", "room", m.RoomID, "seq", m.Seq, "error", each)
				}
			}
		}
	}
}

// gather returns a message and those that are heard until some time, and how many there were too many.
func (p *Push) gather(ctx context.Context, first *chat.Message, until time.Time) (list []*chat.Message, over int64) {
	list = append(list, first)
	wait := time.Until(until)
	if wait <= 0 {
		return list, 0
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return list, over
		case <-t.C:
			return list, over
		case m := <-p.heard:
			if len(list) == queued {
				over++
				continue
			}
			list = append(list, m)
		}
	}
}

// notice is what is to be told to a device.
type notice struct {
	Subscription string `json:"subscription"`
	RoomID       string `json:"roomId"`
	Seq          int64  `json:"seq"`
	SenderID     string `json:"senderId"`
}

// consider adds a job for each device that is to be told of a message.
func (p *Push) consider(ctx context.Context, m *chat.Message) error {
	audience, err := p.audience(ctx, notice{RoomID: m.RoomID, Seq: m.Seq, SenderID: m.SenderID})
	if err != nil {
		return err
	}
	for _, a := range audience {
		if !p.wanted(a, m) {
			continue
		}
		n := notice{a.Subscription.ID, m.RoomID, m.Seq, m.SenderID}
		if err := p.o.Jobs.Put(ctx, jobs.New{Kind: Job, Payload: n, Key: fmt.Sprintf("%s %s %d", n.Subscription, n.RoomID, n.Seq)}); err != nil {
			return err
		}
	}
	return nil
}

func (p *Push) audience(ctx context.Context, n notice) ([]chat.Addressee, error) {
	now := p.o.Now()
	return p.o.Chat.Audience(ctx, n.RoomID, n.Seq, n.SenderID, n.Subscription, now.Add(-p.o.Idle), now.Add(-p.o.Absolute))
}

// wanted decides whether a device is told of a message now.
func (p *Push) wanted(a chat.Addressee, m *chat.Message) bool {
	n := a.Notification
	dnd := n.Attention.Dnd
	n.Message, n.Attention = m, p.o.Attention(n.UserID)
	n.Attention.Dnd = dnd
	return chat.Notify(n).Has(chat.Push)
}

// Kind is the job that sends notices.
func (p *Push) Kind() jobs.Kind {
	return jobs.Kind{Name: Job, Handle: p.send, AtOnce: 8, Attempts: 12, Timeout: timeout + 10*time.Second}
}

// send tells a device of a message, if that is still to be told.
func (p *Push) send(ctx context.Context, j jobs.Job) error {
	var n notice
	if err := json.Unmarshal(j.Payload, &n); err != nil {
		return jobs.Permanent(fmt.Errorf("push: %w", err))
	}
	if p.o.Now().Sub(j.CreatedAt) > keep {
		return nil // nobody is to be told today of what was written yesterday
	}
	audience, err := p.audience(ctx, n)
	if err != nil || len(audience) == 0 {
		return err
	}
	a := audience[0]
	// As its owner may read it now. The audience has made sure that they are in the room.
	page, err := p.o.Chat.History(ctx, chat.Actor{UserID: a.Notification.UserID}, chat.HistoryQuery{RoomID: n.RoomID, AroundSeq: n.Seq, Limit: 2})
	if err != nil {
		return err // who has left meanwhile is in no audience the next time
	}
	for i := range page.Messages {
		if m := &page.Messages[i]; m.Seq == n.Seq && p.wanted(a, m) {
			return p.deliver(ctx, a, m)
		}
	}
	return nil
}

// payload is what the page's service worker shows.
type payload struct {
	Title  string `json:"title"`
	Body   string `json:"body"`
	RoomID string `json:"roomId"`
	Seq    int64  `json:"seq"`
}

func payloadOf(a chat.Addressee, m *chat.Message) payload {
	title := m.SenderName
	if a.RoomName != "" {
		title += " · " + a.RoomName
	}
	return payload{clip(title, maxTitle), clip(markdown.Plain(m.Text), maxBody), m.RoomID, m.Seq}
}

func clip(text string, characters int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= characters {
		return string(runes)
	}
	return string(runes[:characters-1]) + "…"
}

func (p *Push) deliver(ctx context.Context, a chat.Addressee, m *chat.Message) error {
	body, err := json.Marshal(payloadOf(a, m))
	if err != nil {
		return jobs.Permanent(err)
	}
	s := a.Subscription
	subject, _ := p.subject.Load().(string)
	res, err := webpush.SendNotificationWithContext(ctx, body, &webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: s.P256dh, Auth: s.Auth}}, &webpush.Options{
		HTTPClient: p.client, Subscriber: subject, TTL: int(keep.Seconds()), Urgency: webpush.UrgencyHigh, VAPIDPublicKey: p.public, VAPIDPrivateKey: p.private,
	})
	if err != nil {
		if errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedPort) || errors.Is(err, ssrf.ErrProhibitedNetwork) {
			return errors.Join(p.o.Chat.DropPush(ctx, s.ID), jobs.Permanent(err)) // it is where nobody's browser has its service
		}
		return fmt.Errorf("push: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10)) // so that the connection can be used again
	_ = res.Body.Close()
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return p.o.Chat.DropPush(ctx, s.ID)
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return fmt.Errorf("push: the service answered %d", res.StatusCode)
	}
	return jobs.Permanent(fmt.Errorf("push: the service answered %d", res.StatusCode))
}
