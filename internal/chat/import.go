package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/db"
)

// Import brings in what was written elsewhere, in the name of an administrator: nobody's permission is asked, nobody is notified, and
// times are those of then. What was brought in before, under the same foreign ids, is found again and not brought in twice.
type Import struct {
	Chat   *Chat
	Source string // the other system
	// SamePeople takes an account with the login that a person had there for the same person. Otherwise they get another login.
	SamePeople bool
}

// ImportedPerson is a person from elsewhere.
type ImportedPerson struct {
	ForeignID, Login, Name, Email string
	Gone                          bool // deactivated there, and here
}

var notInLogins = regexp.MustCompile(`[^a-z0-9._-]+`)

// Person brings in a person, as an account without a password, and reports whether they are new. Their address counts as verified:
// the other system sent them mail.
func (im *Import) Person(ctx context.Context, p ImportedPerson) (u User, added bool, err error) {
	c := im.Chat
	err = c.db.Tx(ctx, func(tx *db.Tx) error {
		added = false
		id, err := im.known(ctx, tx, "person", p.ForeignID)
		if err != nil {
			return err
		}
		if id != "" {
			u, err = findUser(ctx, tx, id)
			return err
		}
		u = User{Role: Member, Name: importedName(p)}
		if u.Login, id, err = im.login(ctx, tx, p); err != nil {
			return err
		}
		if id != "" {
			if u, err = findUser(ctx, tx, id); err != nil {
				return err
			}
		} else if err := im.insert(ctx, tx, &u, p); err != nil {
			return err
		} else {
			added = true
		}
		return im.remember(ctx, tx, "person", p.ForeignID, u.ID)
	})
	if err == nil && added {
		c.publish(Event{Person: &u})
	}
	return u, added, unwritten(err)
}

func (im *Import) insert(ctx context.Context, tx *db.Tx, u *User, p ImportedPerson) error {
	if err := im.Chat.insertUser(ctx, tx, u, nil); err != nil {
		return err
	}
	if u.Deactivated = p.Gone; p.Gone {
		if err := im.Chat.storeUser(ctx, tx, *u); err != nil {
			return err
		}
	}
	address := strings.ToLower(strings.TrimSpace(p.Email))
	if local, domain, ok := strings.Cut(address, "@"); !ok || local == "" || domain == "" || len(address) > 254 || strings.ContainsAny(address, " \r\n<>,;\"") {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO emails (user_id, address, verified_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, u.ID, address, micros(im.Chat.now()))
	return err
}

// login finds a login for a person, or the account that has theirs when that is to be the same person.
func (im *Import) login(ctx context.Context, tx *db.Tx, p ImportedPerson) (login, id string, err error) {
	base := strings.Trim(notInLogins.ReplaceAllString(strings.ToLower(p.Login), "-"), "._-")
	base = strings.TrimRight(base[:min(len(base), 26)], "._-")
	if len(base) < 2 {
		base = strings.TrimRight(im.Source+"-"+base, "-")
	}
	for n := 1; ; n++ {
		login = base
		if n > 1 {
			login = fmt.Sprintf("%s-%d", base, n)
		}
		if _, err := CleanLogin(login); err != nil { // a reserved one
			continue
		}
		err := tx.QueryRow(ctx, `SELECT id FROM users WHERE login = $1`, login).Scan(&id)
		switch {
		case db.IsNotFound(err):
			return login, "", nil
		case err != nil:
			return "", "", err
		case im.SamePeople && n == 1:
			return login, id, nil
		}
		id = ""
	}
}

func importedName(p ImportedPerson) string {
	for _, name := range []string{p.Name, p.Login} {
		name = strings.Map(func(r rune) rune {
			if invisible(r) {
				return -1
			}
			return r
		}, strings.TrimSpace(strings.ToValidUTF8(name, "")))
		if r := []rune(name); len(r) > maxName {
			name = strings.TrimSpace(string(r[:maxName]))
		}
		if clean, err := CleanName(name); err == nil {
			return clean
		}
	}
	return "Imported"
}

// ImportedRoom is a room from elsewhere.
type ImportedRoom struct {
	ForeignID, Name, Topic, Description string
	Kind                                RoomKind // Public, Private, or Direct for a conversation between all its members
	Archived                            bool
	Members                             []string // ids of people here; the first is its owner
}

// Room brings in a room and returns its id. All that was said there may be read by all who are in it, as there.
func (im *Import) Room(ctx context.Context, r ImportedRoom) (id string, added bool, err error) {
	if id, err = im.known(ctx, im.Chat.db, "room", r.ForeignID); err != nil {
		return "", false, unreadable(err)
	}
	if id != "" {
		return id, false, nil
	}
	members, err := im.active(ctx, r.Members)
	if err != nil {
		return "", false, unreadable(err)
	}
	if r.Kind == Direct && len(members) >= 2 && len(members) <= maxGroup {
		room, err := im.Chat.OpenDirect(ctx, Actor{UserID: members[0], Role: Member}, members[1:])
		if err != nil {
			return "", false, err
		}
		err = im.Chat.db.Tx(ctx, func(tx *db.Tx) error { return im.remember(ctx, tx, "room", r.ForeignID, room.ID) })
		return room.ID, true, unwritten(err)
	}
	if r.Kind == Direct {
		r.Kind = Private
	}
	room := Room{
		ID: im.Chat.newID(), Kind: r.Kind, Name: clipped(r.Name, "Imported", maxRoomName), Topic: clipped(r.Topic, "", maxTopic),
		Description: clipped(r.Description, "", maxDescription), History: HistoryAll, Epoch: im.Chat.newID(),
	}
	var owner Actor
	if len(members) > 0 {
		owner = Actor{UserID: members[0], Role: Owner}
	} else if owner, err = im.anOwner(ctx); err != nil { // everybody has left: it is the server's owner's
		return "", false, err
	}
	room.CreatedBy = owner.UserID
	err = im.Chat.change(context.WithoutCancel(ctx), owner, room.ID, func(b *batch) error {
		if _, err := b.createRoom(owner, room, RoomDraft{Members: members}); err != nil {
			return err
		}
		return im.remember(ctx, b.tx, "room", r.ForeignID, room.ID)
	})
	return room.ID, true, err
}

// Archive closes a room that was archived there, once all of it is here.
func (im *Import) Archive(ctx context.Context, roomID string) error {
	return im.Chat.change(context.WithoutCancel(ctx), Actor{}, roomID, func(b *batch) error {
		_, err := b.tx.Exec(b.ctx, `UPDATE rooms SET archived_at = $1 WHERE id = $2 AND archived_at IS NULL AND direct_key IS NULL`, micros(b.now), roomID)
		return err
	})
}

// active are those of some people who are not deactivated, in their order.
func (im *Import) active(ctx context.Context, ids []string) (out []string, err error) {
	for _, id := range ids {
		u, err := findUser(ctx, im.Chat.db, id)
		if err != nil {
			return nil, err
		}
		if !u.Deactivated && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (im *Import) anOwner(ctx context.Context) (Actor, error) {
	var a Actor
	err := im.Chat.db.QueryRow(ctx, `SELECT id, name, role FROM users WHERE role = 'owner' AND deactivated_at IS NULL ORDER BY created_at LIMIT 1`).
		Scan(&a.UserID, &a.Name, &a.Role)
	if db.IsNotFound(err) {
		return a, errorf(Invalid, "The server has no owner yet: make one first")
	}
	if err != nil {
		return a, unreadable(err)
	}
	return a, nil
}

func clipped(text, empty string, limit int) string {
	text = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", ""))
	text = strings.Map(func(r rune) rune {
		if r != '\n' && invisible(r) {
			return -1
		}
		return r
	}, text)
	if limit < maxDescription {
		text = strings.ReplaceAll(text, "\n", " ")
	}
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit-1]) + "…"
	}
	if text == "" {
		return empty
	}
	return text
}

// ImportedMessage is a message from elsewhere.
type ImportedMessage struct {
	ForeignID string // unique in its source
	SenderID  string // here
	Text      string
	At        time.Time
	EditedAt  time.Time // zero: never
	ReplyTo   string    // id of a message here, or empty
	Reactions []Reaction
	Files     []KeptFile
}

// KeptFile is a file that came with a message, kept for when messages have files.
type KeptFile struct {
	Name, MediaType string
	Size            int64
	Address         string // where it was
	Stored          string // name of its bytes among the kept files, or empty
}

// maxImportedText bounds a message from elsewhere, in characters: what is longer loses its end.
const maxImportedText = 100_000

// Imported is what became of a message from elsewhere.
type Imported struct {
	ID  string // here
	New bool
}

// Messages brings messages into a room, or into a thread, in their order.
func (im *Import) Messages(ctx context.Context, roomID string, messages []ImportedMessage) (out []Imported, err error) {
	err = im.Chat.change(context.WithoutCancel(ctx), Actor{}, roomID, func(b *batch) error {
		h, err := b.head(roomID)
		if err != nil {
			return err
		}
		before := h.last
		out = make([]Imported, len(messages))
		for i, m := range messages {
			if out[i], err = im.message(b, roomID, m); err != nil {
				return err
			}
		}
		return im.noNews(b, roomID, h.last, before)
	})
	return out, err
}

// noNews has those who had nothing unread in a room up to a seq have nothing unread up to another: what was said there is no news.
func (im *Import) noNews(b *batch, roomID string, to, before int64) error {
	const unread = ` AND NOT EXISTS (SELECT 1 FROM log l WHERE l.room_id = $2 AND l.seq > read_seq AND l.seq <= $3 AND l.kind = 'message')`
	_, err := b.tx.Exec(b.ctx, `UPDATE memberships SET read_seq = $1, delivered_seq = $1 WHERE room_id = $2 AND left_seq IS NULL AND read_seq < $1`+unread,
		to, roomID, before)
	if err == nil {
		_, err = b.tx.Exec(b.ctx, `UPDATE follows SET read_seq = $1, delivered_seq = $1 WHERE room_id = $2 AND read_seq < $1`+unread, to, roomID, before)
	}
	return err
}

func (im *Import) message(b *batch, roomID string, m ImportedMessage) (out Imported, err error) {
	clientID := im.clientID(m.ForeignID)
	err = b.tx.QueryRow(b.ctx, `SELECT id FROM log WHERE actor_id = $1 AND client_id = $2 AND client_id IS NOT NULL`, m.SenderID, clientID).Scan(&out.ID)
	if err == nil || !db.IsNotFound(err) {
		return out, err
	}
	e := &Entry{RoomID: roomID, Kind: KindMessage, ActorID: m.SenderID, clientID: clientID, text: clipped(m.Text, "…", maxImportedText), replyTo: m.ReplyTo}
	if err := b.number(e); err != nil {
		return out, err
	}
	e.At = fromMicros(micros(m.At))
	if _, err := b.tx.Exec(b.ctx, insertEntry+values(1, entryColumns), e.row()...); err != nil {
		return out, err
	}
	if !m.EditedAt.IsZero() {
		if _, err := b.tx.Exec(b.ctx, `UPDATE log SET edited_at = $1 WHERE id = $2`, micros(m.EditedAt), e.ID); err != nil {
			return out, err
		}
	}
	return Imported{e.ID, true}, im.attach(b, e.ID, m)
}

// attach adds what hangs on a message.
func (im *Import) attach(b *batch, id string, m ImportedMessage) error {
	for _, r := range m.Reactions[:min(len(m.Reactions), maxEmojis)] {
		for _, user := range r.UserIDs {
			_, err := b.tx.Exec(b.ctx, `INSERT INTO reactions (message_id, emoji, user_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				id, clipped(r.Emoji, "?", maxEmojiBytes), user, micros(m.At))
			if err != nil {
				return err
			}
		}
	}
	for i, f := range m.Files {
		_, err := b.tx.Exec(b.ctx, `INSERT INTO kept_files (message_id, position, name, media_type, size, address, stored) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, i, clipped(f.Name, "file", 255), f.MediaType, f.Size, f.Address, f.Stored)
		if err != nil {
			return err
		}
	}
	return nil
}

// importedID begins the client ids of what was brought in.
const importedID = "-import-"

// clientID is what makes a message from elsewhere the same one again.
func (im *Import) clientID(foreign string) string {
	sum := sha256.Sum256([]byte(im.Source + "\n" + foreign))
	return importedID + hex.EncodeToString(sum[:16])
}

// Thread returns the thread about a message, and makes it if there is none. Who wrote in it follows it.
func (im *Import) Thread(ctx context.Context, roomID, rootID, writer string) (id string, made bool, err error) {
	err = im.Chat.change(context.WithoutCancel(ctx), Actor{}, roomID, func(b *batch) error {
		if _, err := b.head(roomID); err != nil {
			return err
		}
		entries, err := queryEntries(b.ctx, b.tx, selectEntries+`WHERE l.id = $1 AND l.room_id = $2 AND l.kind = 'message'`, rootID, roomID)
		if err == nil && len(entries) == 0 {
			err = errNoMessage()
		}
		if err != nil {
			return err
		}
		root := entries[0].Message
		err = b.tx.QueryRow(b.ctx, `SELECT id FROM rooms WHERE root_id = $1 AND root_id IS NOT NULL`, rootID).Scan(&id)
		if made = db.IsNotFound(err); made {
			id, err = b.makeThread(Actor{UserID: root.SenderID, Name: root.SenderName}, *root)
		}
		if err != nil {
			return err
		}
		_, err = b.tx.Exec(b.ctx, `INSERT INTO follows (room_id, user_id, following, read_seq, delivered_seq) VALUES ($1, $2, 1, 0, 0)
			ON CONFLICT (user_id, room_id) DO NOTHING`, id, writer)
		return err
	})
	return id, made, err
}

func (im *Import) known(ctx context.Context, q db.Querier, kind, foreign string) (id string, err error) {
	err = q.QueryRow(ctx, `SELECT local_id FROM imports WHERE source = $1 AND kind = $2 AND foreign_id = $3`, im.Source, kind, foreign).Scan(&id)
	if db.IsNotFound(err) {
		err = nil
	}
	return id, err
}

func (im *Import) remember(ctx context.Context, tx *db.Tx, kind, foreign, local string) error {
	_, err := tx.Exec(ctx, `INSERT INTO imports (source, kind, foreign_id, local_id) VALUES ($1, $2, $3, $4)`, im.Source, kind, foreign, local)
	return err
}
