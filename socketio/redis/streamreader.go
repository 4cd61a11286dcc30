package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// ErrTrimmed is told to OnError when a stream no longer had what this node had not read yet: a longer MaxLen would have kept it.
var ErrTrimmed = errors.New("redis: entries of the stream were gone before this node had read them")

// streamListener gets the entries of one namespace, one at a time, in the stream's order.
type streamListener interface {
	namespace() string
	entry(id streamID, fields map[string]string)
	gap() // entries were missed, or the stream is another one
}

// streamReaders are the streams that a server's namespaces read.
type streamReaders struct {
	o StreamsOptions

	mu     sync.Mutex
	byName map[string]*streamReader
}

// add returns when the place in the stream is known from which the listener hears everything, or Redis is away.
func (s *streamReaders) add(name string, l streamListener) *streamReader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byName[name]
	if r == nil {
		ctx, cancel := context.WithCancel(context.Background())
		r = &streamReader{o: s.o, name: name, cancel: cancel, done: make(chan struct{}), listeners: map[string]streamListener{}}
		s.byName[name] = r
		err := r.locate(ctx)
		if err != nil {
			s.o.OnError(err)
		}
		go r.run(ctx, err == nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners[l.namespace()] = l
	return r
}

// remove returns when the listener is not called any more.
func (s *streamReaders) remove(name, nsp string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byName[name]
	if r == nil {
		return
	}
	r.mu.Lock()
	delete(r.listeners, nsp)
	last := len(r.listeners) == 0
	r.mu.Unlock()
	if last {
		delete(s.byName, name)
		r.cancel()
		<-r.done
	}
}

// streamReader reads one stream for all namespaces that write to it.
type streamReader struct {
	o      StreamsOptions
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	place  atomic.Pointer[streamID] // of the last entry that was handled; nil while it is not known

	mu        sync.Mutex // held while an entry is handled
	listeners map[string]streamListener
}

func (r *streamReader) at() streamID {
	if p := r.place.Load(); p != nil {
		return *p
	}
	return streamID{}
}

// run reads until ctx is done. Whatever goes wrong is tried again.
func (r *streamReader) run(ctx context.Context, located bool) {
	defer close(r.done)
	const least = 50 * time.Millisecond
	for delay := least; ; {
		var err error
		if !located {
			err = r.locate(ctx)
		}
		if err == nil {
			located = true
			err = r.read(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			delay = least
			continue
		}
		located = false
		r.o.OnError(fmt.Errorf("redis: reading the stream %s: %w", r.name, err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
			delay = min(2*delay, 2*time.Second)
		}
	}
}

// read waits for entries and hands them out.
func (r *streamReader) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // no deadline: with one, the client would not notice that it is cancelled
	defer time.AfterFunc(r.o.Block+r.o.RequestsTimeout, cancel).Stop()
	defer cancel()
	cmd := r.o.Client.B().Xread().Count(int64(r.o.ReadCount)).Block(r.o.Block.Milliseconds()).Streams().Key(r.name).Id(r.at().String()).Build()
	found, err := r.o.Client.Do(ctx, cmd).AsXRead()
	if rueidis.IsRedisNil(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range found[r.name] {
		id, ok := parseStreamID(e.ID)
		if !ok {
			return ErrMalformed
		}
		r.handle(id, e.FieldValues)
	}
	return nil
}

func (r *streamReader) handle(id streamID, fields map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.listeners[fields["nsp"]]; l != nil {
		l.entry(id, fields)
	}
	r.place.Store(&id)
}

// locate finds the end of the stream at the start. After that it looks whether the place still is one of this stream, and whether
// what follows it is still there.
func (r *streamReader) locate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.RequestsTimeout)
	defer cancel()
	info, err := streamInfo(ctx, r.o.Client, r.name)
	if err != nil {
		return err
	}
	known := r.place.Load()
	switch {
	case known == nil:
		r.place.Store(&info.last)
	case known.after(info.last): // it has been made anew
		r.place.Store(&streamID{})
		r.tellGap(nil)
	case info.first.after(*known) && info.added != info.length: // something was let go of, perhaps before it was read
		r.tellGap(ErrTrimmed)
	}
	return nil
}

func (r *streamReader) tellGap(err error) {
	if err != nil {
		r.o.OnError(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.listeners {
		l.gap()
	}
}

// streamFacts are what Redis says of a stream. One that does not exist has none.
type streamFacts struct {
	first, last   streamID
	length, added int64 // added is -1 before Redis 7
}

func streamInfo(ctx context.Context, c rueidis.Client, name string) (streamFacts, error) {
	var f streamFacts
	exists, err := c.Do(ctx, c.B().Exists().Key(name).Build()).AsBool()
	if err != nil || !exists {
		return f, err
	}
	info, err := c.Do(ctx, c.B().XinfoStream().Key(name).Build()).AsMap()
	if err != nil {
		return f, err
	}
	text := func(m rueidis.RedisMessage) string { s, _ := m.ToString(); return s } // no string is no id
	f.last, _ = parseStreamID(text(info["last-generated-id"]))
	if entry := info["first-entry"]; !entry.IsNil() {
		if parts, err := entry.ToArray(); err == nil && len(parts) > 0 {
			f.first, _ = parseStreamID(text(parts[0]))
		}
	}
	length, added := info["length"], info["entries-added"]
	f.length, _ = length.AsInt64()
	if f.added, err = added.AsInt64(); err != nil {
		f.added = -1
	}
	return f, nil
}
