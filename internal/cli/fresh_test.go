package cli

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/chat"
	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/live"
)

type (
	object  = map[string]any
	objects = map[string]object
)

// held is what a client has copies of, as PROTOCOL.md says how they are kept. The lobby is left out: it is nobody's in particular.
type held struct {
	Rooms    objects // those one is in, and followed threads
	Messages objects
	Members  objects // by room and person
	Cursors  objects // by room and person
	Own      objects // by kind and key
	People   objects
	Emoji    objects
}

func nothingHeld() *held {
	return &held{objects{}, objects{}, objects{}, objects{}, objects{}, objects{}, objects{}}
}

// mirror is a client that keeps its copies by what it hears.
type mirror struct {
	*person

	held
	matrix *matrix
	heard  int // events that are in the copies
}

// described are the fields of a room that its entries tell.
var described = []string{
	"roomId", "kind", "name", "topic", "description", "history", "createdBy", "createdAt", "archivedAt", "previews", "parentId", "rootId",
}

// read asks for everything, besides rooms of earlier events.
func (m *matrix) read(p *person) *held {
	h := nothingHeld()
	for _, r := range p.must("room-list", reply{})["rooms"].([]any) {
		m.readRoom(p, h, r.(object))
	}
	for page := (reply{}); ; {
		r := p.must("thread-list", page)
		for _, t := range r["threads"].([]any) {
			m.readRoom(p, h, t.(object)["room"].(object))
		}
		if page["cursor"] = r["cursor"]; r["cursor"] == nil {
			break
		}
	}
	for _, i := range p.must("personal-sync", reply{"version": 0})["items"].([]any) {
		h.keep(i.(object))
	}
	for version := any(0.0); ; {
		r := p.must("people-sync", reply{"version": version})
		for _, someone := range r["people"].([]any) {
			h.meet(someone.(object))
		}
		if version = r["version"]; len(r["people"].([]any)) == 0 {
			break
		}
	}
	for _, e := range p.must("emoji-list", reply{})["emoji"].([]any) {
		h.emoji(e.(object))
	}
	return h
}

func (m *matrix) readRoom(p *person, h *held, room object) {
	id := room["roomId"].(string)
	if id == chat.Lobby || m.passed[id] {
		return
	}
	h.describe(room)
	for _, said := range p.must("room-history", reply{"roomId": id, "limit": 300})["messages"].([]any) {
		h.Messages[said.(object)["id"].(string)] = said.(object)
	}
	for _, member := range p.must("member-list", reply{"roomId": id})["members"].([]any) {
		if room["parentId"] == nil { // of a thread they are its followers, who are told of to themselves
			h.Members[id+" "+member.(object)["userId"].(string)] = member.(object)
		}
	}
	for _, c := range p.must("room-receipts", reply{"roomId": id})["receipts"].([]any) {
		h.cursor(id, c.(object))
	}
}

func (h *held) describe(room object) {
	out := object{}
	for _, field := range described {
		if v, ok := room[field]; ok {
			out[field] = v
		}
	}
	h.Rooms[room["roomId"].(string)] = out
}

func (h *held) keep(p object) {
	key := p["kind"].(string) + " " + p["key"].(string)
	if h.Own[key] = p; p["gone"] == true {
		delete(h.Own, key)
	}
}

func (h *held) meet(someone object) {
	out := maps.Clone(someone)
	delete(out, "version")
	h.People[someone["userId"].(string)] = out
}

func (h *held) emoji(e object) {
	if h.Emoji[e["name"].(string)] = e; e["picture"] == nil {
		delete(h.Emoji, e["name"].(string))
	}
}

func (h *held) cursor(room string, c object) {
	h.Cursors[room+" "+c["userId"].(string)] = object{"readSeq": c["readSeq"], "deliveredSeq": c["deliveredSeq"]}
}

// forget drops a room, with its threads.
func (h *held) forget(room string) {
	gone := []string{room}
	for id, r := range h.Rooms {
		if r["parentId"] == room {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		delete(h.Rooms, id)
		maps.DeleteFunc(h.Messages, func(_ string, m object) bool { return m["roomId"] == id })
		of := func(key string, _ object) bool { return strings.HasPrefix(key, id+" ") }
		maps.DeleteFunc(h.Members, of)
		maps.DeleteFunc(h.Cursors, of)
	}
}

// begin takes copies of what there is now.
func (m *mirror) begin() {
	m.mu.Lock()
	m.heard = len(m.in)
	m.mu.Unlock()
	m.held = *m.matrix.read(m.person)
}

// listen takes what has been heard into the copies.
func (m *mirror) listen() {
	m.mu.Lock()
	news := slices.Clone(m.in[m.heard:])
	m.heard = len(m.in)
	m.mu.Unlock()
	for _, text := range news {
		event, data, _ := strings.Cut(text, " ")
		var p object
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			m.t.Fatal(text, err)
		}
		m.hear(event, p)
	}
}

func (m *mirror) hear(event string, p object) {
	room, _ := p["roomId"].(string)
	who, _ := p["userId"].(string)
	switch event {
	case "new-message":
		if id := p["id"].(string); m.Rooms[room] != nil && m.Messages[id] == nil {
			m.Messages[id] = p
		}
	case "message-edited", "message-deleted", "message-reaction", "message-updated":
		if about, ok := p["message"].(object); ok && m.Rooms[room] != nil {
			m.replace(about)
		}
	case "room-created", "room-updated":
		if m.Rooms[room] != nil {
			m.describe(p["room"].(object))
		}
	case "member-joined", "member-role", "member-left":
		m.member(event, room, p)
	case "room-added", "thread-followed":
		if p["following"] == false {
			m.forget(room)
		} else if r := m.ask("room-get", reply{"roomId": room}); r["success"] == true {
			m.matrix.readRoom(m.person, &m.held, r["room"].(object))
		}
	case "room-removed":
		m.forget(room)
	case "room-read", "receipt":
		if m.Rooms[room] != nil {
			m.cursor(room, p)
		}
	case "personal":
		m.keep(p)
	case "user-updated":
		m.meet(p["person"].(object))
	case "user-joined":
		m.meet(m.must("person-get", reply{"userId": who})["person"].(object))
	case "user-left":
		m.People[who]["presence"] = "offline"
	case "presence":
		m.People[who]["presence"] = p["presence"]
	case "user-renamed":
		m.rename(who, p["username"])
	case "emoji-changed":
		m.emoji(p)
	}
}

// replace puts a message in the place of what it was, unless that is newer.
func (m *mirror) replace(about object) {
	if old := m.Messages[about["id"].(string)]; old != nil && version(old) > version(about) {
		return
	}
	m.Messages[about["id"].(string)] = about
	for id, other := range m.Messages {
		if quote, ok := other["replyTo"].(object); ok && quote["id"] == about["id"] {
			other, quote = maps.Clone(other), maps.Clone(quote)
			quote["text"], other["replyTo"] = about["text"], quote
			m.Messages[id] = other
		}
	}
}

func version(m object) float64 {
	if v, ok := m["version"].(float64); ok {
		return v
	}
	return m["seq"].(float64)
}

func (m *mirror) member(event, room string, p object) {
	if m.Rooms[room] == nil {
		return
	}
	member := p["member"].(object)
	key := room + " " + member["userId"].(string)
	switch event {
	case "member-left":
		delete(m.Members, key)
		delete(m.Cursors, key)
		return
	case "member-joined":
		m.Cursors[key] = object{"readSeq": p["seq"], "deliveredSeq": p["seq"]}
	}
	m.Members[key] = member
}

func (m *mirror) rename(who string, name any) {
	for _, copies := range []objects{m.Messages, m.Members, m.People} {
		for key, o := range copies {
			if o["userId"] == who {
				o = maps.Clone(o)
				o["username"] = name
				copies[key] = o
			}
		}
	}
}

// freshCase is how an event is tried for what it changes in the copies that people have.
type freshCase struct {
	changes bool
	// payload comes in the place of the matrix's, where that one does nothing. What it needs it does before.
	payload func(*matrix) reply
	by      string // who does it; otherwise the room's owner, or the server's
	alone   bool   // without another device
}

// freshCases has a row for every event of the registry: one that is not here fails the test.
var freshCases = map[string]freshCase{
	"user-join":           {changes: true, by: "anonymous"},
	"account-create":      {changes: true, by: "anonymous"},
	"account-login":       {by: "anonymous"},
	"account-password":    {},
	"account-confirm":     {},
	"account-security":    {},
	"email-change":        {},
	"email-verify":        {},
	"email-digest":        {},
	"password-forgot":     {},
	"password-reset":      {},
	"totp-begin":          {},
	"totp-enable":         {},
	"totp-disable":        {},
	"recovery-codes":      {},
	"second-factor":       {},
	"passkey-begin":       {},
	"passkey-add":         {},
	"passkey-remove":      {},
	"passkey-challenge":   {},
	"passkey-login":       {},
	"identity-unlink":     {},
	"device-link-create":  {},
	"device-link-claim":   {},
	"device-link-approve": {},
	"device-link-finish":  {},
	"account-logout":      {},
	"session-list":        {},
	"session-revoke":      {},
	"profile-update":      {changes: true, payload: func(*matrix) reply { return reply{"username": "Renamed", "status": "busy"} }},
	"person-get":          {},
	"people-list":         {},
	"people-sync":         {},
	"person-role": {changes: true, payload: func(m *matrix) reply {
		return reply{"userId": m.ids["target"], "role": "moderator"}
	}},
	"person-deactivate": {changes: true, payload: func(m *matrix) reply {
		p := m.dial(nil)
		gone := p.must("account-create", reply{"name": "soon-gone", "password": "a long enough password"})
		p.Close()
		m.people["member"].heard("user-left", gone["userId"].(string))
		return reply{"userId": gone["userId"]}
	}},
	"admin-people": {},
	"admin-sign-out": {payload: func(m *matrix) reply {
		p := m.dial(nil)
		gone := p.must("account-create", reply{"name": "signed-out", "password": "a long enough password"})
		p.Close()
		m.people["member"].heard("user-left", gone["userId"].(string))
		return reply{"userId": gone["userId"]}
	}},
	"admin-reset-link":    {},
	"admin-factors-reset": {},
	"admin-rooms":         {},
	"admin-room-update": {changes: true, by: "server-owner", payload: func(m *matrix) reply {
		return reply{"roomId": m.open(), "name": "Administered"}
	}},
	"admin-room-owner": {changes: true, by: "server-owner", payload: func(m *matrix) reply {
		return reply{"roomId": m.open(), "userId": m.ids["member"]}
	}},
	"admin-settings":  {},
	"admin-stats":     {},
	"who-is-here":     {},
	"presence-active": {changes: true, by: "moderator", alone: true, payload: func(*matrix) reply { return reply{"active": false} }},
	"invite-create":   {},
	"invite-list":     {},
	"invite-revoke":   {},
	"invite-info":     {},
	"invite-join": {changes: true, by: "other", payload: func(m *matrix) reply {
		return reply{"token": m.people["room-owner"].must("invite-create", reply{"roomId": m.room})["token"]}
	}},
	"room-create":    {changes: true},
	"room-update":    {changes: true},
	"room-list":      {},
	"room-get":       {},
	"room-directory": {},
	"room-join": {changes: true, by: "other", payload: func(m *matrix) reply {
		return reply{"roomId": m.open()}
	}},
	"room-leave":     {changes: true},
	"room-sync":      {},
	"room-history":   {},
	"room-read":      {changes: true, payload: unread},
	"room-delivered": {changes: true, payload: unread},
	"room-receipts":  {},
	"direct-open":    {changes: true},
	"member-list":    {},
	"member-add":     {changes: true},
	"member-kick":    {changes: true},
	"member-unban":   {},
	"member-role":    {changes: true},
	"thread-open": {changes: true, payload: func(m *matrix) reply {
		return reply{"roomId": m.room, "messageId": m.poll}
	}},
	"thread-close":  {},
	"thread-list":   {},
	"thread-follow": {changes: true, by: "member"},
	"chat-message":  {changes: true},
	"message-edit": {changes: true, payload: func(m *matrix) reply { // with a message that quotes it
		m.people["member"].must("chat-message", reply{"roomId": m.room, "text": "so?", "replyTo": m.message})
		return reply{"roomId": m.room, "messageId": m.message, "text": "edited"}
	}},
	"message-delete": {changes: true, payload: func(m *matrix) reply {
		m.people["member"].must("chat-message", reply{"roomId": m.room, "text": "so?", "replyTo": m.message})
		return reply{"roomId": m.room, "messageId": m.message}
	}},
	"message-preview-remove": {changes: true, payload: func(m *matrix) reply {
		r := m.people["room-owner"].must("chat-message", reply{"roomId": m.room, "text": "http://127.0.0.1:1/"})
		return reply{"roomId": m.room, "messageId": r["messageId"]}
	}},
	"message-react":     {changes: true},
	"message-pin":       {changes: true},
	"pin-list":          {},
	"message-revisions": {},
	"poll-create":       {changes: true},
	"poll-vote":         {changes: true},
	"poll-mine":         {},
	"poll-close":        {changes: true},
	"message-forward":   {changes: true},
	"message-find":      {},
	"emoji-add":         {changes: true},
	"emoji-remove": {changes: true, by: "server-owner", payload: func(m *matrix) reply {
		m.people["server-owner"].must("emoji-add", reply{"name": "to-be-gone", "picture": tinyPicture})
		return reply{"name": "to-be-gone"}
	}},
	"emoji-list":       {},
	"message-schedule": {changes: true},
	"scheduled-cancel": {changes: true, payload: func(m *matrix) reply {
		m.people["room-owner"].must("message-schedule", reply{"roomId": m.room, "text": "never", "clientId": "never", "at": time.Now().Add(time.Hour)})
		return reply{"key": "never"}
	}},
	"reminder-set": {changes: true},
	"reminder-done": {changes: true, payload: func(m *matrix) reply {
		m.people["room-owner"].must("reminder-set", reply{"text": "done", "key": "done", "at": time.Now().Add(time.Hour)})
		return reply{"key": "done"}
	}},
	"personal-sync":    {},
	"message-save":     {changes: true},
	"saved-list":       {},
	"draft-set":        {changes: true},
	"room-notify":      {changes: true},
	"notify-set":       {changes: true},
	"push-key":         {},
	"push-subscribe":   {},
	"push-unsubscribe": {},
	"privacy-set":      {changes: true, payload: func(*matrix) reply { return reply{"directFrom": "shared"} }},
	"person-block":     {changes: true},
	"search":           {},
	"typing-indicator": {},
}

// open makes a room that anybody may join, with a member besides its owner.
func (m *matrix) open() any {
	return m.people["room-owner"].must("room-create", reply{"name": "Open", "members": []string{m.ids["member"]}})["roomId"]
}

// unread is a message that the room's owner has not read.
func unread(m *matrix) reply {
	return reply{"roomId": m.room, "seq": m.people["member"].must("chat-message", reply{"roomId": m.room, "text": "read me"})["seq"]}
}

// Whatever a client can send: what others who are connected had before, and what they hear, is what they would read now. What an event does
// not change by its row it does not change, and what it changes it does.
func TestEveryEventKeepsCopiesFresh(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		m := newMatrix(t, o)
		changing := 0
		for _, e := range live.Registry() {
			tc, ok := freshCases[e.Name]
			if !ok {
				t.Errorf("it is not known what copies %s changes", e.Name)
				continue
			}
			if m.fresh(e.Name, tc); tc.changes {
				changing++
			}
		}
		if len(freshCases) != len(live.Registry()) {
			t.Errorf("%d rows for %d events", len(freshCases), len(live.Registry()))
		}
		t.Logf("%d events, of which %d change copies", len(freshCases), changing)
	})
}

// fresh does one event in a new room and compares the copies of a member of it and of another device of who does it.
func (m *matrix) fresh(event string, tc freshCase) {
	m.t.Helper()
	who := tc.by
	for _, usual := range []string{"room-owner", "server-owner"} {
		if who == "" && (slices.Contains(matrixCases[event].allowed, usual) || usual == "server-owner") {
			who = usual
		}
	}
	if m.passed[m.room] {
		m.newRoom()
	}
	m.people["room-owner"].heard("message-updated", `"kind":"thread"`, m.message) // which comes a moment later
	build := tc.payload
	if build == nil {
		build = func(m *matrix) reply { return matrixCases[event].payload(m, who) }
	}
	payload := build(m)
	actor := m.people[who]
	if event == "account-logout" || who == "anonymous" {
		actor = m.throwaway(who)
	}
	copies := []*mirror{{person: m.connect("member"), matrix: m}}
	if who != "anonymous" && !tc.alone {
		copies = append(copies, &mirror{person: m.connect(who), matrix: m})
	}
	defer func() {
		m.passed[m.room] = tc.changes
		for _, c := range copies {
			for id := range c.Rooms {
				m.passed[id] = tc.changes
			}
			c.Close()
		}
	}()
	before := make([]*held, len(copies))
	for i, c := range copies {
		c.begin()
		before[i] = m.agrees(event+" is about to be sent", c, nil)
	}
	if r := actor.ask(event, payload); r["success"] != true && tc.changes {
		m.t.Fatalf("%s by %s: %v", event, who, r)
	}
	changed := false
	for i, c := range copies {
		var unlike *held
		if tc.changes && !changed && i == len(copies)-1 {
			unlike = before[i]
		}
		changed = !cmp.Equal(before[i], m.agrees(event, c, unlike)) || changed
	}
	if changed != tc.changes {
		m.t.Errorf("%s by %s: it has changed a copy: %v, want %v (-before +after):\n%s", event, who, changed, tc.changes,
			cmp.Diff(before[0], m.read(copies[0].person)))
	}
}

// agrees waits until a copy is what a fresh reading gives, and that is not what it was before, if that is given. It returns what was read.
func (m *matrix) agrees(event string, c *mirror, before *held) *held {
	m.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := m.read(c.person)
		c.listen()
		same := cmp.Equal(now, &c.held)
		if same && (before == nil || !cmp.Equal(before, now)) {
			return now
		}
		if time.Now().After(deadline) {
			m.t.Errorf("%s: the copy is fresh: %v (-fresh +copy):\n%s", event, same, cmp.Diff(now, &c.held))
			return now
		}
	}
}
