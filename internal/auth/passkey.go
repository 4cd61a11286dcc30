package auth

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"parley/internal/chat"
	"parley/internal/db"
)

const (
	maxPasskeys    = 20
	maxPasskeyName = 60 // characters
	ceremonyTime   = 5 * time.Minute
)

// Passkey is one that a person has.
type Passkey struct {
	ID, Name          string
	CreatedAt, UsedAt time.Time
}

// Challenge is what an authenticator has to sign: it belongs to the connection that asked for it, and is used once.
type Challenge struct {
	session webauthn.SessionData
	adding  bool
}

// newWebAuthn binds passkeys to where people find the server: no other page can use them. User verification is always asked for, so that a
// passkey is two factors: having the device, and its PIN or a finger.
func newWebAuthn(origin string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyTime, TimeoutUVD: ceremonyTime}
	w, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: u.Host, RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
	if err != nil {
		return nil, fmt.Errorf("auth: passkeys: %w", err)
	}
	return w, nil
}

// SetOrigin says where people find the server. It must be called before anybody does.
func (s *Accounts) SetOrigin(origin string) (err error) {
	s.origin = origin
	s.webauthn, err = newWebAuthn(origin)
	return err
}

// Origin is where people find the server.
func (s *Accounts) Origin() string { return s.origin }

func (s *Accounts) host() string {
	_, host, _ := strings.Cut(s.origin, "://")
	return host
}

// owner is a person as the library wants one.
type owner struct {
	id, login, name string
	keys            []webauthn.Credential
}

func (o *owner) WebAuthnID() []byte                         { return []byte(o.id) }
func (o *owner) WebAuthnName() string                       { return o.login }
func (o *owner) WebAuthnDisplayName() string                { return o.name }
func (o *owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

// owner reads a person with their passkeys. Who is deactivated is nobody.
func (s *Accounts) owner(ctx context.Context, userID string) (*owner, error) {
	u, err := s.Chat.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	if u.Deactivated || u.Login == "" {
		return nil, &chat.Error{Kind: chat.NotFound, Message: "No such account"}
	}
	o := &owner{id: u.ID, login: u.Login, name: u.Name}
	rows, err := s.db().Query(ctx, `SELECT credential FROM passkeys WHERE user_id = $1 ORDER BY created_at`, userID)
	o.keys, err = db.Scan(rows, err, func(rows *sql.Rows, c *webauthn.Credential) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), c)
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return o, nil
}

// PasskeysOf lists a person's passkeys, the oldest first.
func (s *Accounts) PasskeysOf(ctx context.Context, userID string) ([]Passkey, error) {
	rows, err := s.db().Query(ctx, `SELECT id, name, created_at, used_at FROM passkeys WHERE user_id = $1 ORDER BY created_at, id`, userID)
	list, err := db.Scan(rows, err, func(rows *sql.Rows, p *Passkey) error {
		var created, used int64
		err := rows.Scan(&p.ID, &p.Name, &created, &used)
		p.CreatedAt, p.UsedAt = time.UnixMicro(created).UTC(), time.UnixMicro(used).UTC()
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return list, nil
}

// BeginPasskey returns what the actor's browser is to make a passkey with.
func (s *Accounts) BeginPasskey(ctx context.Context, a chat.Actor) (options any, c *Challenge, err error) {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return nil, nil, err
	}
	o, err := s.owner(ctx, a.UserID)
	if err != nil {
		return nil, nil, err
	}
	if len(o.keys) >= maxPasskeys {
		return nil, nil, &chat.Error{Kind: chat.TooLarge, Message: fmt.Sprintf("Too many passkeys (max %d): remove one", maxPasskeys)}
	}
	creation, session, err := s.webauthn.BeginRegistration(o, webauthn.WithExclusions(webauthn.Credentials(o.keys).CredentialDescriptors()))
	if err != nil {
		return nil, nil, fmt.Errorf("auth: %w", err)
	}
	return creation.Response, &Challenge{session: *session, adding: true}, nil
}

func errPasskey(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) { // the library keeps its reasons apart from its text
		err = fmt.Errorf("%w: %s", err, e.DevInfo)
	}
	return &chat.Error{Kind: chat.Unauthenticated, Message: "The passkey was not accepted", Err: err}
}

// AddPasskey keeps a passkey that the actor's browser has made.
func (s *Accounts) AddPasskey(ctx context.Context, a chat.Actor, c *Challenge, name string, response []byte) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	name, err := cleanPasskeyName(name)
	if err != nil {
		return err
	}
	if c == nil || !c.adding {
		return errPasskey(errors.New("there is no challenge to answer"))
	}
	o, err := s.owner(ctx, a.UserID)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return errPasskey(err)
	}
	key, err := s.webauthn.CreateCredential(o, c.session, parsed)
	if err != nil {
		return errPasskey(err)
	}
	text, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	now := s.now().UnixMicro()
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO passkeys (id, user_id, name, credential, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (id) DO NOTHING`,
			passkeyID(key.ID), a.UserID, name, string(text), now)
		if err == nil && n == 0 {
			err = &chat.Error{Kind: chat.Conflict, Message: "This passkey is known already"}
		}
		if err == nil {
			err = s.notify(ctx, tx, a.UserID, "", "a passkey was added to your account")
		}
		return err
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

func passkeyID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func cleanPasskeyName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		name = "Passkey"
	}
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxPasskeyName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return "", &chat.Error{Kind: chat.Invalid, Message: fmt.Sprintf("A passkey's name has up to %d characters", maxPasskeyName)}
	}
	return name, nil
}

// RemovePasskey takes a passkey away.
func (s *Accounts) RemovePasskey(ctx context.Context, a chat.Actor, id string) error {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return err
	}
	if _, err := base64.RawURLEncoding.DecodeString(id); err != nil {
		return &chat.Error{Kind: chat.NotFound, Message: "No such passkey"}
	}
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM passkeys WHERE id = $1 AND user_id = $2`, id, a.UserID)
		if err == nil && n == 0 {
			return &chat.Error{Kind: chat.NotFound, Message: "No such passkey"}
		}
		if err == nil {
			err = s.dropEmptyFactor(ctx, tx, a.UserID)
		}
		if err == nil {
			err = s.notify(ctx, tx, a.UserID, "", "a passkey was removed from your account")
		}
		return err
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

// ChallengePasskey returns what a passkey is to sign. It names no passkeys: the browser knows which there are, and nobody learns who has
// some.
func (s *Accounts) ChallengePasskey(context.Context) (options any, c *Challenge, err error) {
	assertion, session, err := s.webauthn.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, nil, fmt.Errorf("auth: %w", err)
	}
	return assertion.Response, &Challenge{session: *session}, nil
}

// passkeyOwner checks a passkey's answer to a challenge, and returns whose it is.
func (s *Accounts) passkeyOwner(ctx context.Context, c *Challenge, response []byte) (string, error) {
	if c == nil || c.adding {
		return "", errPasskey(errors.New("there is no challenge to answer"))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return "", errPasskey(err)
	}
	var broken error // of ours: not the passkey's fault
	user, key, err := s.webauthn.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		o, err := s.owner(ctx, string(handle))
		if err != nil && chat.AsError(err).Kind != chat.NotFound {
			broken = err
		}
		if err != nil {
			return nil, err
		}
		return o, nil
	}, c.session, parsed)
	if broken != nil {
		return "", broken
	}
	if err != nil {
		return "", errPasskey(err)
	}
	if key.Authenticator.CloneWarning {
		return "", errPasskey(errors.New("its counter went back: there may be a copy of it"))
	}
	text, err := json.Marshal(key)
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE passkeys SET credential = $1, used_at = $2 WHERE id = $3`, string(text), s.now().UnixMicro(), passkeyID(key.ID))
		return err
	})
	if err != nil {
		return "", unsaved(err)
	}
	return string(user.WebAuthnID()), nil
}

// RequireSecond says whether a password alone is to be enough. Turning it on needs a passkey, or codes; with codes it is on.
func (s *Accounts) RequireSecond(ctx context.Context, a chat.Actor, required bool) (codes []string, err error) {
	if err := s.Sessions.requireConfirmed(ctx, a.SessionID); err != nil {
		return nil, err
	}
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		codes = nil
		text, what := `UPDATE users SET second_factor = 1 WHERE id = $1 AND second_factor = 0 AND EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)`, "from now on"
		if !required {
			text, what = `UPDATE users SET second_factor = 0 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM totps WHERE user_id = $1 AND enabled_at IS NOT NULL)`, "no more"
		}
		n, err := tx.Exec(ctx, text, a.UserID)
		if err == nil && n == 0 {
			err = &chat.Error{Kind: chat.Conflict, Message: "Add a passkey first; while codes are asked for, it stays on"}
		}
		if err == nil && required {
			codes, err = makeRecoveryCodes(ctx, tx, a.UserID)
		} else if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, a.UserID)
		}
		if err == nil {
			err = s.notify(ctx, tx, a.UserID, "", "signing in with a password asks for a second factor "+what)
		}
		return err
	})
	if err != nil {
		return nil, asUnsaved(err)
	}
	s.wake()
	return codes, nil
}

// ResetFactors takes all second factors of an account away, for somebody who has lost them.
func (s *Accounts) ResetFactors(ctx context.Context, userID string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		for _, text := range []string{
			`DELETE FROM totps WHERE user_id = $1`, `DELETE FROM passkeys WHERE user_id = $1`, `DELETE FROM recovery_codes WHERE user_id = $1`,
			`UPDATE users SET second_factor = 0 WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, text, userID); err != nil {
				return err
			}
		}
		return s.notify(ctx, tx, userID, "", "an administrator took the second factors of your account away")
	})
	if err != nil {
		return unsaved(err)
	}
	return nil
}
