package adminui

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"parley/engineio"
	"parley/socketio"
)

// Store keeps the sessions of those who have entered the password, so that their pages can reconnect. Its methods may be called
// concurrently, and may wait.
type Store interface {
	Exists(ctx context.Context, sessionID string) (bool, error)
	Save(ctx context.Context, sessionID string) error
}

const (
	// sessionLife is how long a session of a [MemoryStore] lasts, as in the official package's Redis store.
	sessionLife = 24 * time.Hour
	// maxSessions is how many it keeps; the oldest make room.
	maxSessions = 1024
)

// MemoryStore is the [Store] of a single node.
type MemoryStore struct {
	mu       sync.Mutex
	sessions map[string]time.Time // and when they end
}

// NewMemoryStore makes a store for up to 1,024 sessions of 24 hours.
func NewMemoryStore() *MemoryStore { return &MemoryStore{sessions: map[string]time.Time{}} }

// Exists implements Store.
func (m *MemoryStore) Exists(_ context.Context, sessionID string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.sessions[sessionID]), nil
}

// Save implements Store.
func (m *MemoryStore) Save(_ context.Context, sessionID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sessions) >= maxSessions {
		m.dropOldest()
	}
	m.sessions[sessionID] = time.Now().Add(sessionLife)
	return nil
}

func (m *MemoryStore) dropOldest() {
	oldest := ""
	for id, ends := range m.sessions {
		if oldest == "" || ends.Before(m.sessions[oldest]) {
			oldest = id
		}
	}
	delete(m.sessions, oldest)
}

var (
	// errInvalid has the words that the page looks for.
	errInvalid = errors.New("invalid credentials")
	errBusy    = errors.New("too many attempts, try again later")
)

const (
	// maxComparisons is how many passwords may wait to be compared, which costs a processor a tenth of a second each.
	maxComparisons = 8
	// maxFailures is how many wrong passwords may come from one address in a period.
	maxFailures   = 10
	failurePeriod = time.Minute
	maxAddresses  = 10_000
)

// authenticator admits pages to the admin namespace.
type authenticator struct {
	auth    BasicAuth
	store   Store
	waiting chan struct{} // has an item for each comparison that waits or is made
	turn    sync.Mutex    // one comparison at a time

	mu       sync.Mutex
	failures map[string]int // of this period, by address
	period   time.Time
}

func newAuthenticator(auth BasicAuth, store Store) *authenticator {
	return &authenticator{auth: auth, store: store, waiting: make(chan struct{}, maxComparisons), failures: map[string]int{}}
}

type credentials struct {
	SessionID string `json:"sessionId"`
	Username  string `json:"username"`
	Password  string `json:"password"`
}

func (a *authenticator) known(ctx context.Context, c credentials) bool {
	if c.SessionID == "" {
		return false
	}
	ok, err := a.store.Exists(ctx, c.SessionID)
	return err == nil && ok // the password is still there to be entered
}

// check is the namespace's middleware.
func (a *authenticator) check(s *socketio.Socket) error {
	var c credentials
	if s.Handshake().BindAuth(&c) != nil {
		return errInvalid
	}
	if a.known(s.Context(), c) {
		return nil
	}
	if c.Password == "" {
		return errInvalid
	}
	from, _, err := net.SplitHostPort(s.Handshake().Addr())
	if err != nil {
		from = s.Handshake().Addr()
	}
	if a.failed(from, 0) >= maxFailures {
		return errBusy
	}
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return errBusy
	}
	if !a.matches(c) {
		a.failed(from, 1)
		return errInvalid
	}
	return nil
}

// matches takes as long for a wrong name as for a wrong password.
func (a *authenticator) matches(c credentials) bool {
	a.turn.Lock()
	defer a.turn.Unlock()
	named := subtle.ConstantTimeCompare([]byte(c.Username), []byte(a.auth.Username)) == 1
	return bcrypt.CompareHashAndPassword([]byte(a.auth.Password), []byte(c.Password)) == nil && named
}

// failed counts more failures of an address, and returns how many there are.
func (a *authenticator) failed(from string, more int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.period) > failurePeriod || len(a.failures) >= maxAddresses {
		clear(a.failures)
		a.period = now
	}
	if more > 0 {
		a.failures[from] += more
	}
	return a.failures[from]
}

// remember gives a page that came with the password a session to come back with.
func (a *authenticator) remember(s *socketio.Socket) {
	var c credentials
	if s.Handshake().BindAuth(&c) != nil || a.known(s.Context(), c) {
		return
	}
	id := engineio.NewID()
	if a.store.Save(s.Context(), id) == nil { // or else the password has to be entered again
		_ = s.Emit("session", id)
	}
}
