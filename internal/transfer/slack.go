package transfer

import (
	"cmp"
	"context"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slack is an export of a Slack workspace: users.json, lists of conversations, and a folder of days for each.
type slack struct {
	files   *files
	logins  map[string]string // by id, for mentions
	rooms   map[string]string // names by id, for links to channels
	folders []slackFolder
	skipped map[string]int
}

// slackFolder is where the messages of a conversation are.
type slackFolder struct{ room, path string }

type slackUser struct {
	ID, Name string
	Deleted  bool
	RealName string `json:"real_name"`
	Profile  struct {
		RealName    string `json:"real_name"`
		DisplayName string `json:"display_name"`
		Email       string
	}
}

type slackRoom struct {
	ID, Name, Creator string
	IsArchived        bool `json:"is_archived"`
	Members           []string
	Topic, Purpose    struct{ Value string }
}

type slackMessage struct {
	Type, Subtype, User, Text string
	BotID                     string `json:"bot_id"`
	TS                        string
	ThreadTS                  string `json:"thread_ts"`
	Edited                    *struct{ TS string }
	Reactions                 []struct {
		Name  string
		Users []string
	}
	Files []struct {
		ID, Name, Mimetype string
		Size               int64
		URL                string `json:"url_private"`
	}
}

// OpenSlack opens a Slack export, a ZIP file or a folder.
func OpenSlack(name string) (Source, error) {
	f, err := openFiles(name)
	if err != nil {
		return nil, err
	}
	return &slack{files: f, logins: map[string]string{}, rooms: map[string]string{}, skipped: map[string]int{}}, nil
}

func (s *slack) Name() string { return "slack" }

func (s *slack) People(_ context.Context, each func(Person) error) error {
	return list(s.files, "users.json", func(u slackUser) error {
		s.logins[u.ID] = u.Name
		return each(Person{
			ID: u.ID, Login: u.Name, Name: cmp.Or(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name), Email: u.Profile.Email, Gone: u.Deleted,
		})
	})
}

func (s *slack) Rooms(_ context.Context, each func(Room) error) error {
	for _, l := range []struct {
		name string
		kind RoomKind
	}{{"channels.json", Public}, {"groups.json", Private}, {"mpims.json", Direct}, {"dms.json", Direct}} {
		if !s.files.has(l.name) {
			continue
		}
		err := list(s.files, l.name, func(r slackRoom) error {
			s.rooms[r.ID] = r.Name
			s.folders = append(s.folders, slackFolder{r.ID, cmp.Or(r.Name, r.ID)})
			members := slices.DeleteFunc(slices.Clone(r.Members), func(id string) bool { return id == r.Creator })
			if r.Creator != "" {
				members = append([]string{r.Creator}, members...)
			}
			return each(Room{
				ID: r.ID, Kind: l.kind, Name: r.Name, Topic: html.UnescapeString(r.Topic.Value), Description: html.UnescapeString(r.Purpose.Value),
				Archived: r.IsArchived, Members: members,
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *slack) Messages(ctx context.Context, each func(Message) error) error {
	days := map[string][]string{} // by folder
	for _, name := range s.files.names {
		if path.Ext(name) == ".json" {
			days[path.Dir(name)] = append(days[path.Dir(name)], name)
		}
	}
	for _, f := range s.folders {
		slices.Sort(days[f.path]) // 2026-01-31.json
		for _, day := range days[f.path] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.day(f.room, day, each); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *slack) day(room, name string, each func(Message) error) error {
	var messages []Message
	err := list(s.files, name, func(m slackMessage) error {
		if out, ok := s.message(room, m); ok {
			messages = append(messages, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(messages, func(a, b Message) int { return a.At.Compare(b.At) })
	for _, m := range messages {
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

// message understands one message; notices of the system are left away.
func (s *slack) message(room string, m slackMessage) (Message, bool) {
	at, ok := slackTime(m.TS)
	author := cmp.Or(m.User, m.BotID)
	switch {
	case m.Type != "message" || !ok || author == "":
		s.skipped["malformed"]++
		return Message{}, false
	case m.Subtype != "" && m.Subtype != "bot_message" && m.Subtype != "me_message" && m.Subtype != "thread_broadcast" && m.Subtype != "file_share":
		s.skipped[m.Subtype]++
		return Message{}, false
	}
	out := Message{ID: m.TS, RoomID: room, PersonID: author, At: at, Text: s.markdown(m.Text)}
	if m.Subtype == "me_message" {
		out.Text = "_" + out.Text + "_"
	}
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		out.ThreadOf = m.ThreadTS
	}
	if m.Edited != nil {
		out.EditedAt, _ = slackTime(m.Edited.TS) // without a time it counts as never edited
	}
	for _, r := range m.Reactions {
		out.Reactions = append(out.Reactions, Reaction{Emoji: slackEmoji(r.Name), People: r.Users})
	}
	for _, f := range m.Files {
		out.Files = append(out.Files, File{Name: f.Name, MediaType: f.Mimetype, Size: f.Size, URL: f.URL, Path: s.path(f.ID, f.Name)})
	}
	return out, true
}

// path is where tools that complete exports put a file, if it is there.
func (s *slack) path(id, name string) string {
	for _, p := range []string{"__uploads/" + id + "/" + name, "attachments/" + id + "-" + name} {
		if s.files.has(p) {
			return p
		}
	}
	return ""
}

// slackTime reads seconds with a fraction that makes them unique.
func slackTime(ts string) (time.Time, bool) {
	seconds, fraction, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, false
	}
	micro, _ := strconv.ParseInt((fraction + "000000")[:6], 10, 64) // what is no fraction counts as none
	return time.Unix(n, micro*1000).UTC(), true
}

func slackEmoji(name string) string {
	name, _, _ = strings.Cut(name, "::") // the colour of the skin
	return ":" + name + ":"
}

var (
	slackToken = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`|<[^<>]*>|\\*[^*\n]+\\*|~[^~\n]+~")
	slackTone  = regexp.MustCompile(`(:[a-z0-9_+-]+:):skin-tone-[2-6]:`)
)

// markdown turns Slack's markup into Markdown. What Slack has escaped is text again.
func (s *slack) markdown(text string) string {
	var b strings.Builder
	done := 0
	for _, at := range slackToken.FindAllStringIndex(text, -1) {
		b.WriteString(html.UnescapeString(text[done:at[0]]))
		b.WriteString(s.token(text[at[0]:at[1]]))
		done = at[1]
	}
	b.WriteString(html.UnescapeString(text[done:]))
	return slackTone.ReplaceAllString(b.String(), "$1")
}

func (s *slack) token(t string) string {
	inside := t[1 : len(t)-1]
	switch t[0] {
	case '`':
		return html.UnescapeString(t)
	case '*':
		return "**" + s.markdown(inside) + "**"
	case '~':
		return "~~" + s.markdown(inside) + "~~"
	}
	target, label, labelled := strings.Cut(inside, "|")
	label = html.UnescapeString(label)
	switch {
	case strings.HasPrefix(target, "@"):
		return "@" + cmp.Or(s.logins[target[1:]], label, target[1:])
	case strings.HasPrefix(target, "#"):
		return "#" + cmp.Or(label, s.rooms[target[1:]], target[1:])
	case strings.HasPrefix(target, "!"):
		name, _, _ := strings.Cut(target[1:], "^")
		switch name {
		case "here":
			return "@here"
		case "channel", "everyone":
			return "@all"
		}
		return cmp.Or(label, "@"+name)
	}
	target = html.UnescapeString(target)
	if !labelled || label == target {
		return target
	}
	return "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(label) + "](" + target + ")"
}

func (s *slack) Open(f File) (io.ReadCloser, error) { return s.files.open(f.Path, maxFile) }

func (s *slack) Skipped() map[string]int { return s.skipped }

func (s *slack) Close() error { return s.files.closer.Close() }
