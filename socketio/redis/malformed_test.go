package redis_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"parley/socketio"
	"parley/socketio/redis"
)

// garbage is what no node sends. Some of it would reach everybody, or run code, if it were taken for what it resembles.
var garbage = []string{
	"", "{", "[]", "null", "\xc1", "\x93\xc0\xc0\xc0", "{}", `{"type":"x"}`, `{"type":4}`, `{"type":6,"data":7}`, `{"type":7,"opts":{"rooms":[],"except":[]}}`,
	`{"type":7,"requestId":"x","opts":{"rooms":[],"except":[]},"packet":{"type":2,"data":{},"nsp":"/"}}`,
	`{"type":2,"opts":{"rooms":[{}],"except":[]},"rooms":["a"]}`, `{"type":99,"opts":{"rooms":[]}}`,
	"\x93\xa1x\x83\xa4type\x02\xa4data\x92\xaadisconnect\xa1x\xa3nsp\xa1/\x82\xa5rooms\x90\xa6except\x90",
	"\x93\xa1x\x83\xa4type\x01\xa4data\xc0\xa3nsp\xa1/\x82\xa5rooms\x90\xa6except\x90",
}

// testGarbage publishes garbage on channels and checks that the adapter tells of it, and goes on.
func testGarbage(t *testing.T, factory func(redis.Options) socketio.AdapterFactory, channels []string, send func(c rueidis.Client, channel, body string) rueidis.Completed) {
	server := startServer(t)
	var mu sync.Mutex
	malformed := 0
	o := redis.Options{Client: server.client(t), RequestsTimeout: time.Second, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if errors.Is(err, redis.ErrMalformed) {
			malformed++
		} else {
			t.Error(err)
		}
	}}
	a := startNode(t, factory(o), nil)
	o.OnError = nil
	b := startNode(t, factory(o), nil)
	c := server.client(t)
	for _, channel := range channels {
		for _, body := range garbage {
			if err := c.Do(t.Context(), send(c, channel, body)).Error(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Emit("n", "after it"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what comes after the garbage", func() bool { return a.has(`"after it"`) })
	mu.Lock()
	defer mu.Unlock()
	if want := len(channels) * len(garbage) / 2; malformed < want {
		t.Errorf("OnError was told of %d, wanted at least %d", malformed, want)
	}
	if len(a.got) != 1 || a.Len() != 1 {
		t.Errorf("garbage had effects: %v, %d sockets", a.got, a.Len())
	}
}

func TestPubSubGarbage(t *testing.T) {
	testGarbage(t, func(o redis.Options) socketio.AdapterFactory { return redis.NewPubSub(redis.PubSubOptions{Options: o}) },
		[]string{"socket.io#/#", "socket.io#/#room#", "socket.io-request#/#"},
		func(c rueidis.Client, channel, body string) rueidis.Completed {
			return c.B().Publish().Channel(channel).Message(body).Build()
		})
}
