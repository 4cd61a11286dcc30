package doctor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"parley/socketio/client"
)

// proxied is the way that people's requests take.
type proxied struct {
	*examination
	base *url.URL
	http *http.Client
}

const (
	answerTimeout = 10 * time.Second
	atOnce        = time.Second // what takes longer was held back by somebody
	// pretended is an address of nobody (RFC 5737).
	pretended = "198.51.100.77"
)

// proxy goes the way that browsers go.
func (e *examination) proxy(ctx context.Context) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		e.wrong("url", e.URL+" is no address", "write it like https://chat.example.com")
		return
	}
	p := &proxied{e, &url.URL{Scheme: u.Scheme, Host: u.Host}, &http.Client{Timeout: answerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if !p.reached(ctx) {
		return
	}
	p.websocket(ctx)
	p.polling(ctx)
	p.origins(ctx)
	p.seen(ctx)
}

func (p *proxied) do(ctx context.Context, method, path string, body []byte, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return p.http.Do(req)
}

// get returns a short answer as a whole.
func (p *proxied) get(ctx context.Context, method, path string, body []byte, header http.Header) (status int, text string, err error) {
	res, err := p.do(ctx, method, path, body, header)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(data), err
}

// reached asks for the server's health, and looks at the certificate and the clock on the way.
func (p *proxied) reached(ctx context.Context) bool {
	before := time.Now()
	res, err := p.do(ctx, http.MethodGet, "/health", nil, nil)
	if err != nil {
		p.wrong("url", "cannot be reached: "+unwrapURL(err), "does the name lead here, does the proxy run, and does a firewall let requests in?")
		return false
	}
	defer func() { _ = res.Body.Close() }()
	var health struct {
		Status, Version string
		Timestamp       time.Time
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&health)
	if res.StatusCode != http.StatusOK || err != nil || health.Status != "ok" {
		p.wrong("url", fmt.Sprintf("%s/health answers %s, which is not Parley's", p.base, res.Status), "let the proxy forward everything to where Parley listens")
		return false
	}
	p.ok("url", fmt.Sprintf("Parley %s answers at %s", health.Version, p.base))
	p.skew("the server's clock", before, health.Timestamp, time.Now())
	switch tls := res.TLS; {
	case tls != nil:
		left := time.Until(tls.PeerCertificates[0].NotAfter)
		says := fmt.Sprintf("the certificate is valid for %d days", int(left.Hours()/24))
		if left < 14*24*time.Hour {
			p.warn("https", says, "renew it now, and let something renew it by itself (Caddy does, certbot does)")
		} else {
			p.ok("https", says)
		}
	case !isLocal(p.base.Hostname()):
		p.warn("https", "people reach it without encryption", "put a proxy with a certificate before it: passwords travel in the clear, and browsers give no notifications")
	}
	return true
}

func unwrapURL(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate())
}

const websocketMend = "let the proxy pass the Upgrade and Connection headers on, with HTTP/1.1. nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; " +
	`proxy_set_header Connection "upgrade"; Apache: mod_proxy_wstunnel; Caddy, HAProxy and Traefik do by themselves`

// websocket opens one, and holds it for as long as it is told to.
func (p *proxied) websocket(ctx context.Context) {
	dialing, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	c, err := client.Dial(dialing, p.base.String(), client.Options{})
	if err != nil {
		p.wrong("websocket", "the upgrade does not come through: "+strings.TrimSpace(brief(err.Error())), websocketMend)
		return
	}
	defer c.Close()
	took, err := median(5, func() error { return echo(ctx, c) })
	if err != nil {
		p.wrong("websocket", "it opens, and nothing comes back: "+err.Error(), "look for what inspects or buffers WebSockets on the way")
		return
	}
	p.ok("websocket", fmt.Sprintf("comes through; there and back in %v (median)", took.Round(10*time.Microsecond)))
	if p.Hold == 0 {
		return
	}
	select {
	case <-time.After(p.Hold):
	case <-ctx.Done():
		return
	}
	if err := echo(ctx, c); err != nil {
		p.wrong("websocket", fmt.Sprintf("it was closed within %v", p.Hold), "let idle connections live for 90 s and more. nginx: proxy_read_timeout 120s; HAProxy: timeout tunnel 1h")
		return
	}
	p.ok("websocket", fmt.Sprintf("it is still open after %v", p.Hold))
}

// echo asks for what there is not: the refusal is as good an answer as any, and changes nothing.
func echo(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := c.EmitWithAck(ctx, "doctor")
	return err
}

func brief(text string) string {
	if i := strings.IndexAny(text, "<\r\n"); i >= 0 {
		text = text[:i]
	}
	return text[:min(len(text), 200)]
}

// polling goes the way of clients that cannot open WebSockets, and looks whether the answer to a request that was held comes at once.
func (p *proxied) polling(ctx context.Context) {
	const path = "/socket.io/?EIO=4&transport=polling"
	status, open, err := p.get(ctx, http.MethodGet, path, nil, nil)
	var session struct{ SID string }
	if err == nil && (status != http.StatusOK || json.Unmarshal([]byte(strings.TrimPrefix(open, "0")), &session) != nil) {
		err = fmt.Errorf("the handshake is answered %d %s", status, brief(open))
	}
	if err != nil {
		p.wrong("long-polling", unwrapURL(err), "let the proxy forward GET and POST below /socket.io/ unchanged")
		return
	}
	path2 := path + "&sid=" + url.QueryEscape(session.SID)
	ask := func(method, body string) (string, error) {
		status, text, err := p.get(ctx, method, path2, []byte(body), nil)
		switch {
		case err != nil:
			return "", err
		case status == http.StatusBadRequest && strings.Contains(text, "Session ID unknown"):
			return "", errElsewhere
		case status != http.StatusOK:
			return "", fmt.Errorf("answered %d %s", status, brief(text))
		}
		return text, nil
	}
	if _, err = ask(http.MethodPost, "40"); err == nil {
		_, err = ask(http.MethodGet, "")
	}
	if err != nil {
		p.pollingFailed(err)
		return
	}
	type polled struct {
		text string
		err  error
		at   time.Time
	}
	held := make(chan polled, 1)
	go func() {
		text, err := ask(http.MethodGet, "")
		held <- polled{text, err, time.Now()}
	}()
	time.Sleep(300 * time.Millisecond) // so that the server holds it
	asked := time.Now()
	_, err = ask(http.MethodPost, `420["doctor"]`)
	answer := <-held
	_, _ = ask(http.MethodPost, "1") // take leave
	if err = errors.Join(err, answer.err); err != nil {
		p.pollingFailed(err)
		return
	}
	took := answer.at.Sub(asked)
	switch says := fmt.Sprintf("an answer that was held came after %v", took.Round(10*time.Microsecond)); {
	case !strings.Contains(answer.text, "430"):
		p.wrong("long-polling", "an answer came that nobody asked for: "+brief(answer.text), "let the proxy cache nothing below /socket.io/")
	case took > atOnce:
		p.warn("long-polling", says, "turn buffering off. nginx: proxy_buffering off; proxy_request_buffering off")
	default:
		p.ok("long-polling", says)
	}
}

var errElsewhere = errors.New("the requests of one client reach different nodes")

func (p *proxied) pollingFailed(err error) {
	if errors.Is(err, errElsewhere) {
		p.warn("long-polling", err.Error(), "clients that cannot open WebSockets need a balancer that keeps them on their node: by a cookie, or by their address")
		return
	}
	p.wrong("long-polling", unwrapURL(err), "let the proxy forward GET and POST below /socket.io/ unchanged")
}

// origins connects as this server's own page, and as another site's.
func (p *proxied) origins(ctx context.Context) {
	from := func(origin string) (int, string) {
		status, text, err := p.get(ctx, http.MethodGet, "/socket.io/?EIO=4&transport=polling", nil, http.Header{"Origin": {origin}})
		if err != nil {
			return 0, unwrapURL(err)
		}
		return status, text
	}
	if status, text := from(p.base.String()); status != http.StatusOK {
		p.wrong("origins", fmt.Sprintf("the server's own page is refused: %d %s", status, brief(text)),
			"let the proxy pass the Host header on (nginx: proxy_set_header Host $host), or add "+p.base.String()+" to ALLOWED_ORIGINS")
		return
	}
	if status, _ := from("https://parley-doctor.invalid"); status == http.StatusOK {
		p.warn("origins", "pages of every site may connect", "name the sites in ALLOWED_ORIGINS instead of *")
		return
	}
	p.ok("origins", "the server's own page may connect, other sites' may not unless they are listed")
}

// connection is what the server says it sees: see GET /api/connection.
type connection struct {
	Address   string
	Secure    bool
	Forwarded bool
	Trusted   bool
}

// seen asks the server what it sees of a request, in an answer of two parts: whether the first comes alone shows whether streams do.
func (p *proxied) seen(ctx context.Context) {
	one, apart, err := p.ask(ctx, nil)
	if err != nil {
		p.warn("proxy", "the server does not tell what it sees: "+err.Error(), "it may be older than this program")
		return
	}
	if apart < 100*time.Millisecond {
		p.warn("buffering", "a streamed answer comes in one piece", "turn buffering and compression off for what is streamed. nginx: proxy_buffering off; HAProxy: option http-no-delay")
	} else {
		p.ok("buffering", "a streamed answer comes as it is written")
	}
	if pretending, _, err := p.ask(ctx, http.Header{"X-Forwarded-For": {pretended}}); err == nil && pretending.Address == pretended {
		if p.trusts(one.Address) {
			p.ok("trusted proxies", "this machine is one of them: look from another one whether others can pretend to be somebody else")
			return
		}
		p.wrong("trusted proxies", "anybody can pretend to be from anywhere: the server believes an X-Forwarded-For that a client has sent",
			"let the proxy set the header instead of passing it on, and let PARLEY_TRUSTED_PROXIES name nothing but the proxy")
		return
	}
	switch {
	case one.Forwarded && !one.Trusted:
		p.warn("trusted proxies", "there is a proxy that PARLEY_TRUSTED_PROXIES does not name: all people count as one address, "+one.Address, "add its address or network")
	case one.Trusted && !one.Forwarded:
		p.warn("trusted proxies", "the trusted proxy does not say whom it forwards: all people count as one address, "+one.Address,
			"nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; HAProxy: option forwardfor")
	default:
		p.ok("trusted proxies", "the server counts this request to "+one.Address)
	}
	if p.base.Scheme == "https" && !one.Secure {
		p.warn("https", "the server does not know that people use https: cookies are not marked for it",
			"let the proxy set X-Forwarded-Proto, and name it in PARLEY_TRUSTED_PROXIES")
	}
}

// trusts reports whether the settings name an address as a proxy's.
func (p *proxied) trusts(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(p.Proxies, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}

// ask also returns how long after the first part of the answer the second came.
func (p *proxied) ask(ctx context.Context, header http.Header) (c connection, apart time.Duration, err error) {
	res, err := p.do(ctx, http.MethodGet, "/api/connection", nil, header)
	if err != nil {
		return c, 0, errors.New(unwrapURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return c, 0, errors.New(res.Status)
	}
	lines := bufio.NewReader(res.Body)
	first, err := lines.ReadBytes('\n')
	begun := time.Now()
	if err == nil {
		err = json.Unmarshal(first, &c)
	}
	if err == nil {
		_, err = lines.ReadBytes('\n')
	}
	return c, time.Since(begun), err
}
