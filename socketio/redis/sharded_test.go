package redis_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"parley/socketio"
	"parley/socketio/adaptertest"
	"parley/socketio/redis"
)

func TestShardedConforms(t *testing.T) {
	server := startServer(t)
	for _, mode := range []redis.SubscriptionMode{redis.Dynamic, redis.DynamicPrivate, redis.Static} {
		t.Run(string(mode), func(t *testing.T) {
			adaptertest.Run(t, 3, func(*testing.T) adaptertest.Cluster { return shardedCluster(server, mode) })
		})
	}
}

func shardedCluster(server *server, mode redis.SubscriptionMode) adaptertest.Cluster {
	prefix := newPrefix()
	return adaptertest.Cluster{
		Node: func(t *testing.T, timeout time.Duration) socketio.AdapterFactory {
			return redis.NewSharded(redis.ShardedOptions{Options: server.options(t, prefix, timeout), Mode: mode})
		},
		Silent: func(t *testing.T) { subscribeOnly(t, server, prefix+"#/#", true) },
	}
}

func TestShardedHeals(t *testing.T) {
	testHeals(t, nil, func(o redis.Options) socketio.AdapterFactory {
		return redis.NewSharded(redis.ShardedOptions{Options: o})
	})
}

func TestShardedGarbage(t *testing.T) {
	testGarbage(t, func(o redis.Options) socketio.AdapterFactory {
		return redis.NewSharded(redis.ShardedOptions{Options: o})
	},
		[]string{"socket.io#/#", "socket.io#/#room#"},
		func(c rueidis.Client, channel, body string) rueidis.Completed {
			return c.B().Spublish().Channel(channel).Message(body).Build()
		})
}

// A node listens to the rooms that it has, and to no others.
func TestShardedFollowsRooms(t *testing.T) {
	server := startServer(t)
	n := startNode(t, redis.NewSharded(redis.ShardedOptions{Options: server.options(t, "p", time.Second)}), nil)
	c := server.client(t)
	channels := func() []string {
		list, err := c.Do(t.Context(), c.B().Arbitrary("PUBSUB", "SHARDCHANNELS").Build()).AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		return slices.DeleteFunc(list, func(name string) bool { return strings.Count(name, "#") == 3 && len(name) == len("p#/##")+16 })
	}
	eventually(t, "the room's channel", func() bool { return slices.Equal(channels(), []string{"p#/#", "p#/#room#"}) })
	s := n.Sockets()[0]
	for range 100 { // faster than Redis
		s.Join("other")
		s.Leave("other")
	}
	s.Join("a room, 20 long.....", "stays")
	s.Leave("room")
	eventually(t, "the rooms' channels", func() bool { return slices.Equal(channels(), []string{"p#/#", "p#/#stays#"}) })
	n.client.Close()
	eventually(t, "only the node's own", func() bool { return slices.Equal(channels(), []string{"p#/#"}) })
	if err := n.Adapter().Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "none", func() bool { return len(channels()) == 0 })
}
