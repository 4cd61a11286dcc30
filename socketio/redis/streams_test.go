package redis_test

import (
	"testing"
	"time"

	"github.com/redis/rueidis"

	"parley/socketio"
	"parley/socketio/adaptertest"
	"parley/socketio/redis"
)

func TestStreamsConforms(t *testing.T) {
	server := startServer(t)
	for name, o := range map[string]redis.StreamsOptions{
		"one stream": {}, "three streams": {StreamCount: 3}, "sharded pub/sub, pages of one": {ShardedPubSub: true, ReadCount: 1},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, 3, func(*testing.T) adaptertest.Cluster { return streamsCluster(server, o, false) })
		})
		t.Run(name+", recovery on", func(t *testing.T) {
			adaptertest.Run(t, 2, func(*testing.T) adaptertest.Cluster { return streamsCluster(server, o, true) })
		})
	}
}

func streamsCluster(server *server, o redis.StreamsOptions, always bool) adaptertest.Cluster {
	prefix := newPrefix()
	return adaptertest.Cluster{
		Node: func(t *testing.T, timeout time.Duration) socketio.AdapterFactory {
			o := o
			o.Options = server.options(t, prefix, timeout)
			o.StreamName, o.SessionKeyPrefix = prefix, prefix+":session:"
			return redis.NewStreams(o)
		},
		Silent:   func(t *testing.T) { subscribeOnly(t, server, prefix+"#/#", o.ShardedPubSub) },
		Recovery: true, Always: always,
	}
}

func TestStreamsHeal(t *testing.T) {
	for name, recovery := range map[string]*socketio.Recovery{"plain": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			testHeals(t, recovery, func(o redis.Options) socketio.AdapterFactory {
				return redis.NewStreams(redis.StreamsOptions{Options: o, Block: 200 * time.Millisecond})
			})
		})
	}
}

func TestStreamsGarbage(t *testing.T) {
	factory := func(o redis.Options) socketio.AdapterFactory {
		return redis.NewStreams(redis.StreamsOptions{Options: o})
	}
	t.Run("channel", func(t *testing.T) {
		testGarbage(t, factory, []string{"socket.io#/#"}, func(c rueidis.Client, channel, body string) rueidis.Completed {
			return c.B().Publish().Channel(channel).Message(body).Build()
		})
	})
	for name, kind := range map[string]string{"broadcast": "3", "join": "4", "emit": "9", "no type": "", "answer": "8"} {
		t.Run(name, func(t *testing.T) {
			testGarbage(t, factory, []string{"socket.io"}, func(c rueidis.Client, stream, body string) rueidis.Completed {
				return c.B().Arbitrary("XADD").Keys(stream).Args("*", "nsp", "/", "uid", "x", "type", kind, "data", body).Build()
			})
		})
	}
}
