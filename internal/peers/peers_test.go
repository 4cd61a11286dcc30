package peers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"parley/internal/peers/redistest"
)

// node is one of the nodes of a test, and what it was told.
type node struct {
	*Peers
	t *testing.T

	mu        sync.Mutex
	in        []string
	ups       int
	confirmed map[string]int
}

func connectNode(t *testing.T, redis *redistest.Server, name string) *node {
	t.Helper()
	p, err := Connect(redis.URL(), name, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.older.answer = 0
	return &node{Peers: p, t: t, confirmed: map[string]int{}}
}

func (n *node) listening() *node {
	n.t.Helper()
	n.Listen(func(message []byte) { n.note(func() { n.in = append(n.in, string(message)) }) }, func() { n.note(func() { n.ups++ }) },
		func(topics []string) {
			n.note(func() {
				for _, topic := range topics {
					n.confirmed[topic]++
				}
			})
		}, []byte("sorry"))
	n.becomes("up", func() bool { return n.ups == 1 && n.Healthy() })
	return n
}

func (n *node) note(what func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what()
}

// becomes waits until something is so.
func (n *node) becomes(what string, is func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		n.mu.Lock()
		yes := is()
		n.mu.Unlock()
		if yes {
			return
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.t.Fatalf("%s is never: %s; heard %q, up %d times, confirmed %v", n.node, what, n.in, n.ups, n.confirmed)
}

func (n *node) subscribes(topic string) {
	n.t.Helper()
	n.Subscribe(topic)
	n.becomes(topic+" confirmed", func() bool { return n.confirmed[topic] > 0 })
}

// hears waits until something was heard.
func (n *node) hears(message string) {
	n.t.Helper()
	n.becomes("heard "+message, func() bool { return slices.Contains(n.in, message) })
}

// heard is all that was heard up to a last message to all, which is sent here.
func (n *node) heard(from *node) []string {
	n.t.Helper()
	last := fmt.Sprintf("the last, %d", time.Now().UnixNano())
	from.Publish([]byte(last))
	n.hears(last)
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.in), func(m string) bool { return strings.HasPrefix(m, "the last, ") })
}

func TestATopicGoesToThoseThatHaveSubscribedToIt(t *testing.T) {
	redis := redistest.Start(t)
	a, b, c := connectNode(t, redis, "a").listening(), connectNode(t, redis, "b").listening(), connectNode(t, redis, "c").listening()
	b.subscribes("room 1")
	b.subscribes("room 2")
	c.subscribes("room 2")
	a.subscribes("room 1") // it does not hear itself
	a.Publish([]byte("one"), "room 1")
	a.Publish([]byte("two"), "room 2")
	a.Publish([]byte("all"))
	a.Publish([]byte("three"), "room 1", "room 3")
	for n, want := range map[*node][]string{a: nil, b: {"one", "two", "all", "three"}, c: {"two", "all"}} {
		if n == a {
			a.mu.Lock()
			got := slices.Clone(a.in)
			a.mu.Unlock()
			if len(got) > 0 {
				t.Errorf("a heard itself: %q", got)
			}
		} else if got := n.heard(a); !slices.Equal(got, want) {
			t.Errorf("%s heard %q, want %q", n.node, got, want)
		}
	}
	b.Unsubscribe("room 2")
	b.subscribes("room 4") // what came before it has been done
	a.Publish([]byte("four"), "room 2")
	if got := b.heard(a); slices.Contains(got, "four") {
		t.Error("b hears of a topic that it has left")
	}
}

// Whatever Redis goes through, a node that is healthy again hears what it had subscribed to.
func TestTopicsOutliveTheConnection(t *testing.T) {
	redis := redistest.Start(t)
	a, b := connectNode(t, redis, "a").listening(), connectNode(t, redis, "b").listening()
	b.subscribes("before")
	redis.Kill()
	b.becomes("down", func() bool { return !b.Healthy() })
	b.Subscribe("meanwhile")
	if err := redis.Run(); err != nil {
		t.Fatal(err)
	}
	b.becomes("up again", func() bool { return b.ups == 2 && b.confirmed["before"] == 2 && b.confirmed["meanwhile"] == 1 })
	a.becomes("up again", func() bool { return a.ups == 2 && a.Healthy() })
	a.Publish([]byte("one"), "before")
	a.Publish([]byte("two"), "meanwhile")
	if got := b.heard(a); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("heard %q", got)
	}
}

// What could not be told is regretted when Redis answers again, once.
func TestWhatCouldNotBeToldIsRegretted(t *testing.T) {
	redis := redistest.Start(t)
	a, b := connectNode(t, redis, "a").listening(), connectNode(t, redis, "b").listening()
	redis.Kill()
	b.becomes("down", func() bool { return !b.Healthy() })
	a.Publish([]byte("lost"))
	a.becomes("aware of it", func() bool { return a.Dropped() == 1 })
	if err := redis.Run(); err != nil {
		t.Fatal(err)
	}
	b.becomes("up again", func() bool { return b.ups == 2 })
	b.hears("sorry")
	if got := b.heard(a); !slices.Equal(got, []string{"sorry"}) {
		t.Errorf("heard %q", got)
	}
}

// Topics that come and go by the thousands, from everywhere, end as they were meant last.
func TestTopicsThatComeAndGo(t *testing.T) {
	redis := redistest.Start(t)
	n := connectNode(t, redis, "n").listening()
	want := map[string]bool{}
	var all sync.WaitGroup
	for g := range 8 {
		for i := range 500 {
			if name := fmt.Sprintf("%d/%d", g, i); i%3 > 0 {
				want[n.channelOf(name)] = true
			}
		}
		all.Go(func() {
			for i := range 500 {
				name := fmt.Sprintf("%d/%d", g, i)
				n.Subscribe(name)
				if i%3 < 2 {
					n.Unsubscribe(name)
				}
				if i%3 == 1 {
					n.Subscribe(name)
				}
			}
		})
	}
	all.Wait()
	want[n.channel] = true
	n.becomes("subscribed to what is wanted", func() bool {
		have, err := n.Client().Do(context.Background(), n.Client().B().PubsubChannels().Pattern("*").Build()).AsStrSlice()
		if err != nil {
			t.Error(err)
		}
		there := map[string]bool{}
		for _, channel := range have {
			there[channel] = true
		}
		return maps.Equal(there, want)
	})
	if got := n.Subscriptions(); got != len(want)-1 {
		t.Errorf("%d subscriptions, want %d", got, len(want)-1)
	}
}

// Nodes of the version before hear everything, and are heard; when the last has gone, topics are told again to those alone that listen.
func TestNodesOfTheVersionBefore(t *testing.T) {
	redis := redistest.Start(t)
	a, b, c := connectNode(t, redis, "a"), connectNode(t, redis, "b"), connectNode(t, redis, "c")
	a.older.lease = time.Second
	a.listening()
	b.listening()
	c.listening()
	b.subscribes("room")
	o, err := rueidis.ParseURL(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	o.DisableCache, o.ForceSingleClient = true, true
	old, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hears, up := make(chan string, 100), make(chan struct{}, 1)
	go func() {
		_ = old.Receive(rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { up <- struct{}{} }),
			old.B().Subscribe().Channel("parley:nodes:0").Build(), func(m rueidis.PubSubMessage) { hears <- m.Message }) // it ends with ctx
	}()
	<-up
	heardOld := func() string {
		for {
			if from, message, _ := strings.Cut(<-hears, ":"); from != "old" {
				return message
			}
		}
	}
	if err := old.Do(ctx, old.B().Publish().Channel("parley:nodes:0").Message("old:I am here").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{a, b, c} {
		n.hears("I am here")
	}
	a.Publish([]byte("while it is there"), "room", "another")
	if message := heardOld(); message != "while it is there" {
		t.Errorf("it heard %q", message)
	}
	if got := b.heard(a); !slices.Equal(got, []string{"I am here", "while it is there"}) {
		t.Errorf("b heard %q: each once", got)
	}
	a.becomes("alone with those of this version", func() bool { return !a.older.among(time.Now()) })
	a.Publish([]byte("when it has gone"), "room")
	b.hears("when it has gone")
	if got := c.heard(a); slices.Contains(got, "when it has gone") {
		t.Error("c hears of a topic that it has not subscribed to")
	}
}
