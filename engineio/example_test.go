package engineio_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"parley/engineio"
)

// echo is a Handler that sends back what it gets.
type echo struct{}

func (echo) OnMessage(s *engineio.Session, isBinary bool, data []byte) {
	_ = s.SendOne(engineio.NewMessage(isBinary, data)) // a session that has ended needs no echo
}

func (echo) OnClose(*engineio.Session, engineio.Reason, error) {}

// ask makes a request of long-polling and returns the answer.
func ask(url, method, query, body string) string {
	req, err := http.NewRequestWithContext(context.Background(), method, url+"/?EIO=4&transport=polling"+query, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body) // what there is of it
	return string(text)
}

// The engine alone, without Socket.IO on top, spoken to by hand over long-polling.
func ExampleServer() {
	srv := engineio.NewServer(engineio.Options{
		GenerateID: func(*http.Request) string { return "session-1" }, // only so that the example prints the same each time
	}, func(*engineio.Session) engineio.Handler { return echo{} })
	web := httptest.NewServer(srv)
	defer web.Close()
	defer func() { _ = srv.Close(context.Background()) }()

	fmt.Println(ask(web.URL, http.MethodGet, "", ""))
	fmt.Println(ask(web.URL, http.MethodPost, "&sid=session-1", "4hello"))
	fmt.Println(ask(web.URL, http.MethodGet, "&sid=session-1", ""))
	fmt.Println(ask(web.URL, http.MethodPost, "&sid=session-1", "1")) // good-bye
	// Output:
	// 0{"sid":"session-1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
	// ok
	// 4hello
	// ok
}

// Two nodes behind a balancer that sends each request wherever it likes: a session lives on the first, and its client is understood by
// the second. Package socketio/redis has Nodes that find each other.
func ExampleFixedNodes() {
	addrs := map[string]string{}
	node := func(name string) (*engineio.Server, *httptest.Server) {
		srv := engineio.NewServer(engineio.Options{
			Nodes:      engineio.FixedNodes(name, addrs),
			GenerateID: func(*http.Request) string { return "session-1" },
		}, func(*engineio.Session) engineio.Handler { return echo{} })
		web := httptest.NewServer(srv)
		addrs[name] = web.Listener.Addr().String()
		return srv, web
	}
	first, firstWeb := node("first")
	second, secondWeb := node("second")
	defer firstWeb.Close()
	defer secondWeb.Close()
	defer func() { _ = first.Close(context.Background()) }()
	defer func() { _ = second.Close(context.Background()) }()

	fmt.Println(ask(firstWeb.URL, http.MethodGet, "", "")[:24])
	fmt.Println(ask(secondWeb.URL, http.MethodPost, "&sid=first.session-1", "4hello"))
	fmt.Println(ask(secondWeb.URL, http.MethodGet, "&sid=first.session-1", ""))
	fmt.Println(first.Len(), second.Len())
	// Output:
	// 0{"sid":"first.session-1
	// ok
	// 4hello
	// 1 0
}
