package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"parley/engineio"
	"parley/engineio/webtransport"
	"parley/internal/api"
	"parley/internal/auth"
	"parley/internal/chat"
	"parley/internal/config"
	"parley/internal/db"
	"parley/internal/jobs"
	"parley/internal/live"
	"parley/internal/peers"
	"parley/internal/preview"
	"parley/internal/push"
	"parley/internal/telemetry"
	"parley/socketio/adminui"
	"parley/socketio/redis"
	"parley/web"
)

// serve runs the server until a signal. listening, when given, is told the address.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer, listening func(net.Addr)) int {
	return serveAsking(ctx, args, stdout, stderr, listening, preview.Options{})
}

// serveAsking is serve with another idea of which pages may be asked what they are.
func serveAsking(ctx context.Context, args []string, stdout, stderr io.Writer, listening func(net.Addr), pages preview.Options) int {
	if err := config.LoadDotEnv(".env"); err != nil {
		return fail(stderr, 2, err)
	}
	c, err := config.Parse(args, stdout)
	if errors.Is(err, config.ErrHelp) {
		return 0
	}
	if err != nil {
		return fail(stderr, 2, err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	p, err := build(ctx, c, stderr, pages)
	if err != nil {
		return fail(stderr, 1, err)
	}
	if err := p.run(ctx, stop, listening); err != nil {
		return fail(stderr, 1, err)
	}
	return 0
}

// program is the server put together.
type program struct {
	config   config.Config
	node     string // its name among the nodes, another one at each start
	log      *slog.Logger
	db       *db.DB
	chat     *chat.Chat
	peers    *peers.Peers // nil for one node
	nodes    *redis.Nodes // where the others are; nil for one node
	door     *live.Door
	sockets  *adminui.Admin       // nil for none
	h3       *webtransport.Server // nil for none
	accounts *auth.Accounts
	oidc     *auth.OIDC // nil for none
	jobs     *jobs.Queue
	push     atomic.Pointer[push.Push] // nil for none
	metrics  *telemetry.Metrics
	traces   *telemetry.Traces // nil for none
	http     *http.Server
	stopping atomic.Bool // it is about to drain
	memory   int64       // bytes that it may use
	host     string      // the machine's name
	started  time.Time
}

// build is the composition root: the only place that knows all the parts.
func build(ctx context.Context, c config.Config, stderr io.Writer, pages preview.Options) (*program, error) {
	p := &program{config: c, node: engineio.NewID(), started: time.Now(), log: telemetry.NewLog(stderr, c.LogLevel, c.LogFormat), metrics: telemetry.NewMetrics()}
	var err error
	p.memory = limitMemory(int64(c.MemoryLimit))
	p.host, _ = os.Hostname() // a machine without a name has none
	p.db, err = db.Open(ctx, db.Options{URL: c.DatabaseURL, Dir: c.Data, MaxConns: c.DatabaseConns, Lost: p.diskLost})
	if err != nil {
		return nil, err
	}
	sessions := &auth.Sessions{DB: p.db, Now: chat.Clock, Ended: func(e chat.Ended) { p.door.Deliver(chat.Event{Ended: &e}) }}
	err = p.startTraces()
	if err == nil {
		err = p.connectPeers()
	}
	if err != nil {
		return nil, errors.Join(err, p.db.Close())
	}
	p.door = live.New(p.doorOptions(sessions))
	if err := p.watchSockets(); err != nil {
		return nil, errors.Join(err, p.door.Close(ctx), p.db.Close())
	}
	p.chat, err = chat.New(ctx, chat.Options{
		DB: p.db, Publish: p.publish, Committed: p.metrics.Committed, Tracer: p.tracer(),
		Limits: chatLimits(c), Preview: p.previews(pages),
	})
	if err != nil {
		return nil, errors.Join(err, p.db.Close())
	}
	if p.accounts, err = p.newAccounts(sessions); err != nil {
		p.chat.Close()
		return nil, errors.Join(err, p.db.Close())
	}
	p.oidc = p.newOIDC()
	p.door.SetChat(p.chat, p.accounts)
	if err := p.openPush(ctx); err != nil {
		p.chat.Close()
		return nil, errors.Join(err, p.db.Close())
	}
	if err := p.door.Watch(ctx); err != nil {
		p.chat.Close()
		return nil, errors.Join(err, p.db.Close())
	}
	p.observe()
	p.http = &http.Server{
		Handler: api.New(api.Options{
			Socket: p.door, Metrics: p.metrics.Handler(), Page: web.Dist(), Version: Version,
			Connections: p.door.Connections, Online: p.door.Online, Ready: p.ready,
			Sessions: sessions, Accounts: p.accounts, OIDC: p.oidc, Guests: c.Guests, SignUp: c.SignUp, Chat: p.chat, Log: p.log,
			Secure: api.Secure(c.Proxies()), ClientIP: api.ClientIP(c.Proxies()), Proxies: c.Proxies(),
		}),
		ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn), // a panic, or no file descriptor left to accept with
	}
	return p, nil
}

// publish tells the doors what was committed.
func (p *program) publish(e chat.Event) {
	p.door.Deliver(e)
	if pusher := p.push.Load(); pusher != nil {
		pusher.Heard(e)
	}
}

func chatLimits(c config.Config) chat.Limits {
	return chat.Limits{
		MessageChars: c.MessageMaxChars, SignUp: chat.SignUp(c.SignUp), InviteRole: chat.Role(c.InviteRole), PinRole: chat.Role(c.PinRole),
		Pins: c.MaxPins, Saved: c.MaxSaved, Drafts: c.MaxDrafts, Keywords: c.MaxKeywords, Blocks: c.MaxBlocks,
		EmojiRole: chat.Role(c.EmojiRole), Emojis: c.MaxEmoji, Scheduled: c.MaxScheduled, Reminders: c.MaxReminders, Previews: c.MaxPreviews, Pushes: c.MaxPush,
	}
}

// connectPeers connects the node with the others, if there are to be any.
func (p *program) connectPeers() (err error) {
	if p.config.RedisURL == "" {
		return nil
	}
	if p.db.Dialect != db.Postgres {
		return errors.New("REDIS_URL: several nodes need one database that all of them reach: set DATABASE_URL to a Postgres")
	}
	if p.peers, err = peers.Connect(p.config.RedisURL, p.node, p.redisChanged); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	p.nodes, err = redis.NewNodes(redis.NodesOptions{Name: p.node[:10], Options: p.redisOptions()})
	if err != nil {
		return err
	}
	return nil
}

// redisChanged says in the log what people notice of it.
func (p *program) redisChanged(away error) {
	if away == nil {
		p.log.Info("Redis answers again")
		return
	}
	p.log.Warn("Redis does not answer: until it does, messages for people on other nodes take about a second, presence is each node's own, "+
		"and so are rate limits", "error", away)
}

func (p *program) redisOptions() redis.Options {
	return redis.Options{Client: p.peers.Client(), Prefix: "parley", OnError: func(err error) { p.log.Debug("nodes", "error", err) }}
}

// watchSockets lets the operator watch the connections of all nodes on the Socket.IO admin page. It shows numbers and obeys nothing:
// a socket that it could put into a room would hear what it must not.
func (p *program) watchSockets() (err error) {
	name, hash, set := strings.Cut(p.config.SocketAdmin, ":")
	if !set {
		return nil
	}
	o := adminui.Options{
		Auth: &adminui.BasicAuth{Username: name, Password: hash}, ReadOnly: true, Mode: adminui.Production,
		OnError: func(err error) { p.log.Debug("socket admin", "error", err) },
	}
	if p.peers != nil {
		o.ServerID = p.nodes.Self()
		o.Store = redis.NewAdminSessions(redis.AdminSessionsOptions{Client: p.peers.Client(), Prefix: "parley-admin"})
	}
	if p.sockets, err = adminui.Instrument(p.door.Server(), o); err != nil {
		return fmt.Errorf("PARLEY_SOCKET_ADMIN: %w", err)
	}
	return nil
}

// diskLost ends the program, without an answer to anybody: whether the last commit is on the disk is not known, and a later one on
// top of it would be acknowledged wrongly. The next start reads what there is.
func (p *program) diskLost(err error) {
	p.log.Error("the disk failed: ending, because nothing more can be kept safely", "error", err)
	os.Exit(1)
}

func (p *program) doorOptions(sessions *auth.Sessions) live.Options {
	c := p.config
	o := live.Options{
		PushKey: p.pushKey(), Sessions: sessions, Guests: c.Guests, Log: p.log, ClientFiles: web.SocketIOClient(),
		ConnectionsPerPerson: c.ConnsPerPerson, Crowd: c.Crowd, LeaveGrace: c.LeaveGrace, JoinTimeout: c.JoinTimeout, ClientIP: api.ClientIP(c.Proxies()),
		Engine: engineio.Options{
			PingInterval: c.PingInterval, PingTimeout: c.PingTimeout, UpgradeTimeout: c.UpgradeTimeout, MaxPayload: int64(c.MaxPayload),
			MaxQueueBytes: int(c.QueueBytes), MaxQueueMessages: c.QueueMessages, MaxOutboundBytes: outboundShare(int64(c.OutboundBytes), p.memory),
			WriteTimeout: c.WriteTimeout,
		},
		Tracer:    p.tracer(),
		Settings:  p.settings(),
		Numbers:   p.numbers,
		AckBounds: telemetry.AckBounds(),
		Overload:  live.Overload{Wait: c.OverloadWait, Lag: c.OverloadLag, Memory: p.memory},
		Admission: live.Admission{AllowedOrigins: c.AllowedOrigins, PerIP: c.ConnsPerIP},
		Metrics: live.Metrics{
			Event: p.metrics.Event, Refused: p.metrics.Refused, Closed: p.metrics.Closed, Opened: p.metrics.Opened,
			FellBehind: p.metrics.FellBehind, Forwarded: p.metrics.Forwarded, RateLimited: p.metrics.RateLimited, Message: p.metrics.Message,
			Broadcast: p.metrics.Broadcast, Written: p.metrics.Written, Filled: p.metrics.Filled, Heard: p.metrics.Heard,
		},
	}
	if c.WebTransport != "" {
		o.Engine.Transports = []string{engineio.Polling, engineio.WebSocket, engineio.WebTransport}
	}
	if p.peers != nil {
		o.Nodes, o.Node = p.peers, p.node
		o.Engine.Nodes = p.nodes
		o.Adapter = redis.NewPubSub(redis.PubSubOptions{Options: p.redisOptions()})
	}
	if len(c.AllowedOrigins) > 0 {
		o.Engine.CORS = &engineio.CORS{AllowOrigin: o.Admission.Listed, Credentials: true}
	}
	if c.RateLimit.Count > 0 {
		o.Rates = live.Rates{
			Messages: live.Rate{Count: c.RateLimit.Count, Per: c.RateLimit.Per, Burst: c.RateLimit.Count},
			Events:   live.Rate{Count: c.EventsPerMinute, Per: time.Minute, Burst: 50},
			Searches: rateOf(c.SearchLimit, searchBurst), Creations: rateOf(c.CreationLimit, c.CreationLimit.Count), SignIns: rateOf(c.SignInLimit, signInBurst), Account: rateOf(c.AccountLimit, signInBurst),
		}
		o.Admission.PerIPRate, o.Admission.PerIPBurst = float64(c.ConnRatePerIP), 5*c.ConnRatePerIP
		o.Admission.Handshakes = float64(c.Handshakes)
		o.Engine.MaxGroupBytes = perAddress(int64(c.OutboundPerIP), o.Engine.MaxOutboundBytes)
	} else {
		o.Admission.PerIP = 0
	}
	return o
}

// How many attempts to sign in, and how many searches, may come at once.
const (
	signInBurst = 5
	searchBurst = 10
)

func rateOf(r config.Rate, burst int) live.Rate {
	return live.Rate{Count: r.Count, Per: r.Per, Burst: burst}
}

func (p *program) ready(ctx context.Context) error {
	if p.stopping.Load() || p.door.Draining() {
		return errors.New("the server is restarting")
	}
	if err := p.db.Ping(ctx); err != nil {
		p.log.Warn("not ready", "error", err)
		return errors.New("the database does not answer") // what exactly is wrong is for the log
	}
	return nil
}

// run serves until ctx is done, and then takes its leave. stop gives the signals back their usual effect, so that a second one
// ends the program at once.
func (p *program) run(ctx context.Context, stop func(), listening func(net.Addr)) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(p.config.Host, strconv.Itoa(p.config.Port)))
	if err != nil {
		return errors.Join(err, p.release(context.Background()))
	}
	admin, err := p.serveAdmin(ctx)
	if err != nil {
		return errors.Join(err, ln.Close(), p.release(context.Background()))
	}
	if err := p.serveWebTransport(); err != nil {
		return errors.Join(err, ln.Close(), p.release(context.Background()))
	}
	if err := p.startJobs(ln.Addr()); err != nil {
		return errors.Join(err, ln.Close(), p.release(context.Background()))
	}
	p.join(ctx, ln.Addr())
	served := make(chan error, 1)
	go func() { served <- p.http.Serve(ln) }()
	p.log.Info("parley is serving", "url", displayURL(ln.Addr()), "version", Version, "database", string(p.db.Dialect),
		"data", p.config.Data, "go", runtime.Version())
	if listening != nil {
		listening(ln.Addr())
	}
	select {
	case <-ctx.Done():
	case err := <-served:
		return errors.Join(err, p.release(context.Background()))
	}
	stop()
	p.log.Info("stopping", "connections", p.door.Connections())
	p.stepAside()
	draining, cancel := context.WithTimeout(context.Background(), p.config.DrainTimeout)
	defer cancel()
	err = p.drain(draining)
	if admin != nil {
		_ = admin.Close() // nothing of it is worth waiting for
	}
	p.log.Info("stopped")
	return err
}

// stepAside lets balancers notice that new clients belong elsewhere, before those who are here go there. Clients that come meanwhile
// are served.
func (p *program) stepAside() {
	p.stopping.Store(true)
	if p.peers != nil {
		time.Sleep(p.config.DrainDelay)
	}
}

// drain ends everything in the order in which the parts use each other. Clients that do not go in time are cut off: that is no
// failure.
func (p *program) drain(ctx context.Context) error {
	p.door.StopAdmitting()
	p.closeSockets()
	if err := p.door.Drain(ctx, p.config.DrainTimeout/2); err != nil {
		p.log.Warn("not all clients left in time", "error", err)
	}
	p.closeWebTransport()
	if err := p.http.Shutdown(ctx); err != nil {
		_ = p.http.Close() // cuts what did not end in time
	}
	p.closePush()
	p.jobs.Close()
	p.chat.Close()
	p.closePeers()
	p.closeTraces()
	return p.db.Close()
}

// join tells the other nodes where this one is.
func (p *program) join(ctx context.Context, listens net.Addr) {
	if p.nodes == nil {
		return
	}
	addr := p.config.NodeAddress
	host, port, err := net.SplitHostPort(listens.String())
	if ip := net.ParseIP(host); err == nil && (ip == nil || ip.IsUnspecified()) {
		host, err = p.peers.LocalIP()
	}
	if addr == "" {
		addr = net.JoinHostPort(host, port)
	} else {
		err = nil
	}
	if err == nil {
		err = p.nodes.Join(ctx, addr)
	}
	if err != nil {
		p.log.Warn("the other nodes do not know of this one yet", "address", addr, "error", err)
		return
	}
	p.log.Info("one of several nodes", "node", p.nodes.Self(), "address", addr)
}

// closePeers comes after the chat: what it commits last is told. It also comes after HTTP, which has polls of other nodes' sessions.
func (p *program) closePeers() {
	if p.nodes != nil {
		_ = p.nodes.Leave(context.Background()) // they will notice
	}
	if p.peers != nil {
		p.peers.Close()
	}
}

func (p *program) closeSockets() {
	if p.sockets != nil {
		p.sockets.Close()
	}
}

// release gives up what build has opened, when there is nothing to drain.
func (p *program) release(ctx context.Context) error {
	_ = p.http.Close() // it serves nobody
	p.closeSockets()
	err := p.door.Close(ctx)
	p.closeWebTransport()
	p.closePush()
	p.jobs.Close()
	p.chat.Close()
	p.closePeers()
	return errors.Join(err, p.db.Close())
}

// serveAdmin starts the operator's listener, if one is set.
func (p *program) serveAdmin(ctx context.Context) (*http.Server, error) {
	if p.config.AdminAddr == "" {
		return nil, nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.config.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("PARLEY_ADMIN_ADDR: %w", err)
	}
	handler, err := telemetry.AdminHandler(p.metrics.Handler())
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	return srv, nil
}

// displayURL is what a person would type.
func displayURL(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
