package chat

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/db"
)

// The bounds of a search.
const (
	maxQueryChars = 500
	maxTerms      = 16
	SearchPage    = 20
	// maxRoomTokens is with how many rooms a query names the reader's rooms to the index; past it, and for somebody who may read
	// most of what there is, the index finds more than they may read, and the rest is left out afterwards: to merge the rooms'
	// lists would take longer.
	maxRoomTokens = 64
	mostOf        = 5 // more than a fifth of all messages
)

// SearchQuery asks for messages.
type SearchQuery struct {
	// Text is words, which must all be there, "phrases", and from:NAME in:ROOM before:DATE after:DATE has:link mentions:me.
	Text   string
	RoomID string // only in this room, when given
	Cursor string // of the page before, empty for the newest
}

// Hit is a message that was found.
type Hit struct {
	Message  Message
	RoomName string
	RoomKind RoomKind
	ParentID string // of a message in a thread: the room that the thread is in, whose name and kind are above
	RootID   string // of a message in a thread: the message that the thread is about
}

// SearchResult is a page of hits, the newest first.
type SearchResult struct {
	Hits   []Hit
	Cursor string // of the next page, empty when there is none
}

// parsedQuery is a query, understood.
type parsedQuery struct {
	terms         [][]string // phrases, all of which must be there
	from, in      []string
	after, before time.Time
	link, me      bool
}

// parseQuery understands what somebody typed.
func parseQuery(text string) (q parsedQuery, err error) {
	if utf8.RuneCountInString(text) > maxQueryChars || !utf8.ValidString(text) {
		return q, errorf(TooLarge, fmt.Sprintf("The search is too long (max %d characters)", maxQueryChars))
	}
	for _, part := range queryParts(text) {
		key, value, isFilter := strings.Cut(part, ":")
		if !isFilter || value == "" {
			key = ""
		}
		switch strings.ToLower(key) {
		case "from":
			q.from = append(q.from, strings.TrimPrefix(value, "@"))
		case "in":
			q.in = append(q.in, strings.TrimPrefix(value, "#"))
		case "before":
			q.before, err = parseDay(value)
		case "after":
			if q.after, err = parseDay(value); err == nil {
				q.after = q.after.AddDate(0, 0, 1)
			}
		case "has":
			if q.link = strings.EqualFold(value, "link"); !q.link {
				err = errorf(Invalid, "has: knows only link")
			}
		case "mentions":
			if q.me = strings.EqualFold(value, "me"); !q.me {
				err = errorf(Invalid, "mentions: knows only me")
			}
		default:
			if phrase := phraseOf(part); len(phrase) > 0 {
				q.terms = append(q.terms, phrase)
			}
		}
		if err != nil {
			return q, err
		}
	}
	if len(q.terms) > maxTerms {
		return q, errorf(TooLarge, fmt.Sprintf("The search has too many words (max %d)", maxTerms))
	}
	if len(q.terms) == 0 && len(q.from) == 0 && len(q.in) == 0 && !q.link && !q.me && q.after.IsZero() && q.before.IsZero() {
		return q, errorf(Invalid, "There is nothing to search for")
	}
	return q, nil
}

// queryParts cuts a query at spaces outside of quotes, and drops the quotes.
func queryParts(text string) (parts []string) {
	var part strings.Builder
	quoted := false
	for _, r := range text + " " {
		switch {
		case r == '"' || r == '“' || r == '”':
			quoted = !quoted
		case !quoted && (r == ' ' || r == '\t' || r == '\n' || r == '\u3000'):
			if part.Len() > 0 {
				parts = append(parts, part.String())
				part.Reset()
			}
		default:
			part.WriteRune(r)
		}
	}
	if part.Len() > 0 { // a quote that does not end
		parts = append(parts, part.String())
	}
	return parts
}

func parseDay(text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, errorf(Invalid, "A date is written like 2026-01-31")
	}
	return day, nil
}

// Search finds messages among those that the actor may read.
func (c *Chat) Search(ctx context.Context, a Actor, q SearchQuery) (SearchResult, error) {
	parsed, err := parseQuery(q.Text)
	if err != nil {
		return SearchResult{}, err
	}
	where, err := c.searchableRooms(ctx, a, parsed.in, q.RoomID)
	if err != nil {
		return SearchResult{}, unreadable(err)
	}
	groups, err := c.searchGroups(ctx, a, parsed, where)
	if err != nil {
		return SearchResult{}, unreadable(err)
	}
	cursor := int64(0)
	if q.Cursor != "" {
		if cursor, err = openCursor(c.cursors, a.UserID, q.Cursor); err != nil {
			return SearchResult{}, err
		}
	}
	out, err := c.find(ctx, a, parsed, groups, where, cursor)
	if err != nil {
		return SearchResult{}, unreadable(err)
	}
	return out, nil
}

// searchableRooms are the actor's rooms, or those of them that a query names.
func (c *Chat) searchableRooms(ctx context.Context, a Actor, names []string, id string) (scope, error) {
	rows, err := c.db.Query(ctx, strings.Replace(selectRooms, " FROM rooms r ", ", m.from_seq FROM rooms r ", 1)+
		`JOIN memberships m ON m.room_id = r.id AND m.left_seq IS NULL AND m.user_id = $1`, a.UserID)
	all, err := db.Scan(rows, err, func(rows *sql.Rows, r *myRoom) error { return scanRoom(rows, &r.Room, &r.from) })
	if err != nil {
		return scope{}, err
	}
	where := scope{rooms: map[string]myRoom{}}
	for _, r := range all {
		wanted := id == "" || r.ID == id
		for _, name := range names {
			wanted = wanted && (r.ID == name || strings.EqualFold(r.Name, name))
		}
		if wanted {
			where.rooms[r.ID] = r
		}
	}
	return where, c.narrow(ctx, a, &where, id)
}

// scope is where a search looks.
type scope struct {
	rooms map[string]myRoom
	only  string // the one log that is looked through, when it is one: a room without threads, or a thread
}

// narrow finds out whether one log is all that is searched.
func (c *Chat) narrow(ctx context.Context, a Actor, where *scope, id string) error {
	if len(where.rooms) == 0 && id != "" {
		t, err := c.thread(ctx, a, id)
		if err != nil {
			return err
		}
		parent, err := findRoom(ctx, c.db, t.ParentID)
		parent.ID, parent.ParentID, parent.RootID, parent.LastSeq = t.ID, t.ParentID, t.RootID, t.LastSeq
		where.rooms[id], where.only = myRoom{Room: parent}, id
		return err
	}
	if len(where.rooms) == 0 {
		return errNoRoom()
	}
	if len(where.rooms) > 1 {
		return nil
	}
	for only := range where.rooms {
		var one int
		err := c.db.QueryRow(ctx, `SELECT 1 FROM rooms WHERE parent_id = $1 LIMIT 1`, only).Scan(&one)
		if !db.IsNotFound(err) {
			return err
		}
		where.only = only
	}
	return nil
}

// searchGroups are what the index is asked for: see [db.Dialect.Match].
func (c *Chat) searchGroups(ctx context.Context, a Actor, q parsedQuery, where scope) ([][][]string, error) {
	var groups [][][]string
	for _, phrase := range q.terms {
		groups = append(groups, [][]string{phrase})
	}
	for _, name := range q.from {
		rows, err := c.db.Query(ctx, `SELECT id FROM users WHERE id = $1 OR login = $2 OR lower(name) = $2 LIMIT 50`, name, strings.ToLower(name))
		ids, err := db.Scan(rows, err, scanString)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, errorf(NotFound, "No such person")
		}
		var senders [][]string
		for _, id := range ids {
			senders = append(senders, []string{senderToken(id)})
		}
		groups = append(groups, senders)
	}
	if q.link {
		groups = append(groups, [][]string{{linkToken}})
	}
	if q.me {
		groups = append(groups, [][]string{{mentionToken(a.UserID)}, {mentionToken("all")}})
	}
	few, err := c.fewOfAll(ctx, where.rooms)
	if err != nil {
		return nil, err
	}
	if n := len(where.rooms); len(groups) == 0 || n == 1 && where.only == "" || n <= maxRoomTokens && few {
		var in [][]string
		for id := range where.rooms {
			in = append(in, []string{roomToken(id)})
		}
		groups = append(groups, in)
	}
	return groups, nil
}

// fewOfAll reports whether the rooms have few of all messages.
func (c *Chat) fewOfAll(ctx context.Context, rooms map[string]myRoom) (bool, error) {
	var all, theirs int64
	for _, r := range rooms {
		theirs += r.LastSeq
	}
	err := c.db.QueryRow(ctx, `SELECT value FROM counters WHERE name = 'search'`).Scan(&all)
	return theirs*mostOf < all, err
}

// found is where a hit is.
type found struct {
	doc  int64
	room string
	seq  int64
}

// find reads pages of places until it has a page of hits: what was found may have been deleted since.
func (c *Chat) find(ctx context.Context, a Actor, q parsedQuery, groups [][][]string, where scope, cursor int64) (SearchResult, error) {
	out := SearchResult{Hits: []Hit{}}
	if cursor <= 0 {
		if err := c.db.QueryRow(ctx, `SELECT value + 1 FROM counters WHERE name = 'search'`).Scan(&cursor); err != nil {
			return out, err
		}
	}
	for {
		places, err := c.findPlaces(ctx, a, q, groups, where.only, cursor)
		if err != nil {
			return out, err
		}
		hits, err := c.hits(ctx, a, where.rooms, places)
		if err != nil {
			return out, err
		}
		for _, p := range places {
			if len(out.Hits) == SearchPage {
				out.Cursor = sealCursor(c.cursors, a.UserID, cursor) // p is the first of the next page
				return out, nil
			}
			cursor = p.doc
			if hit, ok := hits[p]; ok {
				out.Hits = append(out.Hits, hit)
			}
		}
		if len(places) <= SearchPage {
			return out, nil
		}
	}
}

// findPlaces asks the index, by each way that it has until one finds enough.
func (c *Chat) findPlaces(ctx context.Context, a Actor, q parsedQuery, groups [][][]string, only string, cursor int64) (places []found, err error) {
	from, to := int64(-1), int64(1<<62)
	if !q.after.IsZero() {
		from = micros(q.after) - 1
	}
	if !q.before.IsZero() {
		to = micros(q.before)
	}
	index := c.db.Dialect.Search()
	ways, args := index.Find, []any{c.db.Dialect.Match(groups), cursor, SearchPage + 1, a.UserID, from, to}
	if only != "" {
		ways, args = index.FindIn, append(args, only)
	}
	for i, text := range ways {
		places = places[:0]
		err := c.db.Find(ctx, index.Settings[i], text, args, func(rows *sql.Rows) error {
			var f found
			err := rows.Scan(&f.doc, &f.room, &f.seq)
			places = append(places, f)
			return err
		})
		if err != nil || len(places) > SearchPage {
			return places, err
		}
	}
	return places, nil
}

// hits reads the messages that were found, those that the actor may read, as the log has them now.
func (c *Chat) hits(ctx context.Context, a Actor, rooms map[string]myRoom, places []found) (map[found]Hit, error) {
	out := map[found]Hit{}
	at := map[memberKey]found{}
	err := eachChunk(len(places), func(from, n, size int) error {
		args := make([]any, 0, 1+2*size)
		args = append(args, a.UserID)
		for i := range size {
			p := places[from+min(i, n-1)]
			at[memberKey{p.room, fmt.Sprint(p.seq)}] = p
			args = append(args, p.room, p.seq)
		}
		entries, err := queryEntries(ctx, c.db, selectEntries+`JOIN rooms o ON o.id = l.room_id
			JOIN memberships m ON m.room_id = COALESCE(o.parent_id, o.id) AND m.user_id = $1
			AND m.left_seq IS NULL AND COALESCE(o.root_seq, l.seq) > m.from_seq WHERE l.kind = 'message' AND l.deleted_at IS NULL AND (l.room_id, l.seq) IN (`+pairs(size)+`)`, args...)
		if err != nil {
			return err
		}
		for i := range entries {
			m := entries[i].Message
			r, err := c.roomOfHit(ctx, rooms, m.RoomID)
			if err != nil {
				return err
			}
			if r.ID == "" {
				continue
			}
			out[at[memberKey{m.RoomID, fmt.Sprint(m.Seq)}]] = Hit{
				Message: *entries[i].Redacted(r.from).Message, RoomName: r.Name, RoomKind: r.Kind, ParentID: r.ParentID, RootID: r.RootID,
			}
		}
		return nil
	})
	return out, err
}

// roomOfHit is the room of the reader that a hit is in, itself or in one of its threads; none when it is elsewhere.
func (c *Chat) roomOfHit(ctx context.Context, rooms map[string]myRoom, id string) (myRoom, error) {
	if r, ok := rooms[id]; ok {
		return r, nil
	}
	t, err := findRoom(ctx, c.db, id)
	if err != nil {
		return myRoom{}, err
	}
	r, ok := rooms[t.ParentID]
	if ok {
		r.ParentID, r.RootID, r.from = t.ParentID, t.RootID, 0
	}
	rooms[id] = r // it is asked for once
	return r, nil
}

// pairs is the text "VALUES ($2, $3), ($4, $5)" of so many places, whose seqs are numbers.
func pairs(n int) string {
	var b strings.Builder
	b.WriteString("VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "($%d, CAST($%d AS BIGINT))", 2*i+2, 2*i+3)
	}
	return b.String()
}

// myRoom is a room of the reader and where they may read from.
type myRoom struct {
	Room
	from int64
}
