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

// The engine alone, without Socket.IO on top, spoken to by hand over long-polling.
func ExampleServer() {
	srv := engineio.NewServer(engineio.Options{
		GenerateID: func(*http.Request) string { return "session-1" }, // only so that the example prints the same each time
	}, func(*engineio.Session) engineio.Handler { return echo{} })
	web := httptest.NewServer(srv)
	defer web.Close()
	defer func() { _ = srv.Close(context.Background()) }()

	ask := func(method, query, body string) string {
		req, err := http.NewRequestWithContext(context.Background(), method, web.URL+"/?EIO=4&transport=polling"+query, strings.NewReader(body))
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
	fmt.Println(ask("GET", "", ""))
	fmt.Println(ask("POST", "&sid=session-1", "4hello"))
	fmt.Println(ask("GET", "&sid=session-1", ""))
	fmt.Println(ask("POST", "&sid=session-1", "1")) // good-bye
	// Output:
	// 0{"sid":"session-1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
	// ok
	// 4hello
	// ok
}
