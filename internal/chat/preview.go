package chat

import (
	"context"
	"slices"

	"parley/internal/db"
	"parley/internal/markdown"
)

// Preview is what a page says of itself that a message links to.
type Preview struct {
	URL         string `json:"url"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Site        string `json:"site,omitempty"`
	Picture     string `json:"picture,omitempty"` // id, for PreviewPicture
	Width       int    `json:"width,omitempty"`   // of the picture, in pixels
	Height      int    `json:"height,omitempty"`
}

// Previews are those of a message's links.
type Previews struct {
	Shown   []Preview `json:"shown,omitempty"`   // in the order of the links
	Removed []string  `json:"removed,omitempty"` // links that are to have none, also when the message is edited
}

// PreviewsOfOne is how many of a message's links get a preview: none, when pages are not asked.
func (c *Chat) PreviewsOfOne() int {
	if c.previewer == nil {
		return 0
	}
	return c.limits.Previews
}

// shown are the previews that a message shows.
func (p *Previews) shown() []Preview {
	if p == nil {
		return nil
	}
	return p.Shown
}

func (p *Previews) removed() []string {
	if p == nil {
		return nil
	}
	return p.Removed
}

// cover reports whether each of some links is shown or has been removed.
func (p *Previews) cover(links []string) bool {
	return !slices.ContainsFunc(links, func(url string) bool {
		return !slices.Contains(p.removed(), url) && !slices.ContainsFunc(p.shown(), func(v Preview) bool { return v.URL == url })
	})
}

// only is what is left of them for a message that has these links.
func (p *Previews) only(links []string) *Previews {
	var removed []string
	for _, url := range p.removed() {
		if slices.Contains(links, url) {
			removed = append(removed, url)
		}
	}
	return p.with(removed, func(url string) bool { return slices.Contains(links, url) })
}

// with are those of the previews that are to be shown, and what has been removed.
func (p *Previews) with(removed []string, show func(url string) bool) *Previews {
	out := Previews{Removed: removed}
	for _, v := range p.shown() {
		if show(v.URL) {
			out.Shown = append(out.Shown, v)
		}
	}
	if len(out.Shown)+len(out.Removed) == 0 {
		return nil
	}
	return &out
}

// RemovePreview takes the preview of one of a message's links away for good, or of all with an empty url. Its author may, and who moderates
// the room. What is so already is no entry.
func (c *Chat) RemovePreview(ctx context.Context, a Actor, roomID, messageID, url string) (Message, error) {
	var out Message
	err := c.change(ctx, a, roomID, func(b *batch) error {
		acc, m, err := b.message(a, roomID, messageID)
		switch {
		case err != nil:
			return err
		case !m.DeletedAt.IsZero():
			return errorf(NotFound, "The message was deleted")
		case acc.Archived:
			return errArchived()
		case m.SenderID != a.UserID && !acc.moderates():
			return errorf(Forbidden, "Only its author or a moderator can remove a preview")
		}
		links := markdown.Links(m.Text)
		unwanted := links
		if url != "" {
			unwanted = []string{url}
			if !slices.Contains(links, url) {
				return errorf(NotFound, "The message has no such link")
			}
		}
		before := m.Previews.removed()
		after := slices.Clone(before)
		for _, u := range unwanted {
			if !slices.Contains(after, u) {
				after = append(after, u)
			}
		}
		if out = m; len(after) == len(before) {
			return nil
		}
		m.Previews = m.Previews.with(after, func(url string) bool { return !slices.Contains(after, url) })
		if err := b.storePreviews(m); err != nil {
			return err
		}
		if err := b.storeData(m); err != nil {
			return err
		}
		out, err = b.touch(acc, a, m, Entry{Kind: KindPreview})
		return err
	})
	return out, err
}

// storePreviews notes which pictures a message shows.
func (b *batch) storePreviews(m Message) error {
	if _, err := b.tx.Exec(b.ctx, `DELETE FROM preview_uses WHERE message_id = $1`, m.ID); err != nil {
		return err
	}
	for _, p := range m.Previews.shown() {
		if p.Picture == "" {
			continue
		}
		_, err := b.tx.Exec(b.ctx, `INSERT INTO preview_uses (message_id, picture) VALUES ($1, $2) ON CONFLICT DO NOTHING`, m.ID, p.Picture)
		if err != nil {
			return err
		}
	}
	return nil
}

// showPreviews gives a message the previews that were found of its links, if it still has them and the room still wants them.
func (c *Chat) showPreviews(ctx context.Context, l linked, found []Preview) error {
	return c.change(ctx, Actor{}, l.room, func(b *batch) error {
		if _, err := b.head(l.room); err != nil {
			return err
		}
		if wanted, err := previewsWanted(b.ctx, b.tx, l.room); err != nil || !wanted {
			return err
		}
		entries, err := queryEntries(b.ctx, b.tx, selectEntries+`WHERE l.id = $1 AND l.deleted_at IS NULL`, l.message)
		if err == nil {
			err = complete(b.ctx, b.tx, l.room, entries)
		}
		if err != nil || len(entries) == 0 {
			return err
		}
		m := *entries[0].Message
		now := &Previews{Removed: m.Previews.removed()}
		for _, url := range markdown.Links(m.Text) {
			of := func(p Preview) bool { return p.URL == url }
			if slices.Contains(now.Removed, url) || len(now.Shown) == c.limits.Previews {
				continue
			}
			if i := slices.IndexFunc(m.Previews.shown(), of); i >= 0 {
				now.Shown = append(now.Shown, m.Previews.Shown[i])
			} else if i := slices.IndexFunc(found, of); i >= 0 {
				now.Shown = append(now.Shown, found[i])
			}
		}
		if slices.Equal(now.Shown, m.Previews.shown()) {
			return nil
		}
		m.Previews = now.with(now.Removed, func(string) bool { return true })
		if err := b.storePreviews(m); err != nil {
			return err
		}
		_, err = b.retell(m.RoomID, m, Entry{Kind: KindPreview, ActorID: m.SenderID, ActorName: m.SenderName})
		return err
	})
}

// previewsWanted reports whether the messages of a room, or of the room that a thread is in, get previews.
func previewsWanted(ctx context.Context, q db.Querier, roomID string) (wanted bool, err error) {
	var on int
	err = q.QueryRow(ctx, `SELECT CASE WHEN h.archived_at IS NULL THEN h.previews ELSE 0 END FROM rooms r JOIN rooms h ON h.id = COALESCE(r.parent_id, r.id)
		WHERE r.id = $1`, roomID).Scan(&on)
	return on != 0, err
}

// PreviewPicture returns the picture of a preview and its media type. Whoever knows its id, which cannot be guessed, may have it.
func (c *Chat) PreviewPicture(ctx context.Context, id string) (picture []byte, mediaType string, err error) {
	return c.picture(ctx, `SELECT picture, media_type FROM preview_pictures WHERE id = $1`, id)
}
