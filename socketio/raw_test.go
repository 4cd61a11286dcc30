package socketio_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// rawSession is a polling client made by hand.
type rawSession struct {
	f        *fixture
	engine   string
	sid, pid string
	missed   []string // packets before CONNECT's answer
}

func (f *fixture) http(method, query, body string) string {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+"/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// connectRaw opens a session, sends a CONNECT packet and reads up to its answer.
func (f *fixture) connectRaw(connect string) *rawSession {
	f.t.Helper()
	s := &rawSession{f: f}
	var open struct{ SID, PID string }
	if err := json.Unmarshal([]byte(f.http("GET", "", "")[1:]), &open); err != nil {
		f.t.Fatal(err)
	}
	s.engine = open.SID
	f.http("POST", "&sid="+s.engine, connect)
	for {
		for packet := range strings.SplitSeq(f.http("GET", "&sid="+s.engine, ""), "\x1e") {
			packet = strings.TrimPrefix(packet, "4")
			if !strings.HasPrefix(packet, "0") {
				s.missed = append(s.missed, packet)
				continue
			}
			if err := json.Unmarshal([]byte(packet[1:]), &open); err != nil {
				f.t.Fatal(err)
			}
			s.sid, s.pid = open.SID, open.PID
			return s
		}
	}
}

func (s *rawSession) close() { s.f.http("POST", "&sid="+s.engine, "1") }
