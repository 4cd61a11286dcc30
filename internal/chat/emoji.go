package chat

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"time"

	"parley/internal/db"
)

// Emoji is a picture with a name, which is written :name: in texts and reactions.
type Emoji struct {
	Name      string
	Picture   string // id of a picture, as an avatar's; empty when it was removed
	CreatedBy string
	CreatedAt time.Time
	Version   int64 // of all emoji, when this one last changed
}

var (
	emojiName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,31}$`)
	emojiText = regexp.MustCompile(`^:([a-z0-9][a-z0-9_-]{1,31}):$`)
)

// EmojiRole is from which role on people add emoji.
func (c *Chat) EmojiRole() Role { return c.limits.EmojiRole }

// AddEmoji makes a picture, given as a data: URL, an emoji. It is drawn anew: of the file nothing but its pixels is ever served.
func (c *Chat) AddEmoji(ctx context.Context, a Actor, name, dataURL string) (Emoji, error) {
	switch {
	case !a.Role.AtLeast(c.limits.EmojiRole):
		return Emoji{}, errorf(Forbidden, "Not allowed for "+string(a.Role)+"s")
	case !emojiName.MatchString(name):
		return Emoji{}, errorf(Invalid, "An emoji's name is 2 to 32 of a–z 0–9 _ -, and begins with a letter or a digit")
	case dataURL == "":
		return Emoji{}, errorf(Invalid, "An emoji needs a picture")
	}
	picture, err := c.StoreAvatar(ctx, dataURL)
	if err != nil {
		return Emoji{}, err
	}
	e := Emoji{Name: name, Picture: picture, CreatedBy: a.UserID}
	err = c.change(ctx, a, "emoji", func(b *batch) error {
		var n int
		if err := b.tx.QueryRow(b.ctx, `SELECT count(*) FROM emojis WHERE picture <> '' AND name <> $1`, name).Scan(&n); err != nil {
			return err
		}
		if n >= c.limits.Emojis {
			return errorf(TooLarge, fmt.Sprintf("Too many emoji (max %d)", c.limits.Emojis))
		}
		old, err := findEmoji(b.ctx, b.tx, name)
		if err == nil && old.Picture != "" {
			return errorf(Conflict, "There is an emoji of that name")
		}
		if err != nil && !db.IsNotFound(err) {
			return err
		}
		return b.storeEmoji(&e)
	})
	return e, err
}

// RemoveEmoji takes an emoji away. Who added it may, and administrators. Texts and reactions keep its name.
func (c *Chat) RemoveEmoji(ctx context.Context, a Actor, name string) (Emoji, error) {
	var e Emoji
	err := c.change(ctx, a, "emoji", func(b *batch) (err error) {
		e, err = findEmoji(b.ctx, b.tx, name)
		switch {
		case db.IsNotFound(err) || err == nil && e.Picture == "":
			return errorf(NotFound, "No such emoji")
		case err != nil:
			return err
		case e.CreatedBy != a.UserID && !a.Role.AtLeast(Admin):
			return errorf(Forbidden, "Only who added it or an administrator removes an emoji")
		}
		e.Picture = ""
		return b.storeEmoji(&e)
	})
	return e, err
}

func (b *batch) storeEmoji(e *Emoji) error {
	e.CreatedAt = fromMicros(micros(b.now))
	err := b.tx.QueryRow(b.ctx, `UPDATE counters SET value = value + 1 WHERE name = 'emoji' RETURNING value`).Scan(&e.Version)
	if err != nil {
		return err
	}
	_, err = b.tx.Exec(b.ctx, `INSERT INTO emojis (name, picture, created_by, created_at, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (name) DO UPDATE SET picture = excluded.picture, created_by = excluded.created_by, created_at = excluded.created_at,
			version = excluded.version`, e.Name, e.Picture, e.CreatedBy, micros(b.now), e.Version)
	told := *e
	b.publish(Event{Emoji: &told})
	return err
}

const selectEmoji = `SELECT name, picture, created_by, created_at, version FROM emojis `

func scanEmoji(row interface{ Scan(...any) error }, e *Emoji) error {
	var at int64
	err := row.Scan(&e.Name, &e.Picture, &e.CreatedBy, &at, &e.Version)
	e.CreatedAt = fromMicros(at)
	return err
}

func findEmoji(ctx context.Context, q db.Querier, name string) (e Emoji, err error) {
	err = scanEmoji(q.QueryRow(ctx, selectEmoji+`WHERE name = $1`, name), &e)
	return e, err
}

// EmojiPage is how many emoji are listed at once.
const EmojiPage = 500

// EmojiSince lists the emoji that have changed after a version, the earliest change first; after 0 those that there are.
func (c *Chat) EmojiSince(ctx context.Context, version int64) ([]Emoji, error) {
	rows, err := c.db.Query(ctx, selectEmoji+`WHERE version > $1 AND (picture <> '' OR $1 > 0) ORDER BY version LIMIT $2`, version, EmojiPage)
	out, err := db.Scan(rows, err, func(rows *sql.Rows, e *Emoji) error { return scanEmoji(rows, e) })
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

// known refuses :name: of an emoji that there is not.
func (b *batch) known(emoji string) error {
	named := emojiText.FindStringSubmatch(emoji)
	if named == nil {
		return nil
	}
	e, err := findEmoji(b.ctx, b.tx, named[1])
	if db.IsNotFound(err) || err == nil && e.Picture == "" {
		return errorf(Invalid, "No such emoji")
	}
	return err
}
