package socketio_test

import (
	"testing"
	"time"

	"parley/socketio"
	"parley/socketio/adaptertest"
)

func TestMemoryAdapterConforms(t *testing.T) {
	adaptertest.Run(t, 1, func(*testing.T) adaptertest.Cluster {
		return adaptertest.Cluster{Node: func(*testing.T, time.Duration) socketio.AdapterFactory { return socketio.NewMemoryAdapter }}
	})
}

func TestHubConforms(t *testing.T) {
	adaptertest.Run(t, 3, func(*testing.T) adaptertest.Cluster {
		hub := socketio.NewHub()
		return adaptertest.Cluster{
			Node: func(_ *testing.T, timeout time.Duration) socketio.AdapterFactory {
				return hub.Adapter(socketio.ClusterOptions{RequestsTimeout: timeout})
			},
			Silent: hub.JoinSilently,
		}
	})
}
