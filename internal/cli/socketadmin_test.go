package cli

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"parley/socketio/client"
)

// adminPage connects as the Socket.IO admin page does; what it hears goes to events.
func (s *server) adminPage(auth any, events chan<- string) (*client.Client, error) {
	s.t.Helper()
	c, err := client.Dial(s.t.Context(), s.url, client.Options{
		Namespace: "/admin", Auth: auth,
		OnEvent: func(event string, args []json.RawMessage) {
			text, _ := json.Marshal(args)
			select {
			case events <- event + string(text):
			default:
			}
		},
	})
	if err == nil {
		s.t.Cleanup(c.Close)
	}
	return c, err
}

func TestTheAdminPageSeesTheNumbersOfAllNodesAndDoesNothing(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("password of the operator"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	nodes, _ := startNodes(t, 2, "--socket-admin=operator:"+string(hash))
	var refused *client.ConnectError
	if _, err := nodes[0].adminPage(map[string]string{"username": "operator", "password": "a guess"}, nil); !errors.As(err, &refused) {
		t.Fatalf("a guess: %v", err)
	}
	ana := nodes[1].join("Ana")
	ana.must("chat-message", reply{"text": "nothing for the operator"})
	events := make(chan string, 1000)
	page, err := nodes[0].adminPage(map[string]string{"username": "operator", "password": "password of the operator"}, events)
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Emit("_disconnect", "/", true); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for deadline := time.After(20 * time.Second); len(seen) < 5; {
		select {
		case e := <-events:
			if strings.Contains(e, "nothing for the operator") {
				t.Fatalf("the page sees what people write: %s", e)
			}
			for _, part := range []string{
				`"supportedFeatures":["AGGREGATED_EVENTS"]`, `"serverId":"` + nodes[0].nodeName(), `"serverId":"` + nodes[1].nodeName(),
				`{"name":"/","socketsCount":1}`, `session["`,
			} {
				if strings.Contains(e, part) {
					seen[part] = true
				}
			}
		case <-deadline:
			t.Fatalf("seen only %v", seen)
		}
	}
	ana.must("chat-message", reply{"text": "still here"})
}

// nodeName is the name that begins the ids of a node's sessions.
func (s *server) nodeName() string {
	s.t.Helper()
	res, err := http.Get(s.url + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(body), `"sid":"`)
	name, _, ok := strings.Cut(rest, ".")
	if !ok {
		s.t.Fatalf("no node in %s", body)
	}
	return name
}

func TestThereIsNoAdminNamespaceUnlessItIsSetUp(t *testing.T) {
	s := start(t)
	_, err := s.adminPage(map[string]string{"username": "", "password": ""}, nil)
	if err == nil || !strings.Contains(err.Error(), "Invalid namespace") {
		t.Errorf("%v, want Invalid namespace", err)
	}
}
