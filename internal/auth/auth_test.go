package auth_test

import (
	"strings"
	"testing"
	"time"

	"parley/internal/auth"
	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/jobs"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

type fixture struct {
	*auth.Accounts
	now   time.Time
	ended []chat.Ended
}

func eachDB(t *testing.T, run func(t *testing.T, f *fixture)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{now: time.Now()}
		c, err := chat.New(t.Context(), chat.Options{DB: d, Now: func() time.Time { return f.now }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(); _ = d.Close() })
		passwords, err := auth.NewPasswords()
		if err != nil {
			t.Fatal(err)
		}
		sessions := &auth.Sessions{DB: d, Now: func() time.Time { return f.now }, Ended: func(e chat.Ended) { f.ended = append(f.ended, e) }}
		now := func() time.Time { return f.now }
		sealer, err := auth.NewSealer([]byte("a key of the tests, 32 bytes long"))
		if err != nil {
			t.Fatal(err)
		}
		f.Accounts = &auth.Accounts{
			Chat: c, Sessions: sessions, Passwords: passwords, Sealer: sealer, Throttle: &auth.Throttle{DB: d, Now: now},
			Jobs: jobs.Open(jobs.Options{DB: d, Now: now}),
		}
		if err := f.SetOrigin("https://chat.test"); err != nil {
			t.Fatal(err)
		}
		run(t, f)
	})
}

func kindOf(err error) chat.Kind {
	if err == nil {
		return ""
	}
	return chat.AsError(err).Kind
}

func TestSessionsEndByThemselves(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		_, token, err := f.Create(t.Context(), auth.SignUp{Login: "ana", Password: "a long enough password", From: auth.From{Agent: strings.Repeat("d", 500)}})
		if err != nil {
			t.Fatal(err)
		}
		works := func() bool {
			t.Helper()
			a, err := f.Sessions.Authenticate(t.Context(), token)
			if err != nil && kindOf(err) != chat.Unauthenticated {
				t.Fatal(err)
			}
			return err == nil && a.Role == chat.Owner
		}
		if !works() {
			t.Fatal("a new session does not work")
		}
		for range 6 { // in use, it lasts
			f.now = f.now.Add(13 * 24 * time.Hour)
			if !works() {
				t.Fatal("a session in use has ended")
			}
		}
		f.now = f.now.Add(13 * 24 * time.Hour) // 91 days in all
		if works() {
			t.Fatal("a session lasts for ever")
		}
		_, token, err = f.SignIn(t.Context(), "ana", auth.Proof{Password: "a long enough password"}, auth.From{})
		if err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(15 * 24 * time.Hour)
		if works() {
			t.Fatal("a session that nobody uses lasts")
		}
		for _, made := range []string{"", "made up", token + "x", strings.Repeat("x", 10_000)} {
			if _, err := f.Sessions.Authenticate(t.Context(), made); kindOf(err) != chat.Unauthenticated {
				t.Errorf("%.20q: %v", made, err)
			}
		}
	})
}

func TestTokensAreNotInTheDatabase(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		_, token, err := f.Create(t.Context(), auth.SignUp{Login: "ana", Password: "a long enough password"})
		if err != nil {
			t.Fatal(err)
		}
		var n int
		err = f.Sessions.DB.QueryRow(t.Context(), `SELECT count(*) FROM sessions WHERE token_hash = $1 OR id = $1`, token).Scan(&n)
		if err != nil || n != 0 {
			t.Fatalf("%d, %v", n, err)
		}
		var hash string
		if err := f.Sessions.DB.QueryRow(t.Context(), `SELECT password_hash FROM users WHERE login = 'ana'`).Scan(&hash); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, "password") {
			t.Fatal(hash)
		}
	})
}

func TestPasswords(t *testing.T) {
	p, err := auth.NewPasswords()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "short", "password1", "PASSWORD1", "qwertyuiop", "ana-ruiz-1", strings.Repeat("x", 129), "\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, err := p.Hash(t.Context(), "Ana-Ruiz-1", bad); kindOf(err) != chat.Invalid {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	hash, err := p.Hash(t.Context(), "ana", "ein gutes Paßwort 🔑")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"ein gutes Paßwort 🔑": true, "ein gutes Passwort": false, "": false, "a password that nobody has": false} {
		if ok, err := p.Matches(t.Context(), password, hash); ok != want || err != nil {
			t.Errorf("%q: %v %v", password, ok, err)
		}
		if ok, err := p.Matches(t.Context(), password, ""); ok || err != nil {
			t.Errorf("%q of nobody: %v %v", password, ok, err)
		}
	}
}

// Whether an account exists does not show in how long a refusal takes.
func TestUnknownNamesTakeAsLong(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		if _, _, err := f.Create(t.Context(), auth.SignUp{Login: "ana", Password: "a long enough password"}); err != nil {
			t.Fatal(err)
		}
		best := map[string]time.Duration{}
		for range 9 { // by turns, and the quickest of each: what else the machine does only ever adds
			for _, login := range []string{"ana", "nobody"} {
				begun := time.Now()
				if _, _, err := f.SignIn(t.Context(), login, auth.Proof{Password: "a wrong password"}, auth.From{}); kindOf(err) != chat.Unauthenticated {
					t.Fatal(err)
				}
				if took := time.Since(begun); best[login] == 0 || took < best[login] {
					best[login] = took
				}
			}
		}
		if ratio := float64(best["ana"]) / float64(best["nobody"]); ratio < 0.5 || ratio > 2 {
			t.Fatalf("%v for an account, %v for none", best["ana"], best["nobody"])
		}
	})
}
