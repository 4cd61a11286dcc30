package transfer

import (
	"context"
	"io"
	"time"
)

// Source is an archive of another system. Ids are the other system's.
type Source interface {
	// Name is the system, which ids are unique in: slack, mattermost, discord.
	Name() string
	People(context.Context, func(Person) error) error
	Rooms(context.Context, func(Room) error) error
	// Messages gives the messages of all rooms, those of one room in the order of their time, those of threads after what they answer.
	Messages(context.Context, func(Message) error) error
	// Open opens a file of the archive that a message names.
	Open(File) (io.ReadCloser, error)
	// Skipped is what the archive has that was not understood, by kind.
	Skipped() map[string]int
	Close() error
}

// Person is somebody in an archive.
type Person struct {
	ID    string
	Login string // as there; it may be taken here, or be no name of an account
	Name  string // as shown
	Email string
	Gone  bool // deactivated there
}

// RoomKind is who a room is for.
type RoomKind string

// The kinds of rooms.
const (
	Public  RoomKind = "public"
	Private RoomKind = "private"
	Direct  RoomKind = "direct" // between its members, two or more
)

// Room is a room of an archive.
type Room struct {
	ID          string
	Kind        RoomKind
	Name        string
	Topic       string
	Description string
	Archived    bool
	Members     []string // ids of people; the first one is who made it, if that is known
}

// Message is a message of an archive.
type Message struct {
	ID        string // unique in its room
	RoomID    string
	PersonID  string
	At        time.Time
	EditedAt  time.Time // zero: never
	Text      string    // as Markdown
	ThreadOf  string    // id of the message whose thread it stands in, or empty
	ReplyTo   string    // id of the message that it answers, or empty
	Reactions []Reaction
	Files     []File
}

// Reaction is an emoji under a message.
type Reaction struct {
	Emoji  string
	People []string // ids
}

// File is a file that came with a message. Its bytes are in the archive, or only at an address.
type File struct {
	Name      string
	MediaType string
	Size      int64
	Path      string // in the archive, or empty
	URL       string
}
