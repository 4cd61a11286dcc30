package transfer

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// discord is the package of their data that a person gets from Discord: what they themselves wrote, by channel.
type discord struct {
	files    *files
	me       Person
	channels []discordChannel
	skipped  map[string]int
}

type discordChannel struct {
	ID, Name   string
	Type       json.RawMessage // a number, or a word in newer packages
	Recipients []string
	Guild      *struct{ ID, Name string }
	folder     string
}

type discordMessage struct {
	ID                               json.RawMessage
	Timestamp, Contents, Attachments string
}

// OpenDiscord opens a data package of Discord.
func OpenDiscord(name string) (Source, error) {
	f, err := openFiles(name)
	if err != nil {
		return nil, err
	}
	d := &discord{files: f, skipped: map[string]int{}}
	if err := d.readIndex(); err != nil {
		return nil, errors.Join(err, f.closer.Close())
	}
	return d, nil
}

func (d *discord) readIndex() error {
	account := d.find("user.json", "account")
	if account == "" {
		return errors.New("transfer: the archive has no account/user.json")
	}
	var me struct {
		ID         string
		Username   string
		GlobalName string `json:"global_name"`
		Email      string
	}
	if err := document(d.files, account, &me); err != nil {
		return err
	}
	d.me = Person{ID: me.ID, Login: me.Username, Name: cmp.Or(me.GlobalName, me.Username), Email: me.Email}
	for _, name := range d.files.names {
		if path.Base(name) != "channel.json" {
			continue
		}
		c := discordChannel{folder: path.Dir(name)}
		if err := document(d.files, name, &c); err != nil {
			return err
		}
		d.channels = append(d.channels, c)
	}
	return nil
}

// find finds a file in a folder, whose names were translated in some packages, and begin with a capital in others.
func (d *discord) find(base, folder string) string {
	for _, name := range d.files.names {
		if path.Base(name) == base && strings.EqualFold(path.Base(path.Dir(name)), folder) {
			return name
		}
	}
	for _, name := range d.files.names {
		if path.Base(name) == base {
			return name
		}
	}
	return ""
}

func (d *discord) Name() string { return "discord" }

func (d *discord) People(_ context.Context, each func(Person) error) error { return each(d.me) }

func (d *discord) Rooms(_ context.Context, each func(Room) error) error {
	for _, c := range d.channels {
		r := Room{ID: c.ID, Kind: Private, Name: c.Name, Members: []string{d.me.ID}}
		switch {
		case c.Guild != nil:
			r.Name = cmp.Or(c.Name, c.ID)
			r.Description = c.Guild.Name
		default: // the others of a conversation are ids without a name: it becomes a private room
			r.Name = cmp.Or(c.Name, "Discord "+c.ID)
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

func (d *discord) Messages(ctx context.Context, each func(Message) error) error {
	for _, c := range d.channels {
		if err := ctx.Err(); err != nil {
			return err
		}
		messages, err := d.channel(c)
		if err != nil {
			return err
		}
		slices.SortStableFunc(messages, func(a, b Message) int { return a.At.Compare(b.At) })
		for _, m := range messages {
			if err := each(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// channel reads a channel's messages: a list in newer packages, a table in older ones.
func (d *discord) channel(c discordChannel) (out []Message, err error) {
	take := func(m discordMessage) error {
		if read, ok := d.message(c.ID, m); ok {
			out = append(out, read)
		}
		return nil
	}
	if name := path.Join(c.folder, "messages.json"); d.files.has(name) {
		err := list(d.files, name, take)
		return out, err
	}
	name := path.Join(c.folder, "messages.csv")
	if !d.files.has(name) {
		return nil, nil
	}
	r, err := d.files.open(name, maxDocument)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	table := csv.NewReader(r)
	table.FieldsPerRecord = -1
	for first := true; ; first = false {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("transfer: %q: %w", name, err)
		}
		if first || len(row) < 3 {
			continue
		}
		m := discordMessage{ID: json.RawMessage(row[0]), Timestamp: row[1], Contents: row[2]}
		if len(row) > 3 {
			m.Attachments = row[3]
		}
		if err := take(m); err != nil {
			return nil, err
		}
	}
}

var discordEmoji = regexp.MustCompile(`<a?(:[A-Za-z0-9_]+:)[0-9]+>`)

func (d *discord) message(room string, m discordMessage) (Message, bool) {
	id := strings.Trim(string(m.ID), `"`)
	at, ok := discordTime(m.Timestamp)
	if id == "" || !ok || m.Contents == "" && m.Attachments == "" {
		d.skipped["malformed"]++
		return Message{}, false
	}
	out := Message{ID: id, RoomID: room, PersonID: d.me.ID, At: at, Text: discordEmoji.ReplaceAllStringFunc(m.Contents, func(e string) string {
		return strings.ToLower(discordEmoji.FindStringSubmatch(e)[1])
	})}
	for address := range strings.FieldsSeq(m.Attachments) {
		file, _, _ := strings.Cut(path.Base(address), "?")
		out.Files = append(out.Files, File{Name: file, URL: address})
	}
	return out, true
}

func discordTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999Z07:00", time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func (d *discord) Open(File) (io.ReadCloser, error) {
	return nil, errors.New("transfer: a package of Discord has no files")
}

func (d *discord) Skipped() map[string]int { return d.skipped }

func (d *discord) Close() error { return d.files.closer.Close() }
