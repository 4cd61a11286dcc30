package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// The bounds of a fetch.
const (
	maxRedirects   = 3
	maxHeaderBytes = 32 << 10
	maxURL         = 2048
)

// Options configures a [Fetcher]. The zero value is safe.
type Options struct {
	Timeout       time.Duration // of all hops and the picture together; default 6 s
	MaxPageBytes  int64         // of a page's beginning, uncompressed, in which its head must be; default 512 KiB
	MaxImageBytes int64         // of a picture; default 4 MiB
	// Control decides whom a connection may be made to: see [net.Dialer]. Default: only what is public, on ports 80 and 443.
	Control func(network, address string, c syscall.RawConn) error
	// Resolver finds the addresses of names; default the system's.
	Resolver *net.Resolver
	// UserAgent tells sites who asks.
	UserAgent string
}

// Card is what is shown of a page.
type Card struct {
	URL         string // that was asked for
	Title       string // at most 200 characters
	Description string // at most 300 characters
	Site        string // its name, or its host
	Image       *Image // nil: none
}

// The errors of [Fetcher.Fetch], besides those of the network.
var (
	ErrAddress = errors.New("preview: not an address that may be asked")
	ErrNothing = errors.New("preview: the page says nothing of itself")
)

// Fetcher fetches. It may be used by several at once.
type Fetcher struct {
	o       Options
	client  *http.Client
	drawing chan struct{} // a place for each picture that is decoded
}

// New makes a fetcher.
func New(o Options) *Fetcher {
	if o.Timeout <= 0 {
		o.Timeout = 6 * time.Second
	}
	if o.MaxPageBytes <= 0 {
		o.MaxPageBytes = 512 << 10
	}
	if o.MaxImageBytes <= 0 {
		o.MaxImageBytes = 4 << 20
	}
	if o.Control == nil {
		o.Control = ssrf.New().Safe
	}
	if o.UserAgent == "" {
		o.UserAgent = "Parley (link preview)"
	}
	dialer := &net.Dialer{Timeout: 3 * time.Second, Control: o.Control, Resolver: o.Resolver}
	transport := &http.Transport{
		Proxy:                  nil, // a proxy would be asked instead of the address, and the check would be of the proxy's
		DialContext:            dialer.DialContext,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ResponseHeaderTimeout:  o.Timeout,
		TLSHandshakeTimeout:    3 * time.Second,
		ForceAttemptHTTP2:      true,
	}
	return &Fetcher{o: o, drawing: make(chan struct{}, decodeSlots), client: &http.Client{
		Transport: transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("%w: too many redirects", ErrAddress)
			}
			return mayAsk(r.URL)
		},
	}}
}

// mayAsk refuses what is no plain public address, before anything is resolved.
func mayAsk(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: %s", ErrAddress, u.Scheme)
	case u.User != nil:
		return fmt.Errorf("%w: it has a user name", ErrAddress)
	case u.Hostname() == "" || len(u.String()) > maxURL:
		return ErrAddress
	}
	return nil
}

// Fetch asks a page what it is.
func (f *Fetcher) Fetch(ctx context.Context, address string) (Card, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.Timeout)
	defer cancel()
	res, err := f.get(ctx, address, "text/html,application/xhtml+xml,image/*;q=0.8")
	if err != nil {
		return Card{}, err
	}
	defer func() { _ = res.Body.Close() }()
	kind, params, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // an empty kind is not handled below
	card := Card{URL: address, Site: res.Request.URL.Hostname()}
	switch {
	case strings.HasPrefix(kind, "image/"):
		if card.Image, err = f.redraw(ctx, io.LimitReader(res.Body, f.o.MaxImageBytes)); err != nil {
			return Card{}, err
		}
		card.Title = clip(path.Base(res.Request.URL.Path), maxTitle)
	case kind == "text/html" || kind == "application/xhtml+xml":
		head, err := readHead(io.LimitReader(res.Body, f.o.MaxPageBytes), params["charset"])
		if err != nil {
			return Card{}, err
		}
		f.fill(ctx, &card, head, res.Request.URL)
	}
	if card.Title == "" && card.Description == "" && card.Image == nil {
		return Card{}, ErrNothing
	}
	return card, nil
}

func (f *Fetcher) get(ctx context.Context, address, accept string) (*http.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if err := mayAsk(u); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	r.Header.Set("User-Agent", f.o.UserAgent)
	r.Header.Set("Accept", accept)
	res, err := f.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%w: it answered %d", ErrNothing, res.StatusCode)
	}
	return res, nil
}

// fill makes a card of a page's head. A picture that cannot be had is left away.
func (f *Fetcher) fill(ctx context.Context, card *Card, head head, page *url.URL) {
	card.Title = first(maxTitle, head["og:title"], head["twitter:title"], head["title"])
	card.Description = first(maxDescription, head["og:description"], head["twitter:description"], head["description"])
	card.Site = first(maxTitle, head["og:site_name"], card.Site)
	address := first(maxURL, head["og:image:secure_url"], head["og:image"], head["og:image:url"], head["twitter:image"])
	if address == "" {
		return
	}
	u, err := page.Parse(address)
	if err != nil {
		return
	}
	res, err := f.get(ctx, u.String(), "image/*")
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	if image, err := f.redraw(ctx, io.LimitReader(res.Body, f.o.MaxImageBytes)); err == nil {
		card.Image = image
	}
}
