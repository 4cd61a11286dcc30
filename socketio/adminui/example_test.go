package adminui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"time"

	"parley/engineio"
	"parley/socketio"
	"parley/socketio/adminui"
	"parley/socketio/client"
)

// The page at https://admin.socket.io is let in with a name and a password, and gets to see numbers.
func ExampleInstrument() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	io := socketio.NewServer(socketio.Options{Engine: engineio.Options{CORS: &engineio.CORS{
		AllowOrigin: func(origin string) bool { return origin == "https://admin.socket.io" }, Credentials: true,
	}}})
	defer func() { _ = io.Close(ctx) }()
	admin, err := adminui.Instrument(io, adminui.Options{
		Auth:     &adminui.BasicAuth{Username: "admin", Password: "$2a$04$HLXLR8kBW7d2gfuKbmXXbuo1HgH7JPjWT/FMrzoLoqmtJ1zQwyHpy"},
		ReadOnly: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer admin.Close()
	web := httptest.NewServer(io)
	defer web.Close()

	config := make(chan string, 1)
	page, err := client.Dial(ctx, web.URL, client.Options{
		Namespace: "/admin", Auth: map[string]string{"username": "admin", "password": "secret"},
		OnEvent: func(event string, args []json.RawMessage) {
			if event == "config" {
				config <- string(args[0])
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer page.Close()
	fmt.Println(<-config)
	// Output: {"supportedFeatures":["AGGREGATED_EVENTS"]}
}
