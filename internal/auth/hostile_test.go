package auth_test

import (
	"testing"
	"time"

	"parley/internal/auth"
	"parley/internal/chat"
)

// A password that was stolen is worth nothing once it was changed, not even to who was just signing in with it.
func TestSigningInWhileThePasswordIsChanged(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		ana := f.signUp(t, "ana")
		hashes := [2]string{}
		for i, p := range []string{password, "another good password"} {
			var err error
			if hashes[i], err = f.Passwords.Hash(t.Context(), "ana", p); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 6 {
			if err := f.Chat.SetPassword(t.Context(), ana.UserID, hashes[0], ""); err != nil {
				t.Fatal(err)
			}
			tokens := make(chan string, 1)
			go func() {
				_, token, _ := f.SignIn(t.Context(), "ana", auth.Proof{Password: password}, auth.From{})
				tokens <- token
			}()
			time.Sleep(time.Duration(round) * 10 * time.Millisecond)
			if err := f.Chat.SetPassword(t.Context(), ana.UserID, hashes[1], ""); err != nil {
				t.Fatal(err)
			}
			if token := <-tokens; token != "" {
				if _, err := f.Sessions.Authenticate(t.Context(), token); kindOf(err) != chat.Unauthenticated {
					t.Fatalf("round %d: signed in with the old password: %v", round, err)
				}
			}
		}
	})
}

// A stolen session is no way to guess the password, and whoever tries keeps nobody else from theirs.
func TestAStolenSessionGuessesNoPassword(t *testing.T) {
	eachDB(t, func(t *testing.T, f *fixture) {
		f.Limits.KnownGuesses = auth.Allowance{Count: 3, Per: time.Hour}
		thief := f.signUp(t, "ana")
		for range 5 {
			if err := f.Confirm(t.Context(), thief, auth.Proof{Password: password}); err != nil { // the right one costs nothing
				t.Fatal(err)
			}
		}
		wants(t, "a guess", f.Confirm(t.Context(), thief, auth.Proof{Password: "guess 1 of many"}), chat.Forbidden)
		wants(t, "a guess", f.ChangePassword(t.Context(), thief, "guess 2 of many", "another good password"), chat.Forbidden)
		wants(t, "a guess", f.Confirm(t.Context(), thief, auth.Proof{Password: "guess 3 of many"}), chat.Forbidden)
		wants(t, "one guess too many", f.Confirm(t.Context(), thief, auth.Proof{Password: password}), chat.RateLimited)
		wants(t, "by the other way", f.ChangePassword(t.Context(), thief, password, "another good password"), chat.RateLimited)
		ana, _, err := f.SignIn(t.Context(), "ana", auth.Proof{Password: password}, auth.From{})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Confirm(t.Context(), ana, auth.Proof{Password: password}); err != nil {
			t.Fatalf("in her own session: %v", err)
		}
	})
}
