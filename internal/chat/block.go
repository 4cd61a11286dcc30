package chat

import (
	"context"

	"parley/internal/db"
)

// Block says that somebody wants nothing to do with another.
type Block struct {
	// Ignore only spares one what they write. Otherwise they cannot write to one directly either, nor bring one into rooms.
	Ignore bool `json:"ignore"`
}

// DirectFrom is who may begin a direct conversation with somebody.
type DirectFrom string

// Who may.
const (
	FromEverybody DirectFrom = "everybody"
	FromShared    DirectFrom = "shared" // who is in a room with them, besides the lobby
	FromNobody    DirectFrom = "nobody"
)

// Privacy is what others may do.
type Privacy struct {
	DirectFrom DirectFrom `json:"directFrom"`
}

// SetPrivacy says what others may do.
func (c *Chat) SetPrivacy(ctx context.Context, a Actor, p Privacy) (Personal, error) {
	if p.DirectFrom != FromEverybody && p.DirectFrom != FromShared && p.DirectFrom != FromNobody {
		return Personal{}, errorf(Invalid, "directFrom must be everybody, shared or nobody")
	}
	var out Personal
	err := c.own(ctx, a, func(b *batch) (err error) {
		out, err = b.keep(a.UserID, PersonalPrivacy, "", PersonalData{Privacy: &p}, b.now)
		return err
	})
	return out, err
}

// BlockPerson makes the actor hear nothing of somebody, or hear of them again. Who is blocked is not told.
func (c *Chat) BlockPerson(ctx context.Context, a Actor, userID string, block *Block) (Personal, error) {
	if userID == a.UserID {
		return Personal{}, errorf(Invalid, "That is you")
	}
	var out Personal
	err := c.own(ctx, a, func(b *batch) error {
		old, err := findPersonal(b.ctx, b.tx, a.UserID, PersonalBlock, userID)
		if out = old; err != nil || block == nil && old.Gone || block != nil && old.Block != nil && *block == *old.Block {
			return err
		}
		if block != nil && old.Gone {
			if _, err := findUser(b.ctx, b.tx, userID); err != nil {
				return err
			}
			if err := b.fewer(a.UserID, PersonalBlock, c.limits.Blocks, "blocked people"); err != nil {
				return err
			}
		}
		out, err = b.keep(a.UserID, PersonalBlock, userID, PersonalData{Block: block}, b.now)
		return err
	})
	return out, err
}

// blocks reports whether somebody has blocked another, not only ignores them.
func (b *batch) blocks(userID, otherID string) (bool, error) {
	p, err := findPersonal(b.ctx, b.tx, userID, PersonalBlock, otherID)
	return p.Block != nil && !p.Block.Ignore, err
}

// takesDirect says why somebody takes no direct messages from another, if so. It does not say whether that is because of them.
func (b *batch) takesDirect(a Actor, userID string) error {
	if userID == a.UserID {
		return nil
	}
	if mine, err := b.blocks(a.UserID, userID); err != nil || mine {
		return refusal(err, "You have blocked them")
	}
	if theirs, err := b.blocks(userID, a.UserID); err != nil || theirs {
		return refusal(err, "They take no direct messages from you")
	}
	p, err := findPersonal(b.ctx, b.tx, userID, PersonalPrivacy, "")
	switch {
	case err != nil:
		return err
	case p.Privacy == nil, p.Privacy.DirectFrom == FromEverybody, a.Role.AtLeast(Admin):
		return nil
	case p.Privacy.DirectFrom == FromNobody:
		return errorf(Forbidden, "They take no direct messages from you")
	}
	var one int
	err = b.tx.QueryRow(b.ctx, `SELECT 1 FROM memberships m JOIN memberships o ON o.room_id = m.room_id AND o.user_id = $1 AND o.left_seq IS NULL
		JOIN rooms r ON r.id = m.room_id AND r.kind NOT IN ('direct', 'group') AND r.id <> $2
		WHERE m.user_id = $3 AND m.left_seq IS NULL LIMIT 1`, userID, Lobby, a.UserID).Scan(&one)
	if db.IsNotFound(err) {
		return errorf(Forbidden, "They take no direct messages from you")
	}
	return err
}

func refusal(err error, why string) error {
	if err != nil {
		return err
	}
	return errorf(Forbidden, why)
}
