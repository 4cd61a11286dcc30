package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"parley/internal/chat"
	"parley/internal/db"
)

const (
	totpPurpose = "totp"
	totpPeriod  = 30 // seconds
	// totpSkew is how many periods a clock may be off.
	totpSkew = 1
	// totpSecret is how many bytes a secret has, as RFC 4226 recommends.
	totpSecret = 20
	// recoveryCodes is how many there are; each is 80 random bits, so that a plain hash of it is enough.
	recoveryCodes = 10
)

var totpOptions = totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1} // what all authenticators can

// BeginTOTP makes a secret for the actor's authenticator: itself, and as the URI of a QR code. It counts only after EnableTOTP.
func (s *Accounts) BeginTOTP(ctx context.Context, a chat.Actor) (secret, uri string, err error) {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return "", "", err
	}
	u, err := s.Chat.User(ctx, a.UserID)
	if err != nil {
		return "", "", err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.host(), AccountName: u.Login, Period: totpPeriod, SecretSize: totpSecret})
	if err != nil {
		return "", "", fmt.Errorf("auth: %w", err)
	}
	text, err := s.Sealer.Seal(totpPurpose, a.UserID, key.Secret())
	if err != nil {
		return "", "", err
	}
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO totps (user_id, secret, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET secret = $2, created_at = $3 WHERE totps.enabled_at IS NULL`, a.UserID, text, s.now().UnixMicro())
		if err == nil && n == 0 {
			err = &chat.Error{Kind: chat.Conflict, Message: "Codes are asked for already: turn them off first"}
		}
		return err
	})
	if err != nil {
		return "", "", asUnsaved(err)
	}
	return key.Secret(), key.URL(), nil
}

// EnableTOTP asks for codes from now on, once the actor has shown that their authenticator makes the right ones. It returns recovery codes.
func (s *Accounts) EnableTOTP(ctx context.Context, a chat.Actor, code string) ([]string, error) {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return nil, err
	}
	if err := s.useTOTP(ctx, a.UserID, code, false); err != nil {
		return nil, err
	}
	var codes []string
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE totps SET enabled_at = $1 WHERE user_id = $2 AND enabled_at IS NULL`, s.now().UnixMicro(), a.UserID)
		if err == nil && n == 0 {
			err = &chat.Error{Kind: chat.Conflict, Message: "Codes are asked for already"}
		}
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE users SET second_factor = 1 WHERE id = $1`, a.UserID)
		}
		if err == nil {
			codes, err = makeRecoveryCodes(ctx, tx, a.UserID)
		}
		if err == nil {
			err = s.notify(ctx, tx, a.UserID, "", "signing in with a password asks for a code of your authenticator from now on")
		}
		return err
	})
	if err != nil {
		return nil, asUnsaved(err)
	}
	s.wake()
	return codes, nil
}

// DisableTOTP asks for no codes any more. Without a passkey that is asked for, a password is enough again.
func (s *Accounts) DisableTOTP(ctx context.Context, a chat.Actor) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM totps WHERE user_id = $1`, a.UserID)
		if err != nil || n == 0 {
			return err
		}
		if err := s.dropEmptyFactor(ctx, tx, a.UserID); err != nil {
			return err
		}
		return s.notify(ctx, tx, a.UserID, "", "signing in asks for no codes of your authenticator any more")
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

// dropEmptyFactor asks for no second factor from who has none left.
func (s *Accounts) dropEmptyFactor(ctx context.Context, tx *db.Tx, userID string) error {
	n, err := tx.Exec(ctx, `UPDATE users SET second_factor = 0 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM totps WHERE user_id = $1 AND enabled_at IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)`, userID)
	if err == nil && n > 0 {
		_, err = tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, userID)
	}
	return err
}

// useTOTP checks a code and uses it up, with those before it: one that somebody looked on at cannot be used again.
func (s *Accounts) useTOTP(ctx context.Context, userID, code string, enabled bool) error {
	key := "codes of " + userID
	if err := s.Throttle.Take(ctx, s.Limits.Codes, key); err != nil {
		return err
	}
	var text string
	err := s.db().QueryRow(ctx, `SELECT secret FROM totps WHERE user_id = $1 AND (enabled_at IS NOT NULL) = $2`, userID, enabled).Scan(&text)
	if db.IsNotFound(err) {
		return errWrongCode()
	}
	if err != nil {
		return unreadable(err)
	}
	secret, err := s.Sealer.Open(totpPurpose, userID, text)
	if err != nil {
		return err
	}
	step, err := matchingStep(secret, strings.ReplaceAll(strings.TrimSpace(code), " ", ""), s.now())
	if err != nil {
		return err
	}
	var n int64
	err = s.db().Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, `UPDATE totps SET last_step = $1 WHERE user_id = $2 AND last_step < $1`, step, userID)
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	if step == 0 || n == 0 {
		return errWrongCode()
	}
	return s.Throttle.GiveBack(ctx, s.Limits.Codes, key)
}

// matchingStep is the period that a code belongs to, 0 for none.
func matchingStep(secret, code string, now time.Time) (step int64, err error) {
	current := now.Unix() / totpPeriod
	for at := current - totpSkew; at <= current+totpSkew; at++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(at*totpPeriod, 0), totpOptions)
		if err != nil {
			return 0, fmt.Errorf("auth: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step = at
		}
	}
	return step, nil
}

func errWrongCode() error {
	return &chat.Error{Kind: chat.Unauthenticated, Message: "The code is wrong, or was used already"}
}

// NewRecoveryCodes makes the actor's recovery codes anew: the old ones are worthless.
func (s *Accounts) NewRecoveryCodes(ctx context.Context, a chat.Actor) ([]string, error) {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return nil, err
	}
	needs, err := s.needsSecond(ctx, a.UserID)
	if err != nil {
		return nil, err
	}
	if !needs {
		return nil, &chat.Error{Kind: chat.Conflict, Message: "Recovery codes are for accounts that ask for a second factor"}
	}
	var codes []string
	err = s.db().Tx(ctx, func(tx *db.Tx) (err error) {
		if codes, err = makeRecoveryCodes(ctx, tx, a.UserID); err != nil {
			return err
		}
		return s.notify(ctx, tx, a.UserID, "", "your recovery codes were made anew")
	})
	if err != nil {
		return nil, unsaved(err)
	}
	s.wake()
	return codes, nil
}

func makeRecoveryCodes(ctx context.Context, tx *db.Tx, userID string) ([]string, error) {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, userID); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		var raw [10]byte
		_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
		c := strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
		codes[i] = c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:]
		if _, err := tx.Exec(ctx, `INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)`, userID, recoveryHash(userID, codes[i])); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// recoveryHash is what is kept of a recovery code. People may write it with spaces and capitals.
func recoveryHash(userID, code string) string {
	plain := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
	return hex.EncodeToString(hash("recovery/" + userID + "/" + plain))
}

// recoveryLength is how a recovery code differs from one of an authenticator.
const recoveryLength = 16

func isRecoveryCode(code string) bool {
	return len(strings.NewReplacer("-", "", " ", "").Replace(code)) == recoveryLength
}

// useRecovery uses a recovery code up.
func (s *Accounts) useRecovery(ctx context.Context, userID, code string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2`, userID, recoveryHash(userID, code))
		if err == nil && n == 0 {
			return errWrongCode()
		}
		if err != nil {
			return err
		}
		return s.notify(ctx, tx, userID, "", "a recovery code was used instead of your second factor")
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}
