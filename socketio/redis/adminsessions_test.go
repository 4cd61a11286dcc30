package redis_test

import (
	"testing"
	"time"

	"parley/socketio/redis"
)

func TestAdminSessionsHoldOnAllNodesAndEnd(t *testing.T) {
	server := startServer(t)
	here := redis.NewAdminSessions(redis.AdminSessionsOptions{Client: server.client(t)})
	there := redis.NewAdminSessions(redis.AdminSessionsOptions{Client: server.client(t)})
	if ok, err := there.Exists(t.Context(), "a"); ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := here.Save(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if ok, err := there.Exists(t.Context(), "a"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	c := server.client(t)
	ttl, err := c.Do(t.Context(), c.B().Pttl().Key("socket.io-admin#a").Build()).AsInt64()
	if left := time.Duration(ttl) * time.Millisecond; err != nil || left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("it ends in %v, %v, want in 24 h", left, err)
	}
}
