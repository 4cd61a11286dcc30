package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kyokomi/emoji/v2"

	"parley/internal/chat"
)

// importBatch is how many messages are brought in at once: a transaction of that size holds a running server's writers up a moment.
const importBatch = 200

// Counts is what an import has brought in, and what it met.
type Counts struct {
	People, Rooms, Threads, Messages, Reactions, Files int // new ones
	Known                                              int // messages that were here already
	Skipped                                            map[string]int
}

// ImportOptions says how an archive is brought in.
type ImportOptions struct {
	Chat *chat.Chat
	// FilesDir is where files that came with messages are kept.
	FilesDir string
	// SamePeople takes accounts with the same login for the same people.
	SamePeople bool
	// Progress is called now and then; it may be nil.
	Progress func(Counts)
}

// importer is an import under way. Ids of the archive lead to ids here.
type importer struct {
	o        ImportOptions
	source   Source
	into     *chat.Import
	people   map[string]string
	rooms    map[string]string
	archived []string // rooms here that were archived there
	messages map[string]place
	threads  map[string]string // by the root's id here and who wrote in them
	pending  []chat.ImportedMessage
	keys     []string // of what is pending
	target   place    // where what is pending goes
	counts   Counts
}

// place is a message here, or, with an empty id, a room.
type place struct{ room, id string }

// Import brings an archive in. After an interruption it is called again with the same archive.
func Import(ctx context.Context, s Source, o ImportOptions) (Counts, error) {
	im := &importer{
		o: o, source: s, into: &chat.Import{Chat: o.Chat, Source: s.Name(), SamePeople: o.SamePeople},
		people: map[string]string{}, rooms: map[string]string{}, messages: map[string]place{}, threads: map[string]string{},
	}
	if err := os.MkdirAll(o.FilesDir, 0o700); err != nil {
		return im.counts, fmt.Errorf("transfer: %w", err)
	}
	err := s.People(ctx, func(p Person) error { return im.person(ctx, p) })
	if err == nil {
		err = s.Rooms(ctx, func(r Room) error { return im.room(ctx, r) })
	}
	if err == nil {
		err = s.Messages(ctx, func(m Message) error { return im.message(ctx, m) })
	}
	if err == nil {
		err = im.flush(ctx)
	}
	for _, id := range im.archived {
		if err == nil {
			err = im.into.Archive(ctx, id)
		}
	}
	im.counts.Skipped = s.Skipped()
	return im.counts, err
}

func (im *importer) person(ctx context.Context, p Person) error {
	u, added, err := im.into.Person(ctx, chat.ImportedPerson{ForeignID: p.ID, Login: p.Login, Name: p.Name, Email: p.Email, Gone: p.Gone})
	if err != nil {
		return fmt.Errorf("transfer: person %q: %w", p.ID, err)
	}
	im.people[p.ID] = u.ID
	if added {
		im.counts.People++
	}
	return nil
}

// who is somebody here. Whoever wrote without being in the list of people, as programs do, becomes somebody who is gone.
func (im *importer) who(ctx context.Context, id string) (string, error) {
	if here := im.people[id]; here != "" {
		return here, nil
	}
	err := im.person(ctx, Person{ID: id, Login: id, Name: id, Gone: true})
	return im.people[id], err
}

func (im *importer) room(ctx context.Context, r Room) error {
	in := chat.ImportedRoom{ForeignID: r.ID, Name: r.Name, Topic: r.Topic, Description: r.Description, Kind: chat.RoomKind(r.Kind), Archived: r.Archived}
	for _, id := range r.Members {
		here, err := im.who(ctx, id)
		if err != nil {
			return err
		}
		in.Members = append(in.Members, here)
	}
	id, added, err := im.into.Room(ctx, in)
	if err != nil {
		return fmt.Errorf("transfer: room %q: %w", r.ID, err)
	}
	im.rooms[r.ID] = id
	if r.Archived {
		im.archived = append(im.archived, id)
	}
	if added {
		im.counts.Rooms++
	}
	return nil
}

func (im *importer) message(ctx context.Context, m Message) error {
	room, ok := im.rooms[m.RoomID]
	if !ok {
		im.source.Skipped()["of an unknown room"]++
		return nil
	}
	sender, err := im.who(ctx, m.PersonID)
	if err != nil {
		return err
	}
	target := place{room: room}
	if m.ThreadOf != "" {
		if target.room, err = im.thread(ctx, room, m.RoomID+"\n"+m.ThreadOf, sender); err != nil {
			return err
		}
	}
	if target != im.target || len(im.pending) == importBatch {
		if err := im.flush(ctx); err != nil {
			return err
		}
		im.target = target
	}
	in, err := im.imported(ctx, m, sender)
	if err != nil {
		return err
	}
	im.pending = append(im.pending, in)
	im.keys = append(im.keys, m.RoomID+"\n"+m.ID)
	return nil
}

// thread is the thread of a message here. Of a message that is not in the archive there is none: what answers it stands in the room.
func (im *importer) thread(ctx context.Context, room, root, sender string) (string, error) {
	at, ok := im.messages[root]
	if !ok { // it may be pending
		if err := im.flush(ctx); err != nil {
			return "", err
		}
		at, ok = im.messages[root]
	}
	if !ok || at.room != room {
		return room, nil
	}
	if id := im.threads[at.id+"\n"+sender]; id != "" {
		return id, nil
	}
	id, made, err := im.into.Thread(ctx, room, at.id, sender)
	if err != nil {
		return "", fmt.Errorf("transfer: thread: %w", err)
	}
	im.threads[at.id+"\n"+sender] = id
	if made {
		im.counts.Threads++
	}
	return id, nil
}

func (im *importer) imported(ctx context.Context, m Message, sender string) (chat.ImportedMessage, error) {
	in := chat.ImportedMessage{ForeignID: m.RoomID + "\n" + m.ID, SenderID: sender, Text: m.Text, At: m.At, EditedAt: m.EditedAt}
	if at, ok := im.messages[m.RoomID+"\n"+m.ReplyTo]; ok && at.room == im.target.room {
		in.ReplyTo = at.id
	}
	for _, r := range m.Reactions {
		out := chat.Reaction{Emoji: character(r.Emoji)}
		for _, id := range r.People {
			here, err := im.who(ctx, id)
			if err != nil {
				return in, err
			}
			out.UserIDs = append(out.UserIDs, here)
		}
		in.Reactions = append(in.Reactions, out)
	}
	for _, f := range m.Files {
		kept := chat.KeptFile{Name: f.Name, MediaType: f.MediaType, Size: f.Size, Address: f.URL}
		if f.Path != "" {
			var err error
			if kept.Stored, kept.Size, err = im.keep(f); err != nil {
				return in, err
			}
		}
		if kept.Stored == "" {
			im.source.Skipped()["bytes of a file"]++
		}
		in.Files = append(in.Files, kept)
		in.Text = strings.TrimSpace(in.Text + "\n📎 " + f.Name)
	}
	return in, nil
}

// character is the emoji that a name stands for, or the name, when it is another system's own.
func character(name string) string {
	if c, ok := emoji.CodeMap()[name]; ok {
		return strings.TrimSpace(c)
	}
	return name
}

// keep stores a file under the hash of its bytes: what an archive calls it is no name of a file here.
func (im *importer) keep(f File) (stored string, size int64, err error) {
	in, err := im.source.Open(f)
	if err != nil { // the archive names it and has it not
		return "", f.Size, nil
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.CreateTemp(im.o.FilesDir, ".part-*")
	if err != nil {
		return "", 0, fmt.Errorf("transfer: %w", err)
	}
	defer func() { _ = os.Remove(out.Name()) }() // it has another name by then, if all went well
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(out, hash), in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return "", 0, fmt.Errorf("transfer: file %q: %w", f.Name, err)
	}
	stored = hex.EncodeToString(hash.Sum(nil))
	if err := os.Rename(out.Name(), filepath.Join(im.o.FilesDir, stored)); err != nil {
		return "", 0, fmt.Errorf("transfer: %w", err)
	}
	return stored, size, nil
}

func (im *importer) flush(ctx context.Context) error {
	if len(im.pending) == 0 {
		return nil
	}
	done, err := im.into.Messages(ctx, im.target.room, im.pending)
	if err != nil {
		return fmt.Errorf("transfer: messages: %w", err)
	}
	for i, d := range done {
		im.messages[im.keys[i]] = place{im.target.room, d.ID}
		if !d.New {
			im.counts.Known++
			continue
		}
		im.counts.Messages++
		im.counts.Files += len(im.pending[i].Files)
		for _, r := range im.pending[i].Reactions {
			im.counts.Reactions += len(r.UserIDs)
		}
	}
	im.pending, im.keys = im.pending[:0], im.keys[:0]
	if im.o.Progress != nil {
		im.o.Progress(im.counts)
	}
	return nil
}
