package engineio

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// farewellTimeout is how long a session that its client closed answers a poll that was under way meanwhile.
const farewellTimeout = time.Second

// pollingEndTimeout is how long a session that was closed between two polls stays to tell the next one.
const pollingEndTimeout = 30 * time.Second

// pollLink is the long-polling transport. Its fields are guarded by the session's mutex.
type pollLink struct {
	waiting *poll // the GET that is being held
	posting atomic.Bool
	retired bool     // the session moved to another transport
	goodbye *Message // answers the poll that comes after the end
}

// poll is one GET that waits. Whoever takes it off the link answers it, once.
type poll struct {
	answer chan []*Message // buffered: the one who answers never waits; nil refuses the poll
}

func (p *pollLink) name() string { return Polling }

func (p *pollLink) writable(*Session) bool { return p.waiting != nil }

func (p *pollLink) wake(s *Session) {
	if p.waiting == nil || len(s.queue) == 0 {
		return
	}
	p.respond(s.takeAll())
}

func (p *pollLink) respond(msgs []*Message) {
	p.waiting.answer <- msgs
	p.waiting = nil
}

// takeAll empties the queue into the hands of one poll response.
func (s *Session) takeAll() []*Message {
	msgs := s.queue
	s.queue = nil
	s.bytes = 0
	s.settle()
	return msgs
}

// end answers the poll that is held, or else keeps the session for a while to answer the next one. A client that has closed the
// session itself is told with a noop, as its poll may have been overtaken by the POST.
func (p *pollLink) end(s *Session, how ending) {
	patience := pollingEndTimeout
	p.goodbye = closePacket
	if how.byClient {
		p.goodbye, patience = noopPacket, farewellTimeout
		s.dropQueue()
	}
	switch {
	case how.graceful && s.probe != nil:
		// The client is on its way to the WebSocket and does not poll any more: it is told there, by completeUpgrade. Closing that
		// WebSocket now would leave it with neither until it misses its heartbeat.
		s.state = stateEnding
		if p.waiting != nil {
			p.respond(append(s.takeAll(), noopPacket))
		}
		time.AfterFunc(patience, func() { s.endPatience() })
	case p.waiting != nil:
		p.respond(append(s.takeAll(), p.goodbye))
		s.state = stateClosed
	case how.graceful || how.byClient:
		s.state = stateEnding
		time.AfterFunc(patience, func() { s.endPatience() })
	}
}

// endPatience gives up on a client that has not come for its good-bye.
func (s *Session) endPatience() {
	s.mu.Lock()
	s.ended()
	s.mu.Unlock()
}

// serveGet holds a poll until there is something to send.
func (p *pollLink) serveGet(w http.ResponseWriter, r *http.Request, s *Session) {
	s.mu.Lock()
	s.endIfOverdue()
	if p.retired || s.state == stateClosed {
		s.mu.Unlock()
		s.srv.refuse(w, r, &Refusal{Code: CodeBadRequest})
		return
	}
	if s.state == stateEnding {
		msgs := append(s.takeAll(), p.goodbye)
		s.ended()
		s.mu.Unlock()
		s.writePayload(w, r, msgs)
		return
	}
	if p.waiting != nil {
		s.mu.Unlock()
		s.fail(ending{status: closeProtocol}, ReasonTransportError, errOverlap)
		s.srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: errOverlap.Error()})
		return
	}
	mine := &poll{answer: make(chan []*Message, 1)}
	p.waiting = mine
	p.wake(s)
	s.mu.Unlock()

	var release <-chan time.Time
	if isForwarded(r) {
		t := time.NewTimer(maxForwardedHold)
		defer t.Stop()
		release = t.C
	}
	for {
		select {
		case msgs := <-mine.answer:
			if msgs == nil {
				s.srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: "the session has another transport"})
				return
			}
			s.writePayload(w, r, msgs)
			return
		case <-r.Context().Done():
			s.abandonPoll(p, mine, r.Context().Err())
			return
		case <-release:
			p.release(s, mine)
		}
	}
}

// release answers a poll that is still being held with nothing.
func (p *pollLink) release(s *Session, held *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.waiting == held {
		p.respond([]*Message{noopPacket})
	}
}

// abandonPoll handles a client that hung up on its poll. What a racing answer took with it is lost with the connection, so
// the session ends either way: the client cannot know what it missed.
func (s *Session) abandonPoll(p *pollLink, mine *poll, err error) {
	s.mu.Lock()
	if p.waiting == mine {
		p.waiting = nil
	}
	gone := p.retired
	s.mu.Unlock()
	if !gone {
		s.fail(ending{status: closeProtocol}, ReasonTransportClose, err)
	}
}

// jsonpIndex is the parameter by which old browsers ask for a script. Hardly any request has it, and parsing takes its time.
func jsonpIndex(r *http.Request) (index string, ok bool) {
	if !strings.Contains(r.URL.RawQuery, "j=") {
		return "", false
	}
	q := r.URL.Query()
	return q.Get("j"), q.Has("j")
}

func (s *Session) writePayload(w http.ResponseWriter, r *http.Request, msgs []*Message) {
	var body []byte
	h := w.Header()
	if s.handshake.EIO == 3 {
		body = s.writePayloadV3(h, r, msgs)
	} else {
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		size := len(msgs)
		for _, m := range msgs {
			size += m.Len() + m.Len()/3 + 4
		}
		body = appendPayload(make([]byte, 0, size), msgs)
	}
	if index, ok := jsonpIndex(r); ok {
		h.Set("Content-Type", "text/javascript; charset=UTF-8")
		body = jsonp(index, body)
	}
	h.Set("Cache-Control", "no-store")
	s.srv.headers(h, r, false)
	body = s.srv.compress(h, r, body)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if t := s.srv.opts.Trace; t.Flushed != nil {
		t.Flushed(len(msgs), len(body))
	}
	_, _ = w.Write(body) // a client that is gone will miss its heartbeat
}

// servePost takes the packets a client sends.
func (p *pollLink) servePost(w http.ResponseWriter, r *http.Request, s *Session) {
	if !p.posting.CompareAndSwap(false, true) {
		s.fail(ending{status: closeProtocol}, ReasonTransportError, errOverlap)
		s.srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: errOverlap.Error()})
		return
	}
	defer p.posting.Store(false)
	if s.overdue() {
		s.srv.refuse(w, r, &Refusal{Code: CodeBadRequest})
		return
	}
	body, err := readBody(r, s.srv.opts.MaxPayload)
	if errors.Is(err, errBodyTooLarge) {
		s.srv.headers(w.Header(), r, false)
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		s.fail(ending{status: closeProtocol}, ReasonTransportError, err)
		return
	}
	if err := s.receivePayload(r, body); err != nil {
		s.fail(ending{status: closeProtocol}, ReasonTransportError, err)
		s.srv.refuse(w, r, &Refusal{Code: CodeBadRequest, Detail: err.Error()})
		return
	}
	s.srv.headers(w.Header(), r, false)
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", "2")
	_, _ = io.WriteString(w, "ok")
}

func (s *Session) receivePayload(r *http.Request, body []byte) error {
	if _, ok := jsonpIndex(r); ok {
		var err error
		if body, err = unwrapJSONP(body); err != nil {
			return err
		}
	}
	isBinary := strings.HasPrefix(r.Header.Get("Content-Type"), "application/octet-stream")
	if s.handshake.EIO == 3 {
		return s.receivePayloadV3(body, isBinary)
	}
	if isBinary {
		return errMalformedPayload
	}
	return eachPacket(body, s.receive)
}

var errBodyTooLarge = errors.New("engineio: request body too large")

func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errBodyTooLarge
	}
	var body []byte
	if r.ContentLength > 0 {
		body = make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, errBodyTooLarge
	}
	return body, err
}
