package auth_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp/totp"

	"parley/internal/auth"
	"parley/internal/chat"
)

const password = "a long enough password"

// signUp makes an account, signed in.
func (f *fixture) signUp(t *testing.T, login string) chat.Actor {
	t.Helper()
	a, _, err := f.Create(t.Context(), auth.SignUp{Login: login, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) signIn(t *testing.T, login string, p auth.Proof) error {
	t.Helper()
	_, _, err := f.SignIn(t.Context(), login, p, auth.From{})
	return err
}

func wants(t *testing.T, what string, err error, kind chat.Kind) {
	t.Helper()
	if kindOf(err) != kind {
		t.Fatalf("%s: %v, want %q", what, err, kind)
	}
}

// code is what an authenticator shows, so many periods from now.
func (f *fixture) code(t *testing.T, secret string, periods int) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, f.now.Add(time.Duration(periods)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCodesOfAnAuthenticator(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana := f.signUp(t, "ana")
		secret, uri, err := f.BeginTOTP(t.Context(), ana)
		if err != nil || !strings.HasPrefix(uri, "otpauth://totp/chat.test:ana?") || len(secret) != 32 {
			t.Fatal(secret, uri, err)
		}
		var stored string
		if err := f.Sessions.DB.QueryRow(t.Context(), `SELECT secret FROM totps`).Scan(&stored); err != nil || strings.Contains(stored, secret) {
			t.Fatal("the secret is in the database", stored, err)
		}
		wants(t, "not asked for before it is enabled", f.signIn(t, "ana", auth.Proof{Password: password}), "")
		_, err = f.EnableTOTP(t.Context(), ana, "000000")
		wants(t, "a wrong code", err, chat.Unauthenticated)
		used := f.code(t, secret, 0)
		codes, err := f.EnableTOTP(t.Context(), ana, " "+used[:3]+" "+used[3:])
		if err != nil || len(codes) != 10 {
			t.Fatal(codes, err)
		}
		wants(t, "no code", f.signIn(t, "ana", auth.Proof{Password: password}), chat.SecondFactor)
		wants(t, "a wrong password tells nothing of codes", f.signIn(t, "ana", auth.Proof{Password: "wrong password"}), chat.Unauthenticated)
		wants(t, "a code alone", f.signIn(t, "ana", auth.Proof{Code: f.code(t, secret, 1)}), chat.Unauthenticated)
		wants(t, "the code that enabled it", f.signIn(t, "ana", auth.Proof{Password: password, Code: used}), chat.Unauthenticated)
		wants(t, "the code before", f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, -1)}), chat.Unauthenticated)
		wants(t, "the next one, of a clock that is early", f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, 1)}), "")
		wants(t, "once more", f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, 1)}), chat.Unauthenticated)
		wants(t, "one too early", f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, 2)}), chat.Unauthenticated)
		f.now = f.now.Add(5 * time.Minute)
		wants(t, "one too old", f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, -2)}), chat.Unauthenticated)
		_, _, err = f.BeginTOTP(t.Context(), ana)
		wants(t, "another secret while it is on", err, chat.Conflict)

		// A recovery code is used once, however it is written.
		written := strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))
		wants(t, "a recovery code", f.signIn(t, "ana", auth.Proof{Password: password, Code: written}), "")
		wants(t, "again", f.signIn(t, "ana", auth.Proof{Password: password, Code: codes[3]}), chat.Unauthenticated)
		ben := f.signUp(t, "ben")
		bens, _, err := f.BeginTOTP(t.Context(), ben)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.EnableTOTP(t.Context(), ben, f.code(t, bens, 0)); err != nil {
			t.Fatal(err)
		}
		wants(t, "somebody else's recovery code", f.signIn(t, "ben", auth.Proof{Password: password, Code: codes[4]}), chat.Unauthenticated)
		again, err := f.NewRecoveryCodes(t.Context(), ana)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, "one from before", f.signIn(t, "ana", auth.Proof{Password: password, Code: codes[4]}), chat.Unauthenticated)
		if second, err := f.SecondOf(t.Context(), ana.UserID); err != nil || second != (auth.Second{Required: true, TOTP: true, Recovery: 10}) {
			t.Fatal(second, err)
		}

		// Guessing is slow, for everybody together; a recovery code is still taken.
		f.Limits.Codes = auth.Allowance{Count: 4, Per: time.Hour}
		f.now = f.now.Add(time.Hour)
		for range 4 {
			wants(t, "a guess", f.signIn(t, "ana", auth.Proof{Password: password, Code: "000000"}), chat.Unauthenticated)
		}
		err = f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, 0)})
		wants(t, "one guess too many", err, chat.RateLimited)
		if wait := chat.AsError(err).RetryAfter; wait < 10*time.Minute || wait > 15*time.Minute {
			t.Fatal(wait)
		}
		wants(t, "a recovery code meanwhile", f.signIn(t, "ana", auth.Proof{Password: password, Code: again[0]}), "")
		f.now = f.now.Add(16 * time.Minute)
		for i := range 6 { // the right ones do not count
			f.now = f.now.Add(30 * time.Second)
			wants(t, "right ones", f.signIn(t, "ana", auth.Proof{Password: password, Code: f.code(t, secret, 0)}), "")
			_ = i
		}

		// Whoever has the session, but not the second factor, cannot take it away.
		wants(t, "long after signing in", f.DisableTOTP(t.Context(), ana), chat.Unconfirmed)
		_, err = f.NewRecoveryCodes(t.Context(), ana)
		wants(t, "new codes", err, chat.Unconfirmed)
		wants(t, "the password alone", f.Confirm(t.Context(), ana, auth.Proof{Password: password}), chat.SecondFactor)
		wants(t, "with a code", f.Confirm(t.Context(), ana, auth.Proof{Password: password, Code: again[1]}), "")
		wants(t, "off", f.DisableTOTP(t.Context(), ana), "")
		wants(t, "the password is enough again", f.signIn(t, "ana", auth.Proof{Password: password}), "")
		wants(t, "recovery codes have gone", f.signIn(t, "ana", auth.Proof{Password: password, Code: again[2]}), "")
	})
}

// device is somebody's authenticator.
type device struct {
	virtualwebauthn.Authenticator
	rp  virtualwebauthn.RelyingParty
	key virtualwebauthn.Credential
}

func newDevice(origin string) *device {
	return &device{
		Authenticator: virtualwebauthn.NewAuthenticator(), key: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
		rp: virtualwebauthn.RelyingParty{ID: "chat.test", Name: "chat.test", Origin: origin},
	}
}

func wrap(t *testing.T, options any) string {
	t.Helper()
	data, err := json.Marshal(map[string]any{"publicKey": options})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (d *device) add(t *testing.T, f *fixture, a chat.Actor) error {
	t.Helper()
	options, challenge, err := f.BeginPasskey(t.Context(), a)
	if err != nil {
		return err
	}
	parsed, err := virtualwebauthn.ParseAttestationOptions(wrap(t, options))
	if err != nil {
		t.Fatal(err)
	}
	d.Options.UserHandle = []byte(a.UserID)
	response := virtualwebauthn.CreateAttestationResponse(d.rp, d.Authenticator, d.key, *parsed)
	err = f.AddPasskey(t.Context(), a, challenge, "My phone", []byte(response))
	d.AddCredential(d.key)
	return err
}

// answer signs a challenge.
func (d *device) answer(t *testing.T, f *fixture) (*auth.Challenge, []byte) {
	t.Helper()
	options, challenge, err := f.ChallengePasskey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := virtualwebauthn.ParseAssertionOptions(wrap(t, options))
	if err != nil {
		t.Fatal(err)
	}
	d.key.Counter++
	return challenge, []byte(virtualwebauthn.CreateAssertionResponse(d.rp, d.Authenticator, d.key, *parsed))
}

func (d *device) signIn(t *testing.T, f *fixture) (chat.Actor, error) {
	t.Helper()
	c, response := d.answer(t, f)
	a, _, err := f.SignInByPasskey(t.Context(), c, response, auth.From{})
	return a, err
}

func TestPasskeys(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana, ben := f.signUp(t, "ana"), f.signUp(t, "ben")
		phone := newDevice("https://chat.test")
		if err := phone.add(t, f, ana); err != nil {
			t.Fatal(err)
		}
		wants(t, "the same one again", phone.add(t, f, ana), chat.Conflict)
		if a, err := phone.signIn(t, f); err != nil || a.UserID != ana.UserID || a.SessionID == ana.SessionID {
			t.Fatal(a, err)
		}
		wants(t, "a password is still enough", f.signIn(t, "ana", auth.Proof{Password: password}), "")

		_, old := phone.answer(t, f)
		fresh, _ := phone.answer(t, f)
		_, _, err := f.SignInByPasskey(t.Context(), fresh, old, auth.From{})
		wants(t, "an answer to another challenge", err, chat.Unauthenticated)
		_, _, err = f.SignInByPasskey(t.Context(), nil, old, auth.From{})
		wants(t, "an answer to none", err, chat.Unauthenticated)
		adding, other, err := f.BeginPasskey(t.Context(), ana)
		if err != nil || adding == nil {
			t.Fatal(err)
		}
		_, _, err = f.SignInByPasskey(t.Context(), other, old, auth.From{})
		wants(t, "an answer to the challenge of adding one", err, chat.Unauthenticated)
		signing, _ := phone.answer(t, f)
		wants(t, "adding with the challenge of signing in", f.AddPasskey(t.Context(), ana, signing, "", []byte("{}")), chat.Unauthenticated)
		for _, junk := range []string{"", "null", "{}", "[]", `{"id":"x"}`, strings.Repeat("[", 5000)} {
			c, _ := phone.answer(t, f)
			_, _, err := f.SignInByPasskey(t.Context(), c, []byte(junk), auth.From{})
			wants(t, "junk", err, chat.Unauthenticated)
		}
		phishing := *phone
		phishing.rp.Origin = "https://chat.test.evil.test"
		_, err = phishing.signIn(t, f)
		wants(t, "signed for another page", err, chat.Unauthenticated)
		phishing.rp = virtualwebauthn.RelyingParty{ID: "evil.test", Origin: "https://chat.test"}
		_, err = phishing.signIn(t, f)
		wants(t, "signed for another party", err, chat.Unauthenticated)
		without := *phone
		without.Options.UserNotVerified = true
		_, err = without.signIn(t, f)
		wants(t, "without a PIN or a finger", err, chat.Unauthenticated)
		stranger := newDevice("https://chat.test")
		stranger.AddCredential(stranger.key)
		stranger.Options.UserHandle = []byte(ana.UserID)
		_, err = stranger.signIn(t, f)
		wants(t, "a key that nobody has registered", err, chat.Unauthenticated)
		phone.Options.UserHandle = []byte(ben.UserID)
		_, err = phone.signIn(t, f)
		wants(t, "a key in somebody else's name", err, chat.Unauthenticated)
		phone.Options.UserHandle = []byte(ana.UserID)

		// As a second factor.
		codes, err := f.RequireSecond(t.Context(), ana, true)
		if err != nil || len(codes) != 10 {
			t.Fatal(codes, err)
		}
		_, err = f.RequireSecond(t.Context(), ben, true)
		wants(t, "without a passkey", err, chat.Conflict)
		wants(t, "the password alone", f.signIn(t, "ana", auth.Proof{Password: password}), chat.SecondFactor)
		c, response := phone.answer(t, f)
		wants(t, "with the passkey", f.signIn(t, "ana", auth.Proof{Password: password, Passkey: response, Challenge: c}), "")
		bens := newDevice("https://chat.test")
		if err := bens.add(t, f, ben); err != nil {
			t.Fatal(err)
		}
		c, response = bens.answer(t, f)
		wants(t, "with somebody else's", f.signIn(t, "ana", auth.Proof{Password: password, Passkey: response, Challenge: c}), chat.Unauthenticated)
		c, response = bens.answer(t, f)
		wants(t, "confirming with somebody else's", f.Confirm(t.Context(), ana, auth.Proof{Passkey: response, Challenge: c}), chat.Unauthenticated)
		wants(t, "a code where there are none", f.signIn(t, "ana", auth.Proof{Password: password, Code: "123456"}), chat.Unauthenticated)
		wants(t, "a recovery code", f.signIn(t, "ana", auth.Proof{Password: password, Code: codes[0]}), "")

		f.now = f.now.Add(11 * time.Minute)
		wants(t, "long after signing in", f.RemovePasskey(t.Context(), ana, "x"), chat.Unconfirmed)
		wants(t, "adding one", newDevice("https://chat.test").add(t, f, ana), chat.Unconfirmed)
		c, response = phone.answer(t, f)
		if err := f.Confirm(t.Context(), ana, auth.Proof{Passkey: response, Challenge: c}); err != nil {
			var e *chat.Error
			t.Fatal(err, errors.As(err, &e))
		}
		keys, err := f.PasskeysOf(t.Context(), ana.UserID)
		if err != nil || len(keys) != 1 || keys[0].Name != "My phone" {
			t.Fatal(keys, err)
		}
		if c, response = bens.answer(t, f); f.Confirm(t.Context(), ben, auth.Proof{Passkey: response, Challenge: c}) != nil {
			t.Fatal("ben cannot confirm")
		}
		wants(t, "removing somebody else's", f.RemovePasskey(t.Context(), ben, keys[0].ID), chat.NotFound)

		copied := *phone // with the counter from before
		if _, err := phone.signIn(t, f); err != nil {
			t.Fatal(err)
		}
		copied.key.Counter -= 5
		_, err = copied.signIn(t, f)
		wants(t, "a copy", err, chat.Unauthenticated)

		wants(t, "removed", f.RemovePasskey(t.Context(), ana, keys[0].ID), "")
		_, err = phone.signIn(t, f)
		wants(t, "a removed one", err, chat.Unauthenticated)
		wants(t, "with the last one the second factor has gone", f.signIn(t, "ana", auth.Proof{Password: password}), "")
		if _, err := f.Chat.Deactivate(t.Context(), chat.Actor{Role: chat.Owner}, ben.UserID, true); err != nil {
			t.Fatal(err)
		}
		_, err = bens.signIn(t, f)
		wants(t, "of somebody whose access was taken away", err, chat.Unauthenticated)
	})
}
