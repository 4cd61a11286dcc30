package chat

import (
	"context"
	"database/sql"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a name, in characters.
const (
	minName = 2
	maxName = 30
)

// User is a person.
type User struct {
	ID   string
	Name string
	Role string // guest
}

// CleanName trims a name and checks it.
func CleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	n := utf8.RuneCountInString(name)
	switch {
	case n == 0 || !utf8.ValidString(name) || strings.ContainsFunc(name, invisible):
		return "", errorf(Invalid, "Invalid username")
	case n < minName:
		return "", errorf(Invalid, "Username too short")
	case n > maxName:
		return "", errorf(Invalid, "Username too long")
	}
	return name, nil
}

// invisible reports characters that would let a name imitate another, or turn the text around it.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) && r != '\u200d' || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// CreateGuest makes a person without an account, who is in the lobby.
func (c *Chat) CreateGuest(ctx context.Context, name string) (User, error) {
	name, err := CleanName(name)
	if err != nil {
		return User{}, err
	}
	u := User{ID: c.newID(), Name: name, Role: "guest"}
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, name, role, created_at) VALUES ($1, $2, $3, $4)`,
			u.ID, u.Name, u.Role, micros(c.now()))
		if err != nil {
			return err
		}
		return joinLobby(ctx, tx, u.ID)
	})
	if err != nil {
		return User{}, unavailable(err)
	}
	return u, nil
}

// RenameUser gives the actor another name. The name they have already is not an event.
func (c *Chat) RenameUser(ctx context.Context, a Actor, name string) (User, error) {
	name, err := CleanName(name)
	if err != nil {
		return User{}, err
	}
	u := User{ID: a.UserID, Name: name}
	changed := false
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		var old string
		if err := tx.QueryRowContext(ctx, `SELECT name, role FROM users WHERE id = $1`, a.UserID).Scan(&old, &u.Role); err != nil {
			return err
		}
		if changed = old != name; !changed {
			return nil
		}
		_, err := tx.ExecContext(ctx, `UPDATE users SET name = $1 WHERE id = $2`, name, a.UserID)
		return err
	})
	if err != nil {
		return User{}, unavailable(err)
	}
	if changed {
		c.publish(Event{Renamed: &u})
	}
	return u, nil
}
