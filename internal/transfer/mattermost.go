package transfer

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// maxLine bounds a line of a Mattermost export: a post with all its answers.
const maxLine = 64 << 20

// mattermost is a bulk export of Mattermost: one JSON object a line, in a ZIP file with the attachments, or in a folder.
type mattermost struct {
	files   *files
	lines   string // name of the file with the lines
	data    string // folder of the attachments
	skipped map[string]int
}

type mattermostLine struct {
	Type          string
	Channel       *mattermostChannel
	User          *mattermostUser
	Post          *mattermostPost
	DirectChannel *struct {
		Members      []string
		Participants []struct{ Username string }
		Header       string
	} `json:"direct_channel"`
	DirectPost *mattermostPost `json:"direct_post"`
}

type mattermostChannel struct {
	Team, Name, Type, Header, Purpose string
	DisplayName                       string `json:"display_name"`
	DeletedAt                         int64  `json:"deleted_at"`
}

type mattermostUser struct {
	Username, Email, Nickname string
	FirstName                 string `json:"first_name"`
	LastName                  string `json:"last_name"`
	DeleteAt                  int64  `json:"delete_at"`
	Teams                     []struct {
		Name     string
		Channels []struct{ Name string }
	}
}

type mattermostPost struct {
	Team, Channel, User, Message, Type string
	ChannelMembers                     []string `json:"channel_members"`
	CreateAt                           int64    `json:"create_at"` // milliseconds
	EditAt                             int64    `json:"edit_at"`
	Reactions                          []struct {
		User      string
		EmojiName string `json:"emoji_name"`
	}
	Attachments []struct{ Path string }
	Replies     []mattermostPost
}

// OpenMattermost opens a bulk export of Mattermost.
func OpenMattermost(name string) (Source, error) {
	f, err := openFiles(name)
	if err != nil {
		return nil, err
	}
	for _, n := range f.names {
		if strings.HasSuffix(n, ".jsonl") {
			return &mattermost{files: f, lines: n, data: path.Join(path.Dir(n), "data"), skipped: map[string]int{}}, nil
		}
	}
	return nil, errors.Join(errors.New("transfer: the archive has no .jsonl file"), f.closer.Close())
}

func (m *mattermost) Name() string { return "mattermost" }

// each reads the lines of one type.
func (m *mattermost) each(ctx context.Context, types string, do func(*mattermostLine) error) error {
	r, err := m.files.open(m.lines, 1<<50)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for number := 1; s.Scan(); number++ {
		var kind struct{ Type string }
		if err := json.Unmarshal(s.Bytes(), &kind); err != nil {
			return fmt.Errorf("transfer: line %d of %q: %w", number, m.lines, err)
		}
		if !strings.Contains(types, kind.Type+",") {
			continue
		}
		var line mattermostLine
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			return fmt.Errorf("transfer: line %d of %q: %w", number, m.lines, err)
		}
		if err := do(&line); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.Err()
}

func (m *mattermost) People(ctx context.Context, each func(Person) error) error {
	return m.each(ctx, "user,", func(l *mattermostLine) error {
		u := l.User
		if u == nil || u.Username == "" {
			m.skipped["malformed"]++
			return nil
		}
		name := cmp.Or(u.Nickname, strings.TrimSpace(u.FirstName+" "+u.LastName), u.Username)
		return each(Person{ID: u.Username, Login: u.Username, Name: name, Email: u.Email, Gone: u.DeleteAt > 0})
	})
}

func (m *mattermost) Rooms(ctx context.Context, each func(Room) error) error {
	members := map[string][]string{}
	err := m.each(ctx, "user,", func(l *mattermostLine) error {
		if l.User == nil {
			return nil
		}
		for _, t := range l.User.Teams {
			for _, c := range t.Channels {
				members[t.Name+"/"+c.Name] = append(members[t.Name+"/"+c.Name], l.User.Username)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.each(ctx, "channel,direct_channel,", func(l *mattermostLine) error {
		switch {
		case l.Channel != nil && l.Channel.Name != "":
			c := l.Channel
			id, kind := c.Team+"/"+c.Name, Public
			if c.Type == "P" {
				kind = Private
			}
			return each(Room{
				ID: id, Kind: kind, Name: cmp.Or(c.DisplayName, c.Name), Topic: c.Header, Description: c.Purpose, Archived: c.DeletedAt > 0, Members: members[id],
			})
		case l.DirectChannel != nil:
			people := slices.Clone(l.DirectChannel.Members)
			for _, p := range l.DirectChannel.Participants {
				if !slices.Contains(people, p.Username) {
					people = append(people, p.Username)
				}
			}
			return each(Room{ID: directID(people), Kind: Direct, Topic: l.DirectChannel.Header, Members: people})
		}
		m.skipped["malformed"]++
		return nil
	})
}

// directID is the id of a conversation, which has no name there.
func directID(members []string) string {
	sorted := slices.Clone(members)
	slices.Sort(sorted)
	return "@" + strings.Join(slices.Compact(sorted), ",")
}

func (m *mattermost) Messages(ctx context.Context, each func(Message) error) error {
	return m.each(ctx, "post,direct_post,", func(l *mattermostLine) error {
		var room string
		post := l.Post
		switch {
		case post != nil:
			room = post.Team + "/" + post.Channel
		case l.DirectPost != nil:
			post = l.DirectPost
			room = directID(post.ChannelMembers)
		default:
			m.skipped["malformed"]++
			return nil
		}
		root, ok := m.message(room, "", post)
		if !ok {
			return nil
		}
		if err := each(root); err != nil {
			return err
		}
		for i := range post.Replies {
			if reply, ok := m.message(room, root.ID, &post.Replies[i]); ok {
				if err := each(reply); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (m *mattermost) message(room, thread string, p *mattermostPost) (Message, bool) {
	if strings.HasPrefix(p.Type, "system_") {
		m.skipped["system"]++
		return Message{}, false
	}
	if p.User == "" || p.CreateAt <= 0 {
		m.skipped["malformed"]++
		return Message{}, false
	}
	// A post has no id of its own in an export: what makes it that post is one.
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d\n%s", room, thread, p.User, p.CreateAt, p.Message))
	out := Message{
		ID: hex.EncodeToString(sum[:16]), RoomID: room, PersonID: p.User, At: time.UnixMilli(p.CreateAt).UTC(), Text: p.Message, ThreadOf: thread,
	}
	if p.EditAt > 0 {
		out.EditedAt = time.UnixMilli(p.EditAt).UTC()
	}
	byEmoji := map[string]int{}
	for _, r := range p.Reactions {
		emoji := ":" + r.EmojiName + ":"
		i, known := byEmoji[emoji]
		if !known {
			i = len(out.Reactions)
			byEmoji[emoji] = i
			out.Reactions = append(out.Reactions, Reaction{Emoji: emoji})
		}
		out.Reactions[i].People = append(out.Reactions[i].People, r.User)
	}
	for _, a := range p.Attachments {
		out.Files = append(out.Files, File{Name: path.Base(a.Path), Path: path.Join(m.data, path.Clean("/"+a.Path))})
	}
	return out, true
}

func (m *mattermost) Open(f File) (io.ReadCloser, error) { return m.files.open(f.Path, maxFile) }

func (m *mattermost) Skipped() map[string]int { return m.skipped }

func (m *mattermost) Close() error { return m.files.closer.Close() }
