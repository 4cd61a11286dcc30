package push_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/jobs"
	"parley/internal/push"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var b64 = base64.RawURLEncoding

// service is a push service, and the browsers that subscribe there: it opens what it gets as they would.
type service struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	keys   map[string]*ecdh.PrivateKey // by path
	secret []byte
	status []int // of the next answers
	got    []string
	tried  int
}

func newService(t *testing.T) *service {
	s := &service{t: t, keys: map[string]*ecdh.PrivateKey{}, secret: []byte("sixteen bytes...")}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.take))
	t.Cleanup(s.Close)
	return s
}

// device is a new subscription.
func (s *service) device(name string) chat.PushSubscription {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys["/"+name] = key
	return chat.PushSubscription{Endpoint: s.URL + "/" + name, P256dh: b64.EncodeToString(key.PublicKey().Bytes()), Auth: b64.EncodeToString(s.secret)}
}

func (s *service) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried++
	if len(s.status) > 0 {
		code := s.status[0]
		s.status = s.status[1:]
		if code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	if err := s.signed(r); err != nil {
		s.t.Error(err)
	}
	text, err := open(s.keys[r.URL.Path], s.secret, body)
	if err != nil || r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("Ttl") == "" {
		s.t.Errorf("%s: %v, %v", r.URL.Path, err, r.Header)
	}
	s.got = append(s.got, strings.TrimPrefix(r.URL.Path, "/")+" "+text)
	w.WriteHeader(http.StatusCreated)
}

// signed checks the server's signature of RFC 8292.
func (s *service) signed(r *http.Request) error {
	token, key, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "vapid t="), ", k=")
	parts := strings.Split(token, ".")
	public, err := b64.DecodeString(key)
	if err != nil || len(parts) != 3 || len(public) != 65 {
		return fmt.Errorf("authorization %q: %w", r.Header.Get("Authorization"), err)
	}
	signature, err := b64.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	at, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return err
	}
	if !ecdsa.Verify(at, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return fmt.Errorf("the signature is wrong")
	}
	claims, err := b64.DecodeString(parts[1])
	if err == nil && (!strings.Contains(string(claims), `"aud":"`+s.URL+`"`) || !strings.Contains(string(claims), `"sub":"mailto:`)) {
		err = fmt.Errorf("claims %s", claims)
	}
	return err
}

// open undoes the encryption of RFC 8291.
func open(key *ecdh.PrivateKey, secret, body []byte) (string, error) {
	if key == nil || len(body) < 86 {
		return "", fmt.Errorf("%d bytes for nobody", len(body))
	}
	salt, size, idLen := body[:16], binary.BigEndian.Uint32(body[16:20]), int(body[20])
	sender, sealed := body[21:21+idLen], body[21+idLen:]
	if uint32(len(sealed)) > size { //nolint:gosec // a test's
		return "", fmt.Errorf("more than one record")
	}
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return "", err
	}
	shared, err := key.ECDH(public)
	if err != nil {
		return "", err
	}
	info := "WebPush: info\x00" + string(key.PublicKey().Bytes()) + string(sender)
	derive := func(secret, salt []byte, info string, n int) []byte {
		out, err2 := hkdf.Key(sha256.New, secret, salt, info, n)
		if err2 != nil {
			err = err2
		}
		return out
	}
	ikm := derive(shared, secret, info, 32)
	block, err2 := aes.NewCipher(derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16))
	if err2 != nil || err != nil {
		return "", fmt.Errorf("%w, %w", err, err2)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	text, err := gcm.Open(nil, derive(ikm, salt, "Content-Encoding: nonce\x00", 12), sealed, nil)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimRight(string(text), "\x00"), "\x02"), nil
}

// received waits until so many notices have come.
func (s *service) received(n int) []string {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		got := slices.Clone(s.got)
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
	}
	s.t.Fatalf("%v have come, not %d", s.got, n)
	return nil
}

type fixture struct {
	*chat.Chat
	t       *testing.T
	db      *db.DB
	queue   *jobs.Queue
	push    *push.Push
	service *service

	mu      sync.Mutex
	looking map[string]bool
}

func eachDB(t *testing.T, control func(string, string, syscall.RawConn) error, run func(t *testing.T, f *fixture)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{t: t, db: d, service: newService(t), looking: map[string]bool{}}
		published := make(chan chat.Event, 1000)
		f.Chat, err = chat.New(t.Context(), chat.Options{DB: d, Publish: func(e chat.Event) { published <- e }})
		if err != nil {
			t.Fatal(err)
		}
		f.queue = jobs.Open(jobs.Options{DB: d, Poll: 20 * time.Millisecond})
		pool := x509.NewCertPool()
		pool.AddCert(f.service.Certificate())
		f.push, err = push.Open(t.Context(), push.Options{
			Chat: f.Chat, Jobs: f.queue, Log: slog.New(slog.DiscardHandler), Idle: 14 * 24 * time.Hour, Absolute: 90 * 24 * time.Hour, Control: control,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
			Attention: func(id string) chat.Attention {
				f.mu.Lock()
				defer f.mu.Unlock()
				return chat.Attention{Connected: f.looking[id], Looking: f.looking[id]}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		kind := f.push.Kind()
		kind.AtOnce, kind.Pause = 1, 10*time.Millisecond // one after the other, so that what comes last has everything before it
		f.queue.Start(kind)
		stop := make(chan struct{})
		var pumping sync.WaitGroup
		pumping.Go(func() {
			for {
				select {
				case e := <-published:
					f.push.Heard(e)
				case <-stop:
					return
				}
			}
		})
		t.Cleanup(func() {
			f.push.Close()
			f.queue.Close()
			f.Close()
			close(stop)
			pumping.Wait()
			_ = d.Close()
		})
		run(t, f)
	})
}

func anywhere(string, string, syscall.RawConn) error { return nil }

// person is somebody with an account and a session.
func (f *fixture) person(login string) chat.Actor {
	f.t.Helper()
	u, err := f.CreateAccount(f.t.Context(), chat.AccountDraft{Login: login, Name: strings.ToUpper(login[:1]) + login[1:], Role: chat.Member})
	if err != nil {
		f.t.Fatal(err)
	}
	a := chat.Actor{UserID: u.ID, Name: u.Name, Role: u.Role, SessionID: "session of " + login}
	f.exec(`INSERT INTO sessions (id, user_id, token_hash, device, created_at, used_at, confirmed_at) VALUES ($1, $2, $1, '', $3, $3, 0)`, a.SessionID, u.ID, time.Now().UnixMicro())
	return a
}

func (f *fixture) exec(text string, args ...any) {
	f.t.Helper()
	err := f.db.Tx(f.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(f.t.Context(), text, args...)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) subscribed(a chat.Actor, device string) {
	f.t.Helper()
	if err := f.SubscribePush(f.t.Context(), a, f.service.device(device)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) say(a chat.Actor, room, text string) chat.Message {
	f.t.Helper()
	m, err := f.SendMessage(f.t.Context(), a, chat.Draft{RoomID: room, Text: text})
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

func (f *fixture) direct(a, b chat.Actor) string {
	f.t.Helper()
	r, err := f.OpenDirect(f.t.Context(), a, []string{b.UserID})
	if err != nil {
		f.t.Fatal(err)
	}
	return r.ID
}

func notice(device, title, body, room string, seq int64) string {
	data, _ := json.Marshal(map[string]any{"title": title, "body": body, "roomId": room, "seq": seq})
	var in struct {
		Title  string `json:"title"`
		Body   string `json:"body"`
		RoomID string `json:"roomId"`
		Seq    int64  `json:"seq"`
	}
	_ = json.Unmarshal(data, &in)
	out, _ := json.Marshal(in)
	return device + " " + string(out)
}

func TestWhoIsToldOfWhat(t *testing.T) {
	eachDB(t, anywhere, func(t *testing.T, f *fixture) {
		ana, ben := f.person("ana"), f.person("ben")
		f.subscribed(ben, "phone")
		f.subscribed(ben, "desk")
		f.subscribed(ana, "own")
		f.say(ana, chat.Lobby, "for nobody in particular") // the lobby calls who is addressed
		call := f.say(ana, chat.Lobby, "@ben a **bold** word,\nand ||secret||")
		room := f.direct(ana, ben)
		first := f.say(ana, room, "hello")
		want := []string{
			notice("desk", "Ana · General", "@ben a bold word, and █████", chat.Lobby, call.Seq), notice("phone", "Ana · General", "@ben a bold word, and █████", chat.Lobby, call.Seq),
			notice("desk", "Ana", "hello", room, first.Seq), notice("phone", "Ana", "hello", room, first.Seq),
		}
		got := f.service.received(4)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("got %q\nwant %q", got, want)
		}
	})
}

func TestWhoIsSpared(t *testing.T) {
	eachDB(t, anywhere, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		ana := f.person("ana")
		spared := map[string]func(a chat.Actor, room string) error{
			"looking": func(a chat.Actor, _ string) error {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.looking[a.UserID] = true
				return nil
			},
			"dnd": func(a chat.Actor, _ string) error {
				wish := "dnd"
				_, err := f.UpdateProfile(ctx, a, chat.Profile{Presence: &wish})
				return err
			},
			"muted": func(a chat.Actor, room string) error {
				until := time.Now().Add(time.Hour)
				_, err := f.SetRoom(ctx, a, room, chat.RoomSettingsChange{MutedUntil: &until})
				return err
			},
			"none": func(a chat.Actor, room string) error {
				none := chat.LevelNone
				_, err := f.SetRoom(ctx, a, room, chat.RoomSettingsChange{Level: &none})
				return err
			},
			"ignores": func(a chat.Actor, _ string) error {
				_, err := f.BlockPerson(ctx, a, ana.UserID, &chat.Block{Ignore: true})
				return err
			},
			"signed-out": func(a chat.Actor, _ string) error {
				f.exec(`UPDATE sessions SET revoked_at = 1 WHERE id = $1`, a.SessionID)
				return nil
			},
			"idle": func(a chat.Actor, _ string) error {
				f.exec(`UPDATE sessions SET used_at = 1 WHERE id = $1`, a.SessionID)
				return nil
			},
			"unsubscribed": func(a chat.Actor, _ string) error {
				return f.UnsubscribePush(ctx, a, f.service.URL+"/unsubscribed")
			},
		}
		for name, spare := range spared {
			who := f.person(name)
			f.subscribed(who, name)
			room := f.direct(ana, who)
			if err := spare(who, room); err != nil {
				t.Fatal(name, err)
			}
			f.say(ana, room, "not for "+name)
		}
		left := f.person("left")
		f.subscribed(left, "left")
		private, err := f.CreateRoom(ctx, ana, chat.RoomDraft{Name: "Private", Kind: chat.Private, Members: []string{left.UserID}})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.LeaveRoom(ctx, left, private.ID); err != nil {
			t.Fatal(err)
		}
		f.say(ana, private.ID, "@left are you there?")
		told := f.person("told")
		f.subscribed(told, "told")
		last := f.say(ana, f.direct(ana, told), "for you")
		if got := f.service.received(1); len(got) != 1 || got[0] != notice("told", "Ana", "for you", last.RoomID, last.Seq) {
			t.Fatalf("%q", got)
		}
	})
}

// Whoever subscribes is told of what is written from then on, also when nobody was to be told a moment ago.
func TestTheFirstDeviceIsToldAtOnce(t *testing.T) {
	eachDB(t, anywhere, func(t *testing.T, f *fixture) {
		ana, ben := f.person("ana"), f.person("ben")
		room := f.direct(ana, ben)
		f.say(ana, chat.Lobby, "for nobody")
		time.Sleep(100 * time.Millisecond) // so that it has been seen that there is no device
		f.subscribed(ben, "phone")
		var want []string
		for _, text := range []string{"one", "two"} {
			want = append(want, notice("phone", "Ana", text, room, f.say(ana, room, text).Seq))
		}
		if got := f.service.received(2); !slices.Equal(got, want) {
			t.Fatalf("got %q\nwant %q", got, want)
		}
	})
}

func TestAServiceThatIsAwayAndOneThatKnowsADeviceNoMore(t *testing.T) {
	eachDB(t, anywhere, func(t *testing.T, f *fixture) {
		ana, ben := f.person("ana"), f.person("ben")
		f.subscribed(ben, "phone")
		room := f.direct(ana, ben)
		f.service.mu.Lock()
		f.service.status = []int{http.StatusServiceUnavailable, http.StatusTooManyRequests}
		f.service.mu.Unlock()
		m := f.say(ana, room, "in the end")
		if got := f.service.received(1); got[0] != notice("phone", "Ana", "in the end", room, m.Seq) {
			t.Fatal(got)
		}
		f.service.mu.Lock()
		tried := f.service.tried
		f.service.status = []int{http.StatusGone}
		f.service.mu.Unlock()
		if tried != 3 {
			t.Errorf("%d attempts", tried)
		}
		f.say(ana, room, "nobody is there")
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			some, err := f.Pushes(t.Context())
			if err == nil && !some {
				break
			}
			if time.Now().After(end) {
				t.Fatal("a device that is gone is kept", err)
			}
		}
	})
}

// A browser's service is never inside one's own network: whoever names such an address reaches nothing by it.
func TestNobodyInsideIsAsked(t *testing.T) {
	eachDB(t, nil, func(t *testing.T, f *fixture) {
		ana, ben := f.person("ana"), f.person("ben")
		f.subscribed(ben, "phone") // at a loopback address
		f.say(ana, f.direct(ana, ben), "for nobody")
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if some, err := f.Pushes(t.Context()); err == nil && !some {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the address is kept")
			}
		}
		f.service.mu.Lock()
		defer f.service.mu.Unlock()
		if f.service.tried != 0 {
			t.Errorf("it was asked %d times", f.service.tried)
		}
	})
}

func TestBadSubscriptions(t *testing.T) {
	eachDB(t, anywhere, func(t *testing.T, f *fixture) {
		ben := f.person("ben")
		good := f.service.device("good")
		for what, change := range map[string]func(s *chat.PushSubscription){
			"http":           func(s *chat.PushSubscription) { s.Endpoint = "http://push.test/x" },
			"a user name":    func(s *chat.PushSubscription) { s.Endpoint = "https://a@push.test/x" },
			"no host":        func(s *chat.PushSubscription) { s.Endpoint = "https:///x" },
			"too long":       func(s *chat.PushSubscription) { s.Endpoint += strings.Repeat("x", 3000) },
			"no key":         func(s *chat.PushSubscription) { s.P256dh = "" },
			"not on a curve": func(s *chat.PushSubscription) { s.P256dh = b64.EncodeToString(append([]byte{4}, make([]byte, 64)...)) },
			"a short secret": func(s *chat.PushSubscription) { s.Auth = "AAAA" },
		} {
			s := good
			change(&s)
			if err := f.SubscribePush(t.Context(), ben, s); chat.AsError(err).Kind != chat.Invalid {
				t.Errorf("%s: %v", what, err)
			}
		}
		for i := range 20 {
			f.subscribed(ben, fmt.Sprint("device", i))
		}
		if err := f.SubscribePush(t.Context(), ben, good); chat.AsError(err).Kind != chat.TooLarge {
			t.Error(err)
		}
		f.subscribed(ben, "device3") // again, with other keys
	})
}

func TestTheKeysStay(t *testing.T) {
	eachDB(t, anywhere, func(t *testing.T, f *fixture) {
		again, err := push.Open(context.Background(), push.Options{Chat: f.Chat, Jobs: f.queue, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if again.Key() != f.push.Key() || len(again.Key()) != 87 {
			t.Errorf("%s, %s", again.Key(), f.push.Key())
		}
	})
}
