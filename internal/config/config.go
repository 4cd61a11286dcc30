// Package config is what an operator can set: one struct, filled from flags, environment variables and a .env file, in this
// order of precedence, and validated before anything starts.
package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"
)

// Config are the settings of "parley serve". Its help texts are the documentation: README's table is checked against them.
type Config struct {
	Port           int      `env:"PORT" default:"3000" help:"Port to listen on; 0 takes a free one."`
	Host           string   `env:"PARLEY_HOST" default:"" help:"Address to listen on; empty is all."`
	AllowedOrigins []string `env:"ALLOWED_ORIGINS" name:"allowed-origins" help:"Origins of other sites' pages that may connect (comma list, * is any). Unset: only this server's own pages, and clients that are no pages."`
	DatabaseURL    string   `env:"DATABASE_URL" name:"database-url" default:"" help:"Database: postgres://user:password@host/name, or sqlite:FILE. Unset: an SQLite file in PARLEY_DATA."`
	DatabaseConns  int      `env:"PARLEY_DATABASE_CONNECTIONS" name:"database-connections" default:"16" help:"Connections to Postgres at most."`
	RedisURL       string   `env:"REDIS_URL" name:"redis-url" default:"" help:"Redis, as redis://host:6379, by which several nodes on one Postgres are one server. Unset: one node."`
	NodeAddress    string   `env:"PARLEY_NODE_ADDRESS" name:"node-address" default:"" help:"Where the other nodes reach this one's port, as 10.0.0.7:3000. Unset: the address by which it reaches Redis, or PARLEY_HOST, and its port."`
	Data           string   `env:"PARLEY_DATA" default:"./data" help:"Folder of the embedded database."`

	PublicURL string `env:"PARLEY_PUBLIC_URL" name:"public-url" default:"" help:"Where people find the server, as https://chat.example.com: for links in letters, passkeys and sign-in elsewhere. Unset: http://localhost with the port."`
	SecretKey string `secret:"true" env:"PARLEY_SECRET_KEY" name:"secret-key" default:"" help:"Key of at least 32 random bytes, in base64, that seals secrets in the database; the same on all nodes. Unset: a file secret.key in PARLEY_DATA, made at the first start."`

	SMTPHost     string `env:"PARLEY_SMTP_HOST" name:"smtp-host" default:"" help:"Server that takes the mail: invitations, password resets, digests. Unset: no mail."`
	SMTPPort     int    `env:"PARLEY_SMTP_PORT" name:"smtp-port" default:"587" help:"Its port."`
	SMTPUser     string `env:"PARLEY_SMTP_USER" name:"smtp-user" default:"" help:"Name to sign in with there; unset: without."`
	SMTPPassword string `secret:"true" env:"PARLEY_SMTP_PASSWORD" name:"smtp-password" default:"" help:"Password to sign in with there."`
	SMTPFrom     string `env:"PARLEY_SMTP_FROM" name:"smtp-from" default:"" help:"Sender of the mail, as Parley <parley@example.com>. Unset: parley at the public URL's host."`
	SMTPSecurity string `env:"PARLEY_SMTP_SECURITY" name:"smtp-security" default:"starttls" enum:"starttls,tls,none" help:"How the connection to it is encrypted: starttls, tls (from the beginning, port 465), or none."`
	GuessLimit   Rate   `env:"PARLEY_GUESS_LIMIT" name:"guess-limit" default:"20/h" help:"Wrong passwords that can be tried at one account from browsers that have not signed in to it before, all of them together."`
	DeviceLimit  Rate   `env:"PARLEY_DEVICE_LIMIT" name:"device-limit" default:"20/h" help:"Wrong passwords that can be tried at one account from a browser that has; others' attempts do not hold it back."`
	CodeLimit    Rate   `env:"PARLEY_CODE_LIMIT" name:"code-limit" default:"10/h" help:"Wrong codes of an authenticator that can be tried at one account, from anywhere; recovery codes and passkeys are not held back by it."`
	LetterLimit  Rate   `env:"PARLEY_LETTER_LIMIT" name:"letter-limit" default:"5/h" help:"Letters that can be asked for to one address or account."`

	OIDCIssuer      string   `env:"PARLEY_OIDC_ISSUER" name:"oidc-issuer" default:"" help:"OpenID provider that people may sign in with, as https://id.example.com. Its redirect URI is the public URL with /api/oidc/callback."`
	OIDCClientID    string   `env:"PARLEY_OIDC_CLIENT_ID" name:"oidc-client-id" default:"" help:"What the server is known as there."`
	OIDCSecret      string   `secret:"true" env:"PARLEY_OIDC_CLIENT_SECRET" name:"oidc-client-secret" default:"" help:"Its secret there; unset for a public client."`
	OIDCName        string   `env:"PARLEY_OIDC_NAME" name:"oidc-name" default:"OpenID" help:"What people know the provider as."`
	OIDCScopes      []string `env:"PARLEY_OIDC_SCOPES" name:"oidc-scopes" default:"openid,profile,email" help:"What is asked for there (comma list)."`
	OIDCSignUp      bool     `env:"PARLEY_OIDC_SIGN_UP" name:"oidc-sign-up" default:"true" negatable:"" help:"Whether who comes from there for the first time gets an account."`
	OIDCLinkByEmail bool     `env:"PARLEY_OIDC_LINK_BY_EMAIL" name:"oidc-link-by-email" default:"false" negatable:"" help:"Whether an account with the same address, verified on both sides, becomes theirs; only for providers that nobody else can have an address verified at. Never of moderators, administrators and accounts with a second factor: those link it themselves."`

	LDAPURL          string `env:"PARLEY_LDAP_URL" name:"ldap-url" default:"" help:"Directory whose people may sign in with their password there, as ldaps://directory.example.com."`
	LDAPStartTLS     bool   `env:"PARLEY_LDAP_STARTTLS" name:"ldap-starttls" default:"true" negatable:"" help:"Whether ldap:// is encrypted by StartTLS; turned off, passwords travel in the clear."`
	LDAPCA           string `env:"PARLEY_LDAP_CA" name:"ldap-ca" default:"" help:"File with the certificates (PEM) that vouch for the directory; unset: the system's."`
	LDAPBindDN       string `env:"PARLEY_LDAP_BIND_DN" name:"ldap-bind-dn" default:"" help:"Who searches the directory; unset: anybody may."`
	LDAPBindPassword string `secret:"true" env:"PARLEY_LDAP_BIND_PASSWORD" name:"ldap-bind-password" default:"" help:"The searcher's password."`
	LDAPBase         string `env:"PARLEY_LDAP_BASE" name:"ldap-base" default:"" help:"People are searched below it, as ou=people,dc=example,dc=com."`
	LDAPFilter       string `env:"PARLEY_LDAP_FILTER" name:"ldap-filter" default:"(uid={login})" help:"Filter that finds a person by the name they have entered."`
	LDAPID           string `env:"PARLEY_LDAP_ID_ATTRIBUTE" name:"ldap-id-attribute" default:"entryUUID" help:"Attribute that never changes of a person; objectGUID in Active Directory."`
	LDAPName         string `env:"PARLEY_LDAP_NAME_ATTRIBUTE" name:"ldap-name-attribute" default:"cn" help:"Attribute with a person's name."`
	LDAPMail         string `env:"PARLEY_LDAP_MAIL_ATTRIBUTE" name:"ldap-mail-attribute" default:"" help:"Attribute with an e-mail address that people cannot write themselves: it counts as verified. Unset: none."`
	LDAPSignUp       bool   `env:"PARLEY_LDAP_SIGN_UP" name:"ldap-sign-up" default:"true" negatable:"" help:"Whether who comes from there for the first time gets an account."`
	LDAPMembers      string `env:"PARLEY_LDAP_MEMBERS" name:"ldap-members" default:"" help:"Group (DN) whose members may sign in; unset: everybody in the directory."`
	LDAPModerators   string `env:"PARLEY_LDAP_MODERATORS" name:"ldap-moderators" default:"" help:"Group (DN) whose members are moderators, at each sign-in."`
	LDAPAdmins       string `env:"PARLEY_LDAP_ADMINS" name:"ldap-admins" default:"" help:"Group (DN) whose members are admins, at each sign-in. With neither of the two set, roles are given here."`

	Guests     bool   `env:"PARLEY_GUESTS" default:"true" negatable:"" help:"Whether people may chat without an account, under a nickname."`
	SignUp     string `env:"PARLEY_SIGN_UP" name:"sign-up" default:"open" enum:"open,invite,closed" help:"Who may make an account: everybody (open), who has an invitation (invite), nobody (closed). The first account is the owner's."`
	InviteRole string `env:"PARLEY_INVITE_ROLE" name:"invite-role" default:"member" enum:"member,moderator,admin,owner" help:"Least role of those who may invite people to the server."`

	RateLimit       Rate          `env:"PARLEY_RATE_LIMIT" default:"30/m" help:"Messages per sender, as 30/m or 5/s; off lifts every rate limit, for load tests."`
	MessageMaxChars int           `env:"PARLEY_MESSAGE_MAX_CHARS" default:"4000" help:"Characters of a message; a longer one is refused."`
	PinRole         string        `env:"PARLEY_PIN_ROLE" name:"pin-role" default:"member" enum:"member,moderator" help:"Who pins messages in rooms: their members, or only those who moderate them."`
	MaxPins         int           `env:"PARLEY_MAX_PINS" name:"max-pins" default:"100" help:"Pinned messages of a room."`
	MaxSaved        int           `env:"PARLEY_MAX_SAVED" name:"max-saved" default:"1000" help:"Messages that a person may save."`
	MaxDrafts       int           `env:"PARLEY_MAX_DRAFTS" name:"max-drafts" default:"100" help:"Drafts of a person that are kept on the server."`
	MaxKeywords     int           `env:"PARLEY_MAX_KEYWORDS" name:"max-keywords" default:"50" help:"Words that a person may be notified of."`
	MaxBlocks       int           `env:"PARLEY_MAX_BLOCKS" name:"max-blocks" default:"1000" help:"People that a person may block or ignore."`
	EmojiRole       string        `env:"PARLEY_EMOJI_ROLE" name:"emoji-role" default:"admin" enum:"member,moderator,admin" help:"Least role of those who may add emoji."`
	MaxEmoji        int           `env:"PARLEY_MAX_EMOJI" name:"max-emoji" default:"500" help:"Emoji of the server's own."`
	MaxScheduled    int           `env:"PARLEY_MAX_SCHEDULED" name:"max-scheduled" default:"100" help:"Messages of a person that are to be sent later."`
	MaxReminders    int           `env:"PARLEY_MAX_REMINDERS" name:"max-reminders" default:"200" help:"Reminders of a person."`
	Previews        bool          `env:"PARLEY_PREVIEWS" default:"true" negatable:"" help:"Whether messages show what the pages that they link to say of themselves: the server asks them."`
	MaxPreviews     int           `env:"PARLEY_MAX_PREVIEWS" name:"max-previews" default:"3" help:"Links of a message that get a preview."`
	Push            bool          `env:"PARLEY_PUSH" default:"true" negatable:"" help:"Whether devices are told of messages while nobody looks at the page, by way of the services of their browsers (Web Push)."`
	MaxPush         int           `env:"PARLEY_MAX_PUSH" name:"max-push" default:"20" help:"Devices of a person that are told."`
	MaxPayload      Size          `env:"PARLEY_MAX_PAYLOAD" default:"64KiB" help:"Bytes a client may send at once."`
	CreationLimit   Rate          `env:"PARLEY_CREATION_LIMIT" default:"30/m" help:"What a person may make or change besides messages: rooms, memberships, invitations, the profile."`
	SearchLimit     Rate          `env:"PARLEY_SEARCH_LIMIT" default:"30/m" help:"Searches of a person; 10 of them at once."`
	SignInLimit     Rate          `env:"PARLEY_SIGN_IN_LIMIT" default:"6/m" help:"Attempts to sign in, sign up or use an invitation, per address; 5 of them at once."`
	AccountLimit    Rate          `env:"PARLEY_ACCOUNT_LIMIT" default:"11/h" help:"Attempts of one address at one account; 5 of them at once."`
	EventsPerMinute int           `env:"PARLEY_EVENTS_PER_MINUTE" default:"120" help:"Events of one connection per minute, 50 of them at once."`
	ConnsPerIP      int           `env:"PARLEY_CONNECTIONS_PER_IP" name:"connections-per-ip" default:"200" help:"Connections of one address; 0 is no limit."`
	ConnsPerPerson  int           `env:"PARLEY_CONNECTIONS_PER_PERSON" name:"connections-per-person" default:"20" help:"Connections of one person, on all their devices; 0 is no limit."`
	ConnRatePerIP   int           `env:"PARLEY_CONNECTION_RATE_PER_IP" name:"connection-rate-per-ip" default:"10" help:"New connections of one address per second, five times as many at once; 0 is no limit."`
	Handshakes      int           `env:"PARLEY_HANDSHAKES" default:"400" help:"New connections per second altogether; beyond, clients are told to come back. 0 is no limit."`
	TrustedProxies  []string      `env:"PARLEY_TRUSTED_PROXIES" name:"trusted-proxies" help:"Networks (CIDR, comma list; an address is a network of one) of proxies whose X-Forwarded-For is believed."`
	PingInterval    time.Duration `env:"PARLEY_PING_INTERVAL" default:"25s" help:"Time between two heartbeats of a connection."`
	PingTimeout     time.Duration `env:"PARLEY_PING_TIMEOUT" default:"20s" help:"How long a heartbeat's answer may take."`
	UpgradeTimeout  time.Duration `env:"PARLEY_UPGRADE_TIMEOUT" default:"10s" help:"How long the change from polling to WebSocket may take."`
	JoinTimeout     time.Duration `env:"PARLEY_JOIN_TIMEOUT" default:"10s" help:"How long a connection may stay without joining the chat's namespace."`
	WriteTimeout    time.Duration `env:"PARLEY_WRITE_TIMEOUT" default:"10s" help:"How long a client may take to read what it is sent."`
	QueueBytes      Size          `env:"PARLEY_QUEUE_BYTES" default:"1MiB" help:"Bytes that may wait for one client; past it, it is disconnected and catches up later."`
	QueueMessages   int           `env:"PARLEY_QUEUE_MESSAGES" default:"1024" help:"Messages that may wait for a client that has fallen behind."`
	OutboundBytes   Size          `env:"PARLEY_OUTBOUND_BYTES" default:"256MiB" help:"Bytes that may wait for all clients that have fallen behind, at most a quarter of PARLEY_MEMORY_LIMIT; 0 is that quarter."`
	OutboundPerIP   Size          `env:"PARLEY_OUTBOUND_PER_IP" name:"outbound-per-ip" default:"32MiB" help:"Bytes that may wait for those clients of one address that have fallen behind, at most an eighth of what may wait for all; 0 is that eighth."`
	MemoryLimit     Size          `env:"PARLEY_MEMORY_LIMIT" default:"0" help:"Memory to use, as 2GiB. 0: nine tenths of what a container may use, or three quarters of the machine's; GOMEMLIMIT counts before that."`
	OverloadWait    time.Duration `env:"PARLEY_OVERLOAD_WAIT" default:"2s" help:"How long a message may wait to be saved before new ones are refused; searches and new connections are refused earlier. 0 is no limit."`
	OverloadLag     time.Duration `env:"PARLEY_OVERLOAD_LAG" default:"2s" help:"How long work may wait for a processor before new messages are refused, in the same order. 0 is no limit."`
	Crowd           int           `env:"PARLEY_CROWD" default:"500" help:"People here up to whom everybody hears of each who comes, goes or is away; in a larger crowd they hear how many there are, and of those with whom they share a small room. 0 is no limit."`
	LeaveGrace      time.Duration `env:"PARLEY_LEAVE_GRACE" default:"5s" help:"How long somebody may be without a connection before they have left."`
	DrainDelay      time.Duration `env:"PARLEY_DRAIN_DELAY" default:"2s" help:"How long a stopping node goes on serving, no longer ready, so that balancers notice; one node alone does not wait. At most 1m."`
	DrainTimeout    time.Duration `env:"PARLEY_DRAIN_TIMEOUT" default:"25s" help:"How long a stopping server takes leave of its clients, at most 30s."`
	LogLevel        string        `env:"PARLEY_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
	LogFormat       string        `env:"PARLEY_LOG_FORMAT" default:"text" enum:"text,json" help:"text or json."`
	AdminAddr       string        `env:"PARLEY_ADMIN_ADDR" default:"" help:"Address of a second listener, without a password, for profiles, live plots of the runtime and /metrics; :6060 is port 6060 of this machine alone. Unset: none."`
	WebTransport    string        `env:"PARLEY_WEBTRANSPORT_ADDR" name:"webtransport-addr" default:"" help:"UDP address, as :443, at which clients may connect by WebTransport too, over HTTP/3; needs a certificate. Empty is none."`
	TLSCert         string        `env:"PARLEY_TLS_CERT" name:"tls-cert" default:"" help:"File with the certificate chain (PEM) for WebTransport; read again when it changes."`
	TLSKey          string        `env:"PARLEY_TLS_KEY" name:"tls-key" default:"" help:"File with the certificate's private key (PEM)."`
	SocketAdmin     string        `secret:"true" env:"PARLEY_SOCKET_ADMIN" name:"socket-admin" default:"" help:"Name and bcrypt hash, as admin:$2y$10$… (htpasswd -nB admin), of those who may watch this server's connections on the Socket.IO admin page, numbers only; empty is nobody."`
	OTLPEndpoint    string        `env:"OTEL_EXPORTER_OTLP_ENDPOINT" name:"otlp-endpoint" default:"" help:"Collector that traces are sent to by OTLP over HTTP, as http://localhost:4318; empty is none."`
	OTLPHeaders     []string      `secret:"true" env:"OTEL_EXPORTER_OTLP_HEADERS" name:"otlp-headers" help:"Headers for the collector, as name=value (comma list)."`
	TraceShare      float64       `env:"OTEL_TRACES_SAMPLER_ARG" name:"trace-share" default:"0.1" help:"Share of the events that are traced, 0 to 1."`
	proxies         []netip.Prefix
	given           map[string]bool // variables whose setting was set, by whatever means
}

// Size is a number of bytes, written like 64KiB.
type Size int64

var units = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range units {
		if digits, ok := strings.CutSuffix(strings.TrimSpace(string(text)), u.suffix); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
			if err != nil || n < 0 {
				return fmt.Errorf("%q is no size: write it like 64KiB", text)
			}
			*s = Size(n * u.bytes)
			return nil
		}
	}
	return nil
}

// Rate is so many per period. The zero Rate is off.
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*r = Rate{}
		return nil
	}
	count, per, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(count)
	periods := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
	if err != nil || n <= 0 || periods[per] == 0 {
		return fmt.Errorf("%q is no rate: write it like 30/m, or off", text)
	}
	*r = Rate{n, periods[per]}
	return nil
}

// LoadDotEnv adds what a .env file says to the environment, without overriding what is there. No file is no error.
func LoadDotEnv(file string) error {
	err := godotenv.Load(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf(".env: %w", err)
	}
	return nil
}

// Parse reads the settings. With --help it prints them to out and returns [ErrHelp].
func Parse(args []string, out io.Writer) (Config, error) {
	var c Config
	helped := false
	k, err := kong.New(&c, kong.Name("parley serve"), kong.Writers(out, out), kong.Exit(func(int) { helped = true }),
		kong.Description("Serve the chat. Every setting is a flag or an environment variable; a .env file is read."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}))
	if err != nil {
		return c, err
	}
	ignoreEmptyVariables(k.Model)
	parsed, err := k.Parse(args)
	if helped {
		return c, ErrHelp
	}
	if err != nil {
		return c, err
	}
	c.given = givenVariables(k.Model, parsed)
	return c, c.Check()
}

// ignoreEmptyVariables makes an empty variable one that is not set: compose files and .env templates leave such.
func ignoreEmptyVariables(m *kong.Application) {
	for _, f := range m.Flags {
		f.Tag.Envs = slices.DeleteFunc(slices.Clone(f.Tag.Envs), func(name string) bool { return os.Getenv(name) == "" })
	}
}

// ErrHelp says that help was asked for, and given.
var ErrHelp = errors.New("help was given")

// Check checks the settings together, and brings lists into the form in which they are used. [Parse] has done so.
func (c *Config) Check() error {
	for _, check := range []struct {
		ok   bool
		what string
	}{
		{c.Port >= 0 && c.Port <= 65535, "PORT must be between 0 and 65535"},
		{c.SMTPPort >= 1 && c.SMTPPort <= 65535, "PARLEY_SMTP_PORT must be between 1 and 65535"},
		{c.LDAPURL == "" || c.LDAPBase != "", "PARLEY_LDAP_URL needs PARLEY_LDAP_BASE"},
		{c.OIDCIssuer == "" || c.OIDCClientID != "", "PARLEY_OIDC_ISSUER needs PARLEY_OIDC_CLIENT_ID"},
		{c.MessageMaxChars >= 1 && c.MessageMaxChars <= 100_000, "PARLEY_MESSAGE_MAX_CHARS must be between 1 and 100000"},
		{min(c.MaxPins, c.MaxSaved, c.MaxDrafts, c.MaxKeywords, c.MaxBlocks) >= 1, "PARLEY_MAX_PINS, _SAVED, _DRAFTS, _KEYWORDS and _BLOCKS must be at least 1"},
		{c.MaxPush >= 1, "PARLEY_MAX_PUSH must be at least 1"},
		{c.MaxPreviews >= 1 && c.MaxPreviews <= 20, "PARLEY_MAX_PREVIEWS must be between 1 and 20"},
		{min(c.MaxEmoji, c.MaxScheduled, c.MaxReminders) >= 1, "PARLEY_MAX_EMOJI, _SCHEDULED and _REMINDERS must be at least 1"},
		{c.MaxPayload >= 1024, "PARLEY_MAX_PAYLOAD must be at least 1KiB"},
		{c.EventsPerMinute >= 1, "PARLEY_EVENTS_PER_MINUTE must be at least 1"},
		{c.ConnsPerIP >= 0 && c.ConnRatePerIP >= 0 && c.Handshakes >= 0, "limits of connections must not be negative"},
		{c.PingInterval >= time.Second && c.PingTimeout >= time.Second, "PARLEY_PING_INTERVAL and PARLEY_PING_TIMEOUT must be at least 1s"},
		{c.UpgradeTimeout > 0 && c.JoinTimeout > 0 && c.WriteTimeout > 0, "timeouts must be positive"},
		{c.QueueBytes >= 64<<10 && c.QueueMessages >= 16, "PARLEY_QUEUE_BYTES must be at least 64KiB, PARLEY_QUEUE_MESSAGES 16"},
		{c.TraceShare >= 0 && c.TraceShare <= 1, "OTEL_TRACES_SAMPLER_ARG must be between 0 and 1"},
		{c.OverloadWait >= 0 && c.OverloadLag >= 0, "PARLEY_OVERLOAD_WAIT and PARLEY_OVERLOAD_LAG must not be negative"},
		{c.MemoryLimit == 0 || c.MemoryLimit >= 64<<20, "PARLEY_MEMORY_LIMIT must be at least 64MiB"},
		{c.Crowd >= 0, "PARLEY_CROWD must not be negative"},
		{c.LeaveGrace >= 0, "PARLEY_LEAVE_GRACE must not be negative"},
		{c.DrainDelay >= 0 && c.DrainDelay <= time.Minute, "PARLEY_DRAIN_DELAY must be at most 1m"},
		{c.DrainTimeout > 0 && c.DrainTimeout <= 30*time.Second, "PARLEY_DRAIN_TIMEOUT must be at most 30s"},
	} {
		if !check.ok {
			return errors.New(check.what)
		}
	}
	if _, port, err := net.SplitHostPort(c.NodeAddress); c.NodeAddress != "" && (err != nil || port == "") {
		return fmt.Errorf("PARLEY_NODE_ADDRESS: %q is no address: write it like 10.0.0.7:3000", c.NodeAddress)
	}
	if c.WebTransport != "" {
		if _, port, err := net.SplitHostPort(c.WebTransport); err != nil || port == "" {
			return fmt.Errorf("PARLEY_WEBTRANSPORT_ADDR: %q is no address: write it like :443", c.WebTransport)
		}
		if c.TLSCert == "" || c.TLSKey == "" {
			return errors.New("PARLEY_WEBTRANSPORT_ADDR needs PARLEY_TLS_CERT and PARLEY_TLS_KEY")
		}
	}
	if name, hash, _ := strings.Cut(c.SocketAdmin, ":"); c.SocketAdmin != "" && (name == "" || !strings.HasPrefix(hash, "$2")) {
		return errors.New("PARLEY_SOCKET_ADMIN must be a name and the bcrypt hash of a password, as htpasswd -nB admin prints them")
	}
	if strings.HasPrefix(c.AdminAddr, ":") { // nobody means everybody by leaving the host out
		c.AdminAddr = "127.0.0.1" + c.AdminAddr
	}
	if err := c.readOrigins(); err != nil {
		return err
	}
	if err := c.readPublicURL(); err != nil {
		return err
	}
	return c.readProxies()
}

// readOrigins brings the list into the form in which browsers send an Origin: another one would never match, and nobody would
// know why.
func (c *Config) readOrigins() error {
	c.AllowedOrigins = items(c.AllowedOrigins)
	for i, text := range c.AllowedOrigins {
		if text == "*" {
			continue
		}
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("ALLOWED_ORIGINS: %q is no origin: write it like https://chat.example.com", text)
		}
		c.AllowedOrigins[i] = u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return nil
}

// readPublicURL brings the URL into the form of an origin. Passkeys and cookies are bound to its host.
func (c *Config) readPublicURL() error {
	text := strings.TrimSuffix(c.PublicURL, "/")
	if text == "" {
		if c.Port != 0 {
			c.PublicURL = "http://localhost:" + strconv.Itoa(c.Port)
		}
	} else {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("PARLEY_PUBLIC_URL: %q is no origin: write it like https://chat.example.com", c.PublicURL)
		}
		c.PublicURL = u.Scheme + "://" + strings.ToLower(u.Host)
	}
	if c.SMTPFrom == "" && c.PublicURL != "" {
		u, _ := url.Parse(c.PublicURL) // it was made above
		c.SMTPFrom = "Parley <parley@" + u.Hostname() + ">"
	}
	return nil
}

// readProxies takes networks, and single addresses as networks of one.
func (c *Config) readProxies() error {
	c.proxies = nil
	for _, text := range items(c.TrustedProxies) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return fmt.Errorf("PARLEY_TRUSTED_PROXIES: %q is no network: write it like 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		c.proxies = append(c.proxies, p)
	}
	return nil
}

// items are a list's entries without the space around them, and without empty ones.
func items(list []string) []string {
	var kept []string
	for _, text := range list {
		if text = strings.TrimSpace(text); text != "" {
			kept = append(kept, text)
		}
	}
	return kept
}

// Proxies are the trusted proxies' networks.
func (c *Config) Proxies() []netip.Prefix { return c.proxies }
