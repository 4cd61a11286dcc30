package api

import (
	"encoding/json"
	"net/http"
	"time"
)

// connectionPause is between the two parts of an answer.
const connectionPause = 300 * time.Millisecond

// connection tells clients what the server sees of their requests, for "parley doctor": whether what stands between passes on who they
// are. It says so in two parts, so that they see whether a streamed answer comes as it is written.
func (a *api) connection(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	_ = json.NewEncoder(w).Encode(struct {
		Address   string `json:"address"`   // that the limits count
		Secure    bool   `json:"secure"`    // over HTTPS
		Forwarded bool   `json:"forwarded"` // somebody says whom they forward
		Trusted   bool   `json:"trusted"`   // the peer is a trusted proxy
	}{ClientIP(a.Proxies)(r), a.Secure(r), r.Header.Get("X-Forwarded-For") != "", trust(a.Proxies, peerOf(r))}) // a client that is gone needs no answer
	_ = http.NewResponseController(w).Flush()
	select {
	case <-time.After(connectionPause):
	case <-r.Context().Done():
	}
	_, _ = w.Write([]byte("{}\n"))
}
