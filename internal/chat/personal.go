package chat

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"parley/internal/db"
)

// PersonalKind is what sort of thing a person keeps for themselves.
type PersonalKind string

// The kinds of what is personal. Their keys are a message's, a room's or a person's id, or empty where there is only one.
const (
	PersonalSaved   PersonalKind = "saved"   // a message to come back to
	PersonalDraft   PersonalKind = "draft"   // what is not sent yet, of a room
	PersonalRoom    PersonalKind = "room"    // how much one wants to hear of a room
	PersonalNotify  PersonalKind = "notify"  // and altogether
	PersonalPrivacy PersonalKind = "privacy" // what others may do
	PersonalBlock   PersonalKind = "block"   // somebody one does not want to hear of

	PersonalScheduled PersonalKind = "scheduled" // a message that is to be sent later
	PersonalReminder  PersonalKind = "reminder"  // something one wants to be reminded of
)

// Personal is one such thing as it is now. Each change takes the person's next version: whoever has all versions up to one, and those
// after it, has what a fresh reading gives.
type Personal struct {
	UserID  string
	Kind    PersonalKind
	Key     string
	Version int64
	At      time.Time // when the person did it
	Gone    bool
	PersonalData
}

// PersonalData is what it says, by kind.
type PersonalData struct {
	Saved   *Saved          `json:"saved,omitempty"`
	Draft   *KeptDraft      `json:"draft,omitempty"`
	Room    *RoomSettings   `json:"room,omitempty"`
	Notify  *NotifySettings `json:"notify,omitempty"`
	Privacy *Privacy        `json:"privacy,omitempty"`
	Block   *Block          `json:"block,omitempty"`

	Scheduled *Scheduled `json:"scheduled,omitempty"`
	Reminder  *Reminder  `json:"reminder,omitempty"`
}

// keepGone is for how many versions what is gone is remembered, for devices that have not heard of it.
const keepGone = 2000

// own has a change to what is the actor's own committed. What is told of a person on this node is in the order of the versions.
func (c *Chat) own(ctx context.Context, a Actor, run func(*batch) error) error {
	return c.change(ctx, a, "person:"+a.UserID, run)
}

// keep makes something of a person this, and tells their devices.
func (b *batch) keep(userID string, kind PersonalKind, key string, data PersonalData, at time.Time) (Personal, error) {
	p := Personal{UserID: userID, Kind: kind, Key: key, At: fromMicros(micros(at)), Gone: data == (PersonalData{}), PersonalData: data}
	err := b.tx.QueryRow(b.ctx, `INSERT INTO personal_heads (user_id, version) VALUES ($1, 1)
		ON CONFLICT (user_id) DO UPDATE SET version = personal_heads.version + 1 RETURNING version`, userID).Scan(&p.Version)
	if err != nil {
		return p, err
	}
	text, err := json.Marshal(data)
	if err != nil {
		return p, err
	}
	_, err = b.tx.Exec(b.ctx, `INSERT INTO personal (user_id, kind, key, version, data, gone, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (user_id, kind, key) DO UPDATE SET version = excluded.version, data = excluded.data, gone = excluded.gone, at = excluded.at`,
		userID, string(kind), key, p.Version, string(text), map[bool]int{true: 1}[p.Gone], micros(at))
	if err != nil {
		return p, err
	}
	if p.Gone && p.Version > keepGone {
		if err := b.forgetGone(userID, p.Version-keepGone); err != nil {
			return p, err
		}
	}
	b.publish(Event{Personal: &p})
	return p, nil
}

func (b *batch) forgetGone(userID string, floor int64) error {
	n, err := b.tx.Exec(b.ctx, `DELETE FROM personal WHERE user_id = $1 AND version <= $2 AND gone = 1`, userID, floor)
	if err == nil && n > 0 {
		_, err = b.tx.Exec(b.ctx, `UPDATE personal_heads SET floor = $1 WHERE user_id = $2`, floor, userID)
	}
	return err
}

// fewer refuses one thing too many of a kind.
func (b *batch) fewer(userID string, kind PersonalKind, limit int, what string) error {
	var n int
	err := b.tx.QueryRow(b.ctx, `SELECT count(*) FROM personal WHERE user_id = $1 AND kind = $2 AND gone = 0`, userID, string(kind)).Scan(&n)
	if err == nil && n >= limit {
		err = errorf(TooLarge, fmt.Sprintf("Too many %s (max %d)", what, limit))
	}
	return err
}

const selectPersonal = `SELECT p.user_id, p.kind, p.key, p.version, p.data, p.gone, p.at FROM personal p `

func scanPersonal(row interface{ Scan(...any) error }, p *Personal) error {
	var data string
	var gone, at int64
	if err := row.Scan(&p.UserID, &p.Kind, &p.Key, &p.Version, &data, &gone, &at); err != nil {
		return err
	}
	p.Gone, p.At = gone != 0, fromMicros(at)
	return json.Unmarshal([]byte(data), &p.PersonalData)
}

// findPersonal returns something of a person, gone or not; the zero Personal when there never was such a thing.
func findPersonal(ctx context.Context, q db.Querier, userID string, kind PersonalKind, key string) (p Personal, err error) {
	err = scanPersonal(q.QueryRow(ctx, selectPersonal+`WHERE p.user_id = $1 AND p.kind = $2 AND p.key = $3`, userID, string(kind), key), &p)
	if db.IsNotFound(err) {
		return Personal{Gone: true}, nil
	}
	return p, err
}

// PersonalNews is what a device lacks.
type PersonalNews struct {
	Reset   bool // too much has gone since then: begin with version 0
	Items   []Personal
	Version int64 // that they lead to
	HasMore bool
}

// PersonalSince returns what has changed of the actor's own after a version; after 0 it is all there is.
func (c *Chat) PersonalSince(ctx context.Context, a Actor, version int64) (PersonalNews, error) {
	var n PersonalNews
	var floor int64
	err := c.db.QueryRow(ctx, `SELECT version, floor FROM personal_heads WHERE user_id = $1`, a.UserID).Scan(&n.Version, &floor)
	if db.IsNotFound(err) {
		err = nil
	}
	if err != nil {
		return n, unreadable(err)
	}
	if version > n.Version || version < floor && version > 0 {
		return PersonalNews{Reset: true, Version: n.Version}, nil
	}
	rows, err := c.db.Query(ctx, selectPersonal+`WHERE p.user_id = $1 AND p.version > $2 AND (p.gone = 0 OR $2 > 0) ORDER BY p.version LIMIT $3`,
		a.UserID, version, maxNews+1)
	n.Items, err = db.Scan(rows, err, func(rows *sql.Rows, p *Personal) error { return scanPersonal(rows, p) })
	if err != nil {
		return n, unreadable(err)
	}
	if n.HasMore = len(n.Items) > maxNews; n.HasMore {
		n.Items = n.Items[:maxNews]
		n.Version = n.Items[maxNews-1].Version
	} else if len(n.Items) > 0 {
		n.Version = max(n.Version, n.Items[len(n.Items)-1].Version)
	}
	return n, nil
}
