package chat

import (
	"context"
	"database/sql"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"parley/internal/db"
)

// The bounds of a name, in characters.
const (
	minName = 2
	maxName = 30
)

// User is a person, with what others may know of them.
type User struct {
	ID          string
	Name        string
	Login       string // of their account; empty for a guest
	Role        Role
	Avatar      string // id of a picture
	Bio         string
	Status      string // what they say they are doing
	StatusUntil time.Time
	Presence    string // what they want to appear as: auto, away or dnd
	TimeZone    string // IANA name
	Receipts    bool   // whether others may see what they have read
	Deactivated bool
	CreatedAt   time.Time
	Version     int64 // of the directory, when this last changed
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

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

const selectUsers = `SELECT u.id, u.name, u.login, u.role, u.avatar, u.bio, u.status, u.status_until, u.presence, u.time_zone, u.receipts,
	u.deactivated_at, u.created_at, u.version FROM users u `

func scanUser(row interface{ Scan(...any) error }, u *User) error {
	var login sql.NullString
	var until, deactivated sql.NullInt64
	var receipts, created int64
	err := row.Scan(&u.ID, &u.Name, &login, &u.Role, &u.Avatar, &u.Bio, &u.Status, &until, &u.Presence, &u.TimeZone, &receipts,
		&deactivated, &created, &u.Version)
	u.Login, u.StatusUntil, u.Receipts = login.String, timeOrZero(until), receipts != 0
	u.Deactivated, u.CreatedAt = deactivated.Valid, fromMicros(created)
	return err
}

func findUser(ctx context.Context, q db.Querier, id string) (u User, err error) {
	err = scanUser(q.QueryRow(ctx, selectUsers+`WHERE u.id = $1`, id), &u)
	if db.IsNotFound(err) {
		err = errorf(NotFound, "No such person")
	}
	return u, err
}

// User returns a person.
func (c *Chat) User(ctx context.Context, id string) (User, error) {
	u, err := findUser(ctx, c.db, id)
	if err != nil {
		return u, unreadable(err)
	}
	return u, nil
}

// insertUser adds a person, who is in the lobby from then on.
func (c *Chat) insertUser(ctx context.Context, tx *db.Tx, u *User, passwordHash any) error {
	var err error
	if u.Version, err = nextVersion(ctx, tx); err != nil {
		return err
	}
	return c.addUser(ctx, tx, u, passwordHash)
}

// addUser is insertUser for somebody who has a version already.
func (c *Chat) addUser(ctx context.Context, tx *db.Tx, u *User, passwordHash any) error {
	u.ID, u.Presence, u.Receipts, u.CreatedAt = c.newID(), "auto", true, fromMicros(micros(c.now()))
	_, err := tx.Exec(ctx, `INSERT INTO users (id, name, login, password_hash, role, created_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		u.ID, u.Name, orNull(u.Login), passwordHash, string(u.Role), micros(u.CreatedAt), u.Version)
	if err != nil {
		return err
	}
	return joinLobby(ctx, tx, u.ID)
}

// lockDirectory lets one transaction at a time change people. All of a person is written at once: what another one changed after this one
// has read it, a role that was taken away, would come back; and whether there is another owner is to stay true until the commit.
func lockDirectory(ctx context.Context, tx *db.Tx) error {
	var v int64
	return tx.QueryRow(ctx, `SELECT value FROM counters WHERE name = 'directory'`+tx.Dialect().ForUpdate()).Scan(&v)
}

// nextVersion is the directory's version after a change, which the change's transaction makes.
func nextVersion(ctx context.Context, tx *db.Tx) (v int64, err error) {
	return nextVersions(ctx, tx, 1)
}

// nextVersions is nextVersion for so many changes: the last one's.
func nextVersions(ctx context.Context, tx *db.Tx, n int) (last int64, err error) {
	err = tx.QueryRow(ctx, `UPDATE counters SET value = value + $1 WHERE name = 'directory' RETURNING value`, n).Scan(&last)
	return last, err
}

// Profile is what people may change of themselves; what is nil stays.
type Profile struct {
	Name, Bio, Status, Presence, TimeZone, Avatar *string
	StatusUntil                                   *time.Time
	Receipts                                      *bool
}

// The bounds of a profile, in characters.
const (
	maxBio    = 500
	maxStatus = 100
)

// RenameUser gives the actor another name. The name they have already is not an event.
func (c *Chat) RenameUser(ctx context.Context, a Actor, name string) (User, error) {
	return c.UpdateProfile(ctx, a, Profile{Name: &name})
}

// UpdateProfile changes what the actor says of themselves.
func (c *Chat) UpdateProfile(ctx context.Context, a Actor, p Profile) (User, error) {
	return c.changeUser(ctx, a.UserID, func(_ *db.Tx, u *User) error { return p.apply(u) })
}

// changeUser changes a person in a transaction, gives them a new version and tells everybody, if there is anything to tell.
func (c *Chat) changeUser(ctx context.Context, id string, change func(*db.Tx, *User) error) (User, error) {
	var u User
	changed := false
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		if err := lockDirectory(ctx, tx); err != nil {
			return err
		}
		before, err := findUser(ctx, tx, id)
		if err != nil {
			return err
		}
		u = before
		if err := change(tx, &u); err != nil {
			return err
		}
		if changed = u != before; !changed {
			return nil
		}
		if u.Version, err = nextVersion(ctx, tx); err != nil {
			return err
		}
		return c.storeUser(ctx, tx, u)
	})
	if err != nil {
		return User{}, unwritten(err)
	}
	if changed {
		c.publish(Event{Person: &u})
	}
	return u, nil
}

func (c *Chat) storeUser(ctx context.Context, tx *db.Tx, u User) error {
	var deactivated any
	if u.Deactivated {
		deactivated = micros(c.now())
	}
	_, err := tx.Exec(ctx, `UPDATE users SET name = $1, login = $2, role = $3, avatar = $4, bio = $5, status = $6, status_until = $7, presence = $8,
		time_zone = $9, receipts = $10, deactivated_at = $11, version = $12 WHERE id = $13`,
		u.Name, orNull(u.Login), string(u.Role), u.Avatar, u.Bio, u.Status, microsOrNull(u.StatusUntil), u.Presence, u.TimeZone,
		map[bool]int{true: 1}[u.Receipts], deactivated, u.Version, u.ID)
	return err
}

func (p Profile) apply(u *User) (err error) {
	if p.Name != nil {
		if u.Name, err = CleanName(*p.Name); err != nil {
			return err
		}
	}
	if p.Bio != nil {
		if u.Bio, err = cleanParagraph(*p.Bio, "bio", maxBio); err != nil {
			return err
		}
	}
	if p.Status != nil {
		if u.Status, err = cleanLine(*p.Status, "status", maxStatus); err != nil {
			return err
		}
		u.StatusUntil = time.Time{}
	}
	if p.StatusUntil != nil {
		u.StatusUntil = fromMicros(micros(*p.StatusUntil))
	}
	if p.Presence != nil {
		if *p.Presence != "auto" && *p.Presence != "away" && *p.Presence != "dnd" {
			return errorf(Invalid, "presence must be auto, away or dnd")
		}
		u.Presence = *p.Presence
	}
	if p.TimeZone != nil {
		if _, err := time.LoadLocation(*p.TimeZone); err != nil || len(*p.TimeZone) > maxIDLength {
			return errorf(Invalid, "timeZone must be the IANA name of a time zone")
		}
		u.TimeZone = *p.TimeZone
	}
	if p.Avatar != nil {
		u.Avatar = *p.Avatar
	}
	if p.Receipts != nil {
		u.Receipts = *p.Receipts
	}
	return nil
}

// PeoplePage is how many people are listed at once.
const PeoplePage = 100

// People lists the people whose name or login begins with a text, by name. Those who are deactivated are not in it.
func (c *Chat) People(ctx context.Context, prefix string) ([]User, error) {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	rows, err := c.db.Query(ctx, selectUsers+`WHERE u.deactivated_at IS NULL AND (substr(lower(u.name), 1, $1) = $2 OR substr(u.login, 1, $1) = $2)
		ORDER BY u.login IS NULL, lower(u.name), u.id LIMIT $3`, utf8.RuneCountInString(prefix), prefix, PeoplePage)
	return readUsers(rows, err)
}

// ChangedPeople lists who has changed after a version of the directory, the earliest change first, and the version they lead to.
func (c *Chat) ChangedPeople(ctx context.Context, version int64) ([]User, int64, error) {
	rows, err := c.db.Query(ctx, selectUsers+`WHERE u.version > $1 ORDER BY u.version LIMIT $2`, version, PeoplePage)
	users, err := readUsers(rows, err)
	if len(users) > 0 {
		version = users[len(users)-1].Version
	}
	return users, version, err
}

// DirectoryVersion is the version of the directory now.
func (c *Chat) DirectoryVersion(ctx context.Context) (v int64, err error) {
	if err = c.db.QueryRow(ctx, `SELECT value FROM counters WHERE name = 'directory'`).Scan(&v); err != nil {
		return 0, unreadable(err)
	}
	return v, nil
}

func readUsers(rows *sql.Rows, err error) ([]User, error) {
	users, err := db.Scan(rows, err, func(rows *sql.Rows, u *User) error { return scanUser(rows, u) })
	if err != nil {
		return nil, unreadable(err)
	}
	return users, nil
}
