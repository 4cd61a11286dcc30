package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"parley/internal/chat"
	"parley/internal/db"
)

// Provisioned is an account as who keeps the accounts up from outside sees it.
type Provisioned struct {
	ID, UserName, ExternalID string
	Name                     string
	Email                    string
	Active                   bool
	Role                     chat.Role
	CreatedAt                time.Time
	Version                  int64
}

// Wanted is what an account is to be like; what is nil stays.
type Wanted struct {
	UserName, ExternalID, Name, Email *string
	Active                            *bool
}

// provisioner is who keeps the accounts up: they may what an owner may, but nothing to owners.
var provisioner = chat.Actor{Role: chat.Owner}

// provisionedFrom names what an account is called for the outside: by what was given, or else by its login.
const provisionedFrom = ` FROM users u LEFT JOIN provisioned p ON p.user_id = u.id LEFT JOIN emails e ON e.user_id = u.id
	WHERE u.login IS NOT NULL AND p.deleted_at IS NULL`

const selectProvisioned = `SELECT u.id, coalesce(p.user_name, u.login), coalesce(p.external_id, ''), u.name, coalesce(e.address, ''), u.deactivated_at, u.role,
	u.created_at, u.version` + provisionedFrom

func scanProvisioned(row interface{ Scan(...any) error }, p *Provisioned) error {
	var off sql.NullInt64
	var created int64
	err := row.Scan(&p.ID, &p.UserName, &p.ExternalID, &p.Name, &p.Email, &off, &p.Role, &created, &p.Version)
	p.Active, p.CreatedAt = !off.Valid, time.UnixMicro(created).UTC()
	return err
}

// ProvisionedUser returns an account.
func (s *Accounts) ProvisionedUser(ctx context.Context, id string) (Provisioned, error) {
	var p Provisioned
	err := scanProvisioned(s.db().QueryRow(ctx, selectProvisioned+` AND u.id = $1`, id), &p)
	if db.IsNotFound(err) {
		return p, &chat.Error{Kind: chat.NotFound, Message: "No such user"}
	}
	if err != nil {
		return p, unreadable(err)
	}
	return p, nil
}

// The attributes that accounts can be found by, and what they are in the database.
var provisionedColumns = map[string]string{
	"": "''", "username": "coalesce(p.user_key, u.login)", "externalid": "coalesce(p.external_id, '')", "id": "u.id", "emails.value": "coalesce(e.address, '')",
	"emails": "coalesce(e.address, '')",
}

// ProvisionedUsers lists accounts by name, those after so many, and how many there are. attribute is one of SCIM's in lower case, or empty
// for all.
func (s *Accounts) ProvisionedUsers(ctx context.Context, attribute, value string, after, limit int) ([]Provisioned, int, error) {
	column, ok := provisionedColumns[attribute]
	if !ok {
		return nil, 0, &chat.Error{Kind: chat.Invalid, Message: "Users cannot be filtered by " + attribute}
	}
	if attribute == "username" || attribute == "emails" || attribute == "emails.value" {
		value = strings.ToLower(value)
	}
	var total int
	if err := s.db().QueryRow(ctx, `SELECT count(*)`+provisionedFrom+` AND `+column+` = $1`, value).Scan(&total); err != nil {
		return nil, 0, unreadable(err)
	}
	rows, err := s.db().Query(ctx, selectProvisioned+` AND `+column+` = $1 ORDER BY u.login LIMIT $2 OFFSET $3`, value, limit, after)
	list, err := db.Scan(rows, err, func(rows *sql.Rows, p *Provisioned) error { return scanProvisioned(rows, p) })
	if err != nil {
		return nil, 0, unreadable(err)
	}
	return list, total, nil
}

// Provision makes an account that nobody can sign in to by a password: they come by way of the provider, or get a passkey.
func (s *Accounts) Provision(ctx context.Context, w Wanted) (Provisioned, error) {
	userName, err := w.userName()
	if err != nil {
		return Provisioned{}, err
	}
	if _, n, err := s.ProvisionedUsers(ctx, "username", userName, 0, 1); err != nil || n > 0 {
		if err == nil {
			err = errUserName()
		}
		return Provisioned{}, err
	}
	address, err := w.address()
	if err != nil {
		return Provisioned{}, err
	}
	base := loginFrom(userName)
	for n := range 50 {
		login := numbered(base, n)
		name := userName
		if w.Name != nil && *w.Name != "" {
			name = *w.Name
		}
		u, err := s.Chat.CreateAccount(ctx, chat.AccountDraft{
			Login: login, Name: nameFrom(name, login), Role: chat.Member,
			Then: func(tx *db.Tx, u chat.User) error { return s.storeProvisioned(ctx, tx, u.ID, userName, w, address) },
		})
		if isNameTaken(err) {
			continue
		}
		if err == nil && w.Active != nil && !*w.Active {
			_, err = s.Chat.Deactivate(ctx, provisioner, u.ID, true)
		}
		if err != nil {
			return Provisioned{}, err
		}
		s.wake()
		return s.ProvisionedUser(ctx, u.ID)
	}
	return Provisioned{}, errUserName()
}

// numbered is the n-th name to try, from 0.
func numbered(base string, n int) string {
	if n == 0 {
		return base
	}
	return fmt.Sprintf("%s-%d", base[:min(len(base), 26)], n+1)
}

func isNameTaken(err error) bool {
	var e *chat.Error
	return errors.As(err, &e) && e.Kind == chat.Conflict && strings.Contains(e.Message, "name is taken")
}

func errUserName() error {
	return &chat.Error{Kind: chat.Conflict, Message: "Somebody is called so already"}
}

func (s *Accounts) storeProvisioned(ctx context.Context, tx *db.Tx, userID, userName string, w Wanted, address string) error {
	n, err := tx.Exec(ctx, `INSERT INTO provisioned (user_id, user_name, user_key, external_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		userID, userName, strings.ToLower(userName), value(w.ExternalID))
	if err == nil && n == 0 {
		return errUserName()
	}
	if err == nil && address != "" {
		err = s.setEmail(ctx, tx, userID, address)
	}
	return err
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

const maxUserName = 254 // bytes

func (w Wanted) userName() (string, error) {
	name := strings.TrimSpace(value(w.UserName))
	if name == "" || len(name) > maxUserName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", &chat.Error{Kind: chat.Invalid, Message: "userName is expected, of up to 254 bytes"}
	}
	if len(value(w.ExternalID)) > maxUserName || strings.ContainsFunc(value(w.ExternalID), unicode.IsControl) {
		return "", &chat.Error{Kind: chat.Invalid, Message: "externalId has up to 254 bytes"}
	}
	return name, nil
}

func (w Wanted) address() (string, error) {
	if value(w.Email) == "" {
		return "", nil
	}
	return CleanEmail(*w.Email)
}

// Reprovision changes an account. Owners are not changed from outside.
func (s *Accounts) Reprovision(ctx context.Context, id string, w Wanted) (Provisioned, error) {
	p, err := s.ProvisionedUser(ctx, id)
	if err != nil {
		return p, err
	}
	if p.Role == chat.Owner {
		return p, &chat.Error{Kind: chat.Forbidden, Message: "Owners are not changed from outside"}
	}
	if w.UserName == nil {
		w.UserName = &p.UserName
	}
	if w.ExternalID == nil {
		w.ExternalID = &p.ExternalID
	}
	userName, err := w.userName()
	if err != nil {
		return p, err
	}
	address, err := w.address()
	if err != nil {
		return p, err
	}
	if w.Active != nil && !*w.Active && p.Active { // first: whatever else may be wrong, the access is gone
		if _, err := s.Chat.Deactivate(ctx, provisioner, id, true); err != nil {
			return p, err
		}
	}
	if !strings.EqualFold(userName, p.UserName) {
		if _, n, err := s.ProvisionedUsers(ctx, "username", userName, 0, 1); err != nil || n > 0 {
			if err == nil {
				err = errUserName()
			}
			return p, err
		}
	}
	if err := s.changeProvisioned(ctx, id, userName, *w.ExternalID, address); err != nil {
		return p, err
	}
	if w.Name != nil && *w.Name != "" {
		name := nameFrom(*w.Name, p.Name)
		if _, err := s.Chat.UpdateProfile(ctx, chat.Actor{UserID: id}, chat.Profile{Name: &name}); err != nil {
			return p, err
		}
	}
	if w.Active != nil && *w.Active && !p.Active {
		if _, err := s.Chat.Deactivate(ctx, provisioner, id, false); err != nil {
			return p, err
		}
	}
	return s.ProvisionedUser(ctx, id)
}

func (s *Accounts) changeProvisioned(ctx context.Context, id, userName, externalID, address string) error {
	err := s.db().Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO provisioned (user_id, user_name, user_key, external_id) VALUES ($1, $2, $3, $4)
			ON CONFLICT (user_id) DO UPDATE SET user_name = $2, user_key = $3, external_id = $4`, id, userName, strings.ToLower(userName), externalID)
		if err == nil && address != "" {
			err = s.setEmail(ctx, tx, id, address)
		}
		return err
	})
	if err != nil {
		return asUnsaved(err)
	}
	s.wake()
	return nil
}

// Deprovision takes an account's access away, and forgets what it was called outside: somebody else may be called so.
func (s *Accounts) Deprovision(ctx context.Context, id string) error {
	off := false
	p, err := s.Reprovision(ctx, id, Wanted{Active: &off})
	if err != nil {
		return err
	}
	err = s.db().Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE provisioned SET deleted_at = $1 WHERE user_id = $2`, s.now().UnixMicro(), p.ID)
		if err == nil { // nor is the address theirs any more
			_, err = tx.Exec(ctx, `DELETE FROM emails WHERE user_id = $1`, p.ID)
		}
		return err
	})
	if err != nil {
		return unsaved(err)
	}
	return nil
}

// ProvisionedRole gives an account a role, which is that of a group outside. Nobody becomes an owner so, and no owner becomes less.
func (s *Accounts) ProvisionedRole(ctx context.Context, id string, role chat.Role) error {
	p, err := s.ProvisionedUser(ctx, id)
	if err != nil {
		return err
	}
	if p.Role == chat.Owner || role == chat.Owner || role == chat.Guest {
		return &chat.Error{Kind: chat.Forbidden, Message: "Owners are not made, nor changed, from outside"}
	}
	_, err = s.Chat.SetRole(ctx, provisioner, id, role)
	return err
}

// WithRole lists the accounts that have a role.
func (s *Accounts) WithRole(ctx context.Context, role chat.Role) ([]Provisioned, error) {
	rows, err := s.db().Query(ctx, selectProvisioned+` AND u.role = $1 ORDER BY u.login LIMIT 10000`, string(role))
	list, err := db.Scan(rows, err, func(rows *sql.Rows, p *Provisioned) error { return scanProvisioned(rows, p) })
	if err != nil {
		return nil, unreadable(err)
	}
	return list, nil
}

// nobodysYet reports an account that was made from outside and that nobody can sign in to: whoever has its address at the provider is who it
// was made for.
func (s *Accounts) nobodysYet(ctx context.Context, userID string) (bool, error) {
	var n int
	err := s.db().QueryRow(ctx, `SELECT count(*) FROM provisioned p JOIN users u ON u.id = p.user_id WHERE p.user_id = $1 AND p.deleted_at IS NULL AND u.password_hash IS NULL
		AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = $1) AND NOT EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)`, userID).Scan(&n)
	if err != nil {
		return false, unreadable(err)
	}
	return n > 0, nil
}
