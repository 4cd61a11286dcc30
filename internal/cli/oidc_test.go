package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/mail/mailtest"
	"parley/socketio/client"
)

// provider is a real OpenID provider, with people of its own.
type provider struct {
	t       *testing.T
	url     string
	clients map[string]*storage.Client
}

func startProvider(t *testing.T, people map[string]*storage.User) *provider {
	t.Helper()
	file := filepath.Join(t.TempDir(), "people.json")
	for id, u := range people {
		u.ID, u.Password = id, "their password there"
	}
	data, err := json.Marshal(people)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := storage.StoreFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, clients: map[string]*storage.Client{}}
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	p.url = srv.URL
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) }) // the provider puts its own there
	handler = exampleop.SetupServer(p.url, storage.NewStorageWithClients(users, p.clients), slog.New(slog.DiscardHandler), false)
	return p
}

// serves starts our server beside the provider, which knows it.
func (p *provider) serves(o db.Options, args ...string) *server {
	p.t.Helper()
	s := start(p.t, append([]string{
		"--rate-limit=off", "--database-url=" + o.URL, "--oidc-issuer=" + p.url, "--oidc-client-id=parley", "--oidc-client-secret=shared",
		"--oidc-name=The office",
	}, args...)...)
	s.url = strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	p.clients["parley"] = storage.WebClient("parley", "shared", s.url+"/api/oidc/callback")
	return s
}

// browser keeps cookies, and follows redirects.
type browser struct {
	*http.Client
	s *server
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	return &browser{&http.Client{Jar: jar}, s}
}

// post sends JSON to our server, as its page does.
func (b *browser) post(path string, body any, header ...string) reply {
	b.s.t.Helper()
	data, _ := json.Marshal(body) // maps encode
	r, err := http.NewRequestWithContext(b.s.t.Context(), http.MethodPost, b.s.url+path, strings.NewReader(string(data)))
	if err != nil {
		b.s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := b.Do(r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	out := reply{}
	_ = json.Unmarshal(text, &out) // what is no JSON has no success
	out["status"] = float64(res.StatusCode)
	return out
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// atProvider goes to the provider, signs in there, and returns the address that it sends the browser back to.
func (b *browser) atProvider(to any, name string) *url.URL {
	b.s.t.Helper()
	res, err := b.Get(to.(string)) //nolint:noctx // a test's
	if err != nil {
		b.s.t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	found := requestID.FindSubmatch(page)
	if found == nil {
		b.s.t.Fatalf("no form: %s", page)
	}
	stop := *b.Client
	var back *url.URL
	stop.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), b.s.url) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	form := url.Values{"id": {string(found[1])}, "username": {name}, "password": {"their password there"}}
	res, err = stop.PostForm(res.Request.URL.Scheme+"://"+res.Request.URL.Host+"/login/username", form) //nolint:noctx // a test's
	if err != nil {
		b.s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if back == nil {
		b.s.t.Fatal("the provider did not send the browser back", res.Status)
	}
	return back
}

// follow goes to an address of ours and returns the fragment that the page is told.
func (b *browser) follow(to *url.URL) string {
	b.s.t.Helper()
	res, err := b.Get(to.String()) //nolint:noctx // a test's
	if err != nil {
		b.s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if where := res.Request.URL; where.Path != "/" || where.RawQuery != "" || !strings.HasPrefix(where.String(), b.s.url) {
		b.s.t.Fatalf("it leads to %s", where)
	}
	return res.Request.URL.Fragment
}

// travel does all of it.
func (b *browser) travel(purpose, name string, header ...string) string {
	b.s.t.Helper()
	r := b.post("/api/oidc", reply{"purpose": purpose}, header...)
	if r["success"] != true {
		b.s.t.Fatal(r)
	}
	return b.follow(b.atProvider(r["url"], name))
}

// joined is who the browser's cookie is.
func (b *browser) joined() (*person, reply) {
	b.s.t.Helper()
	at, _ := url.Parse(b.s.url) // it is one
	var cookies []string
	for _, c := range b.Jar.Cookies(at) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	c, err := client.Dial(b.s.t.Context(), b.s.url, client.Options{Header: http.Header{"Cookie": {strings.Join(cookies, "; ")}}})
	if err != nil {
		b.s.t.Fatal(err)
	}
	b.s.t.Cleanup(c.Close)
	p := &person{Client: c, t: b.s.t}
	return p, p.must("user-join", reply{})
}

func office(t *testing.T) *provider {
	return startProvider(t, map[string]*storage.User{
		"id-ana":  {Username: "ana@office.test", FirstName: "Ana", LastName: "Ruiz", Email: "ana@office.test", EmailVerified: true},
		"id-ben":  {Username: "ben", FirstName: "Ben", LastName: "", Email: "ana@office.test", EmailVerified: false},
		"id-boss": {Username: "boss", FirstName: "Boss", LastName: "", Email: "boss@office.test", EmailVerified: true},
	})
}

func TestSigningInByWayOfAnOpenIDProvider(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		p := office(t)
		s := p.serves(o)
		s.dial(nil).must("account-create", reply{"name": "root", "password": "password of root"})
		s.dial(nil).must("account-create", reply{"name": "ana", "password": "password of ana"}) // another Ana
		b := s.browser()
		if got := b.travel("sign-in", "ana@office.test"); got != "oidc=sign-in" {
			t.Fatal(got)
		}
		ana, who := b.joined()
		if who["login"] != "ana-2" || who["role"] != "member" || who["username"] != "Ana Ruiz" || who["token"] != nil {
			t.Fatal(who)
		}
		security := ana.must("account-security", reply{})
		if security["email"] != "ana@office.test" || !strings.Contains(fmt.Sprint(security["identities"]), p.url) {
			t.Fatal(security)
		}
		again := s.browser()
		again.travel("sign-in", "ana@office.test")
		if _, r := again.joined(); r["userId"] != who["userId"] || r["sessionId"] == who["sessionId"] {
			t.Fatal(r)
		}
		// Who says that an address is theirs, without the provider having made sure, gets nothing by it.
		other := s.browser()
		other.travel("sign-in", "ben")
		ben, bens := other.joined()
		if bens["userId"] == who["userId"] || bens["login"] != "ben" {
			t.Fatal(bens)
		}
		if r := ben.must("account-security", reply{}); r["email"] != nil {
			t.Fatal(r)
		}
		// Without another way in, the last one stays.
		ben.refused("identity-unlink", reply{"issuer": p.url}, "conflict", "could not sign in")
		s.dial(nil).refused("account-login", reply{"name": "ben", "password": ""}, "unauthenticated", "Wrong")
		// Their access can be taken away.
		root := s.dial(nil)
		root.must("account-login", reply{"name": "root", "password": "password of root"})
		root.must("person-deactivate", reply{"userId": bens["userId"]})
		if got := s.browser().travel("sign-in", "ben"); !strings.HasPrefix(got, "oidc-error=") {
			t.Fatal(got)
		}
	})
}

// Each of these is an attack on the way there or back.
func TestTheWayBackIsTheSameBrowsersAndUsedOnce(t *testing.T) {
	p := office(t)
	s := p.serves(db.Options{})
	b := s.browser()
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.test"}} {
		if r := b.post("/api/oidc", reply{"purpose": "sign-in"}, header...); r["status"] != 403.0 {
			t.Fatal("another page began it", r)
		}
	}
	for _, purpose := range []string{"link", "confirm"} {
		if r := b.post("/api/oidc", reply{"purpose": purpose}); r["code"] != "unauthenticated" {
			t.Fatal(r)
		}
	}
	if r := b.post("/api/oidc", reply{"purpose": "https://evil.test"}); r["success"] == true {
		t.Fatal(r)
	}
	begin := func(b *browser) (*url.URL, url.Values) {
		r := b.post("/api/oidc", reply{"purpose": "sign-in"})
		to, err := url.Parse(r["url"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return to, to.Query()
	}
	to, asked := begin(b)
	if asked.Get("code_challenge_method") != "S256" || len(asked.Get("code_challenge")) != 43 || len(asked.Get("state")) != 43 || len(asked.Get("nonce")) != 43 ||
		asked.Get("response_type") != "code" || asked.Get("redirect_uri") != s.url+"/api/oidc/callback" {
		t.Fatal(asked)
	}
	refused := func(what string, b *browser, at *url.URL) {
		t.Helper()
		if got := b.follow(at); !strings.HasPrefix(got, "oidc-error=") {
			t.Errorf("%s: %s", what, got)
		}
		at, _ = url.Parse(s.url)
		for _, c := range b.Jar.Cookies(at) {
			if strings.HasPrefix(c.Name, "parley") {
				t.Errorf("%s: it has the cookie %s", what, c.Name)
			}
		}
	}
	back := b.atProvider(to.String(), "ana@office.test")
	refused("in the browser of somebody who did not begin it", s.browser(), back)
	victim := s.browser()
	begin(victim)
	refused("in the browser of somebody who has begun another one", victim, back)
	forged := *back
	q := forged.Query()
	victim = s.browser()
	_, theirs := begin(victim)
	q.Set("state", theirs.Get("state"))
	forged.RawQuery = q.Encode()
	refused("a code of one's own with the state of the victim", victim, &forged)
	if got := b.follow(back); got != "oidc=sign-in" {
		t.Fatal(got)
	}
	fresh := s.browser()
	refused("a second time", fresh, back)
	silent := *back
	silent.RawQuery = "error=access_denied&state=" + asked.Get("state")
	refused("the provider said no", fresh, &silent)
}

func TestLinkingAnIdentity(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		p := office(t)
		post := mailtest.Start(t, mailtest.Options{})
		smtp := []string{"--smtp-host=127.0.0.1", fmt.Sprint("--smtp-port=", post.Port), "--smtp-security=none"}
		data := "--data=" + t.TempDir()
		s := p.serves(o, append(smtp, data)...)
		s.withMail("boss", post, "boss@office.test") // owns the server
		ana := s.withMail("ana", post, "ana@office.test")
		conflict := "oidc-error=An+account+has+your+address+already"
		// The same address is no reason to let somebody into an account, unless the operator says so.
		if got := s.browser().travel("sign-in", "ana@office.test"); !strings.HasPrefix(got, conflict) {
			t.Fatal(got)
		}
		s.stop()
		s = p.serves(o, append(smtp, data, "--oidc-link-by-email")...)
		if got := s.browser().travel("sign-in", "boss"); !strings.HasPrefix(got, conflict) {
			t.Fatal("an owner's account was linked by an address", got)
		}
		s.sql(`UPDATE users SET second_factor = 1 WHERE login = 'ana'`)
		if got := s.browser().travel("sign-in", "ana@office.test"); !strings.HasPrefix(got, conflict) {
			t.Fatal("a second factor was gone around", got)
		}
		s.sql(`UPDATE users SET second_factor = 0 WHERE login = 'ana'`)
		b := s.browser()
		if got := b.travel("sign-in", "ana@office.test"); got != "oidc=sign-in" {
			t.Fatal(got)
		}
		if _, r := b.joined(); r["login"] != "ana" {
			t.Fatal(r)
		}
		// One letter says that the identity was linked, another that the browser was not known: each is a job of its own, in no order.
		notices := post.Wait("ana@office.test", 2).Text + post.Wait("ana@office.test", 3).Text
		for _, wanted := range []string{"by way of " + p.url, "a device that was not known"} {
			if !strings.Contains(notices, wanted) {
				t.Fatalf("%q is in neither of %s", wanted, notices)
			}
		}
		_ = ana
		// Signed in, and having proved it, the owner links theirs.
		boss := s.dial(nil)
		token := "Bearer " + boss.must("account-login", reply{"name": "boss", "password": "password of boss"})["token"].(string)
		if got := s.browser().travel("link", "boss", "Authorization", token); got != "oidc=link" {
			t.Fatal(got)
		}
		if got := s.browser().travel("link", "ana@office.test", "Authorization", token); !strings.HasPrefix(got, "oidc-error=Another+account") {
			t.Fatal("took another's identity", got)
		}
		s.sql(`UPDATE sessions SET confirmed_at = 0`)
		if r := s.browser().post("/api/oidc", reply{"purpose": "link"}, "Authorization", token); r["code"] != "unconfirmed" {
			t.Fatal(r)
		}
		boss.refused("identity-unlink", reply{"issuer": p.url}, "unconfirmed", "Confirm")
		if got := s.browser().travel("confirm", "ana@office.test", "Authorization", token); !strings.HasPrefix(got, "oidc-error=") {
			t.Fatal("confirmed by another's identity", got)
		}
		if got := s.browser().travel("confirm", "boss", "Authorization", token); got != "oidc=confirm" {
			t.Fatal(got)
		}
		if r := boss.must("identity-unlink", reply{"issuer": p.url}); len(r["identities"].([]any)) != 0 {
			t.Fatal(r)
		}
	})
}

func TestWhoMayComeFromTheProvider(t *testing.T) {
	p := office(t)
	s := p.serves(db.Options{}, "--no-oidc-sign-up", "--sign-up=closed")
	if got := s.browser().travel("sign-in", "ben"); !strings.HasPrefix(got, "oidc-error=There+is+no+account") {
		t.Fatal(got)
	}
	ways := s.ways()
	if ways["oidc"] != "The office" || ways["signUp"] != "closed" || ways["mail"] != false || ways["guests"] != true || ways["setUp"] != true {
		t.Fatal(ways)
	}
	s.dial(nil).must("account-create", reply{"name": "owner", "password": "a long enough password"}) // the first, although signing up is closed
	if ways := s.ways(); ways["setUp"] != false {
		t.Fatal(ways)
	}
	plain := start(t, "--rate-limit=off")
	if r := plain.browser().post("/api/oidc", reply{"purpose": "sign-in"}); r["code"] != "not-found" {
		t.Fatal(r)
	}
	dead := start(t, "--rate-limit=off", "--oidc-issuer=http://127.0.0.1:1", "--oidc-client-id=x") // the provider is away: ours is there
	if r := dead.browser().post("/api/oidc", reply{"purpose": "sign-in"}); r["code"] != "unavailable" {
		t.Fatal(r)
	}
}

// ways are those to sign in, as the page is told.
func (s *server) ways() reply {
	s.t.Helper()
	res, err := http.Get(s.url + "/api/sign-in") //nolint:noctx // a test's
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var ways reply
	if err := json.NewDecoder(res.Body).Decode(&ways); err != nil {
		s.t.Fatal(err)
	}
	return ways
}
