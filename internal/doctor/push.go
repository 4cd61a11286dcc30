package doctor

import (
	"context"
	"crypto/ecdh"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"code.dny.dev/ssrf"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const noPushTable = "42P01" // Postgres': there is no such table yet

// pushKeys looks at the pair of keys that devices have subscribed with. row reads one row of the database.
func (e *examination) pushKeys(row func(text string, into ...any) error) {
	if !e.Push {
		e.ok("push", "is off (PARLEY_PUSH=false)")
		return
	}
	var private, public string
	var devices int
	err := row(`SELECT private_key, public_key FROM push_keys WHERE id = 1`, &private, &public)
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, pgx.ErrNoRows), errors.As(err, &pg) && pg.Code == noPushTable, err != nil && strings.Contains(err.Error(), "no such table"):
		e.ok("push", "its keys will be made at the next start")
		return
	case err == nil:
		err = row(`SELECT count(*) FROM push_subscriptions`, &devices)
	}
	if err != nil {
		e.wrong("push", "its keys cannot be read: "+err.Error(), "")
		return
	}
	if why := badKeys(private, public); why != "" {
		e.wrong("push", "its keys (VAPID) are not valid: "+why+"; nothing reaches a device",
			"restore the table push_keys from a backup; or empty it and push_subscriptions: the next start makes new keys, and devices have to be allowed anew")
		return
	}
	e.ok("push", fmt.Sprintf("its keys (VAPID) are valid, %d devices have subscribed", devices))
}

// badKeys says what is wrong with a pair of keys (RFC 8292): a P-256 scalar and the uncompressed point that belongs to it, in base64url.
func badKeys(private, public string) string {
	scalar, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(private, "="))
	if err != nil {
		return "the private one is no base64url"
	}
	key, err := ecdh.P256().NewPrivateKey(scalar)
	if err != nil {
		return "the private one is none of P-256"
	}
	if base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()) != strings.TrimRight(public, "=") {
		return "they do not belong together"
	}
	return ""
}

// pushServices looks at what services are told of this server, and asks those that the operator names.
func (e *examination) pushServices(ctx context.Context) {
	if !e.Push {
		return
	}
	if !strings.HasPrefix(e.PublicURL, "https://") {
		e.warn("push", "without an https address in PARLEY_PUBLIC_URL services are told that parley@localhost answers for this server: some of them refuse that",
			"set PARLEY_PUBLIC_URL, as https://chat.example.com")
	}
	transport := e.PushTransport
	if transport == nil { // as the server reaches them
		transport = &http.Transport{DialContext: (&net.Dialer{Timeout: connectTimeout, Control: ssrf.New().Safe}).DialContext, ForceAttemptHTTP2: true}
	}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: answerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, service := range e.PushServices {
		e.pushService(ctx, c, service)
	}
}

// pushService asks for nothing: any answer shows that there is a way.
func (e *examination) pushService(ctx context.Context, c *http.Client, service string) {
	u, err := url.Parse(service)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		e.wrong("push service", service+" is no address", "write it like https://fcm.googleapis.com")
		return
	}
	begun := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, service, http.NoBody)
	if err == nil {
		var res *http.Response
		if res, err = c.Do(req); err == nil {
			_ = res.Body.Close() // nothing in it counts
		}
	}
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err, ssrf.ErrProhibitedNetwork):
		e.wrong("push service", u.Host+" is inside of a network: the server asks only what is public", "name the service that is in the browser's subscription")
	case err != nil:
		e.wrong("push service", u.Host+" cannot be reached: "+err.Error(), "let this machine out to port 443: devices are told of messages by way of it")
	default:
		e.ok("push service", fmt.Sprintf("%s answers after %v", u.Host, time.Since(begun).Round(time.Millisecond)))
	}
}
