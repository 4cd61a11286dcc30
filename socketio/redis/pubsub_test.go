package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"parley/socketio"
	"parley/socketio/adaptertest"
	"parley/socketio/redis"
)

func TestPubSubConforms(t *testing.T) {
	server := startServer(t)
	adaptertest.Run(t, 3, func(*testing.T) adaptertest.Cluster { return pubSubCluster(server, redis.PubSubOptions{}) })
}

func TestPubSubConformsWithResponseChannels(t *testing.T) {
	server := startServer(t)
	adaptertest.Run(t, 2, func(*testing.T) adaptertest.Cluster {
		return pubSubCluster(server, redis.PubSubOptions{PublishOnSpecificResponseChannel: true})
	})
}

func pubSubCluster(server *server, o redis.PubSubOptions) adaptertest.Cluster {
	prefix := newPrefix()
	return adaptertest.Cluster{
		Node: func(t *testing.T, timeout time.Duration) socketio.AdapterFactory {
			o := o
			o.Options = server.options(t, prefix, timeout)
			return redis.NewPubSub(o)
		},
		Silent: func(t *testing.T) { subscribeOnly(t, server, prefix+"-request#/#", false) },
	}
}

// subscribeOnly listens to a channel, as a node does, and never answers.
func subscribeOnly(t *testing.T, server *server, channel string, sharded bool) {
	t.Helper()
	c := server.client(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd := c.B().Subscribe().Channel(channel).Build()
		if sharded {
			cmd = c.B().Ssubscribe().Channel(channel).Build()
		}
		_ = c.Receive(ctx, cmd, func(rueidis.PubSubMessage) {}) // until it is cancelled
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}
