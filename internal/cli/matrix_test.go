package cli

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/live"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// The people of the matrix. Those from member on are in the private room that events are tried on; the others must learn nothing
// of it.
var matrixRoles = []string{
	"anonymous", "guest", "other", "ex-member", "banned", "moderator", "admin", "server-owner", "deactivated",
	"member", "room-moderator", "room-owner",
}

func insiders(least string) []string {
	return matrixRoles[slices.Index(matrixRoles, least):]
}

// Those who are somebody, by their role on the server.
var (
	everybody  = without(matrixRoles)
	joined     = without(matrixRoles, "anonymous", "deactivated")
	accounts   = without(joined, "guest")
	moderators = []string{"moderator", "admin", "server-owner"}
	admins     = []string{"admin", "server-owner"}
)

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(names, s) })
}

// matrixCase is how an event is tried, and who may do it.
type matrixCase struct {
	allowed []string
	payload func(m *matrix, who string) reply
}

// inRoom makes the payload of an event about the private room.
func inRoom(more reply) func(*matrix, string) reply {
	return func(m *matrix, _ string) reply {
		p := reply{"roomId": m.room, "messageId": m.message}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
}

// inThread makes the payload of an event about a thread in the private room.
func inThread(more reply) func(*matrix, string) reply {
	return func(m *matrix, _ string) reply {
		p := reply{"roomId": m.thread, "messageId": m.reply}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
}

func nothing(*matrix, string) reply { return reply{} }

// aboutTarget is about somebody who is a plain member of the server.
func aboutTarget(m *matrix, _ string) reply { return reply{"userId": m.ids["target"]} }

// matrixCases has a row for every event of the registry: one that is not here fails the test.
var matrixCases = map[string]matrixCase{
	"user-join": {everybody, func(_ *matrix, who string) reply { return reply{"username": "Name of " + who} }},
	"account-create": {[]string{"anonymous", "guest", "deactivated"}, func(m *matrix, _ string) reply {
		m.n++
		return reply{"name": fmt.Sprint("account", m.n), "password": "a long enough password"}
	}},
	"account-login": {[]string{"anonymous", "deactivated"}, func(*matrix, string) reply {
		return reply{"name": "other", "password": "password of other"}
	}},
	"account-password":    {nil, func(*matrix, string) reply { return reply{"old": "wrong", "new": "another password"} }},
	"account-confirm":     {nil, func(*matrix, string) reply { return reply{"password": "wrong"} }},
	"account-security":    {accounts, nothing},
	"email-change":        {accounts, func(*matrix, string) reply { return reply{"address": ""} }},
	"email-verify":        {nil, func(*matrix, string) reply { return reply{"token": "made up"} }},
	"email-digest":        {nil, func(*matrix, string) reply { return reply{"every": "daily"} }},
	"password-forgot":     {nil, func(*matrix, string) reply { return reply{"name": "member"} }},
	"password-reset":      {nil, func(*matrix, string) reply { return reply{"token": "made up", "password": "a long enough password"} }},
	"totp-begin":          {accounts, nothing},
	"totp-enable":         {nil, func(*matrix, string) reply { return reply{"code": "000000"} }},
	"totp-disable":        {accounts, nothing},
	"recovery-codes":      {nil, nothing},
	"second-factor":       {nil, func(*matrix, string) reply { return reply{"required": true} }},
	"passkey-begin":       {accounts, nothing},
	"passkey-add":         {nil, func(*matrix, string) reply { return reply{"passkey": reply{"id": "x"}} }},
	"passkey-remove":      {nil, func(*matrix, string) reply { return reply{"passkeyId": "x"} }},
	"passkey-challenge":   {everybody, nothing},
	"passkey-login":       {nil, func(*matrix, string) reply { return reply{"passkey": reply{"id": "x"}} }},
	"identity-unlink":     {nil, func(*matrix, string) reply { return reply{"issuer": "https://id.test"} }},
	"device-link-create":  {accounts, nothing},
	"device-link-claim":   {nil, func(*matrix, string) reply { return reply{"token": "made up"} }},
	"device-link-approve": {nil, func(*matrix, string) reply { return reply{"linkId": "0", "code": "000000"} }},
	"device-link-finish":  {nil, func(*matrix, string) reply { return reply{"claim": "made up"} }},
	"account-logout":      {joined, nothing},
	"session-list":        {joined, nothing},
	"session-revoke":      {joined, func(*matrix, string) reply { return reply{"sessionId": "none"} }},
	"profile-update":      {joined, func(_ *matrix, who string) reply { return reply{"status": "busy being " + who} }},
	"person-get":          {joined, func(m *matrix, _ string) reply { return reply{"userId": m.ids["member"]} }},
	"people-list":         {joined, func(*matrix, string) reply { return reply{"prefix": "m"} }},
	"people-sync":         {joined, nothing},
	"person-role": {admins, func(m *matrix, _ string) reply {
		return reply{"userId": m.ids["target"], "role": "member"}
	}},
	"person-deactivate":   {moderators, func(m *matrix, _ string) reply { return reply{"userId": m.ids["target"], "off": false} }},
	"admin-people":        {admins, func(*matrix, string) reply { return reply{"query": "m"} }},
	"admin-sign-out":      {admins, aboutTarget},
	"admin-reset-link":    {admins, aboutTarget},
	"admin-factors-reset": {admins, aboutTarget},
	"admin-rooms":         {admins, nothing},
	"admin-room-update":   {nil, inRoom(reply{"topic": "changed canary"})}, // of a private room: nobody outside learns that it is there
	"admin-room-owner":    {nil, func(m *matrix, _ string) reply { return reply{"roomId": m.room, "userId": m.ids["admin"]} }},
	"admin-settings":      {admins, nothing},
	"admin-stats":         {admins, nothing},
	"who-is-here":         {insiders("member"), inRoom(nil)},
	"presence-active":     {joined, func(*matrix, string) reply { return reply{"active": true} }},
	"invite-create":       {insiders("room-moderator"), inRoom(nil)},
	"invite-list":         {accounts, nothing},
	"invite-revoke":       {nil, func(*matrix, string) reply { return reply{"invitationId": "none"} }},
	"invite-info":         {nil, func(*matrix, string) reply { return reply{"token": "made up"} }},
	"invite-join":         {nil, func(*matrix, string) reply { return reply{"token": "made up"} }},
	"room-create":         {accounts, func(*matrix, string) reply { return reply{"name": "New"} }},
	"room-update":         {insiders("room-owner"), inRoom(reply{"topic": "changed canary"})},
	"room-list":           {joined, nothing},
	"room-get":            {insiders("member"), inRoom(nil)},
	"room-directory":      {joined, nothing},
	"room-join":           {insiders("member"), inRoom(nil)},
	"room-leave":          {insiders("member"), inRoom(nil)},
	"room-sync":           {insiders("member"), inRoom(nil)},
	"room-history":        {insiders("member"), inRoom(nil)},
	"room-read":           {insiders("member"), inRoom(reply{"seq": 1})},
	"room-delivered":      {insiders("member"), inRoom(reply{"seq": 1})},
	"room-receipts":       {insiders("member"), inRoom(nil)},
	"direct-open":         {joined, func(m *matrix, _ string) reply { return reply{"userIds": []string{m.ids["target"]}} }},
	"member-list":         {insiders("member"), inRoom(nil)},
	"member-add":          {insiders("member"), func(m *matrix, _ string) reply { return reply{"roomId": m.room, "userIds": []string{m.ids["target"]}} }},
	"member-kick":         {insiders("room-moderator"), func(m *matrix, _ string) reply { return reply{"roomId": m.room, "userId": m.ids["victim"]} }},
	"member-unban":        {insiders("room-moderator"), func(m *matrix, _ string) reply { return reply{"roomId": m.room, "userId": m.ids["banned"]} }},
	"member-role": {insiders("room-owner"), func(m *matrix, _ string) reply {
		return reply{"roomId": m.room, "userId": m.ids["victim"], "role": "moderator"}
	}},
	"thread-open":            {insiders("member"), inRoom(nil)},
	"thread-close":           {insiders("member"), inThread(nil)},
	"thread-list":            {insiders("member"), inRoom(nil)},
	"thread-follow":          {insiders("member"), inThread(nil)},
	"chat-message":           {insiders("member"), inRoom(reply{"text": "canary of a member"})},
	"message-edit":           {[]string{"room-owner"}, inRoom(reply{"text": "edited canary"})},
	"message-delete":         {insiders("room-moderator"), inRoom(nil)},
	"message-preview-remove": {insiders("room-moderator"), inRoom(nil)},
	"message-react":          {insiders("member"), inRoom(reply{"emoji": "👍"})},
	"message-revisions":      {insiders("member"), inRoom(nil)},
	"message-pin":            {insiders("member"), inRoom(nil)},
	"pin-list":               {insiders("member"), inRoom(nil)},
	"poll-create":            {insiders("member"), inRoom(reply{"question": "canary?", "options": []string{"canary yes", "canary no"}})},
	"poll-vote": {insiders("member"), func(m *matrix, _ string) reply {
		return reply{"roomId": m.room, "messageId": m.poll, "choices": []int{1}}
	}},
	"poll-mine":       {insiders("member"), func(m *matrix, _ string) reply { return reply{"roomId": m.room, "messageId": m.poll} }},
	"poll-close":      {insiders("room-moderator"), func(m *matrix, _ string) reply { return reply{"roomId": m.room, "messageId": m.poll} }},
	"message-forward": {insiders("member"), func(m *matrix, _ string) reply { return reply{"roomId": m.room, "messageId": m.message, "to": m.room} }},
	"message-find":    {insiders("member"), inRoom(nil)},
	"emoji-add": {admins, func(m *matrix, _ string) reply {
		m.n++
		return reply{"name": fmt.Sprint("emoji", m.n), "picture": tinyPicture}
	}},
	"emoji-remove": {nil, func(*matrix, string) reply { return reply{"name": "none"} }},
	"emoji-list":   {joined, nothing},
	"message-schedule": {insiders("member"), func(m *matrix, _ string) reply {
		return reply{"roomId": m.room, "text": "canary later", "at": time.Now().Add(time.Hour)}
	}},
	"scheduled-cancel": {joined, func(*matrix, string) reply { return reply{"key": "none"} }},
	"reminder-set":     {insiders("member"), inRoom(reply{"at": time.Now().Add(time.Hour)})},
	"reminder-done":    {joined, func(*matrix, string) reply { return reply{"key": "none"} }},
	"personal-sync":    {joined, nothing},
	"message-save":     {insiders("member"), inRoom(nil)},
	"saved-list":       {joined, nothing},
	"draft-set":        {insiders("member"), inRoom(reply{"text": "canary draft"})},
	"room-notify":      {insiders("member"), inRoom(reply{"level": "none"})},
	"notify-set":       {joined, func(*matrix, string) reply { return reply{"keywords": []string{"word"}} }},
	"push-key":         {joined, nothing},
	"push-subscribe": {joined, func(m *matrix, who string) reply {
		return reply{"endpoint": "https://push.test/" + who, "p256dh": deviceKey(m.t), "auth": "AAAAAAAAAAAAAAAAAAAAAA"}
	}},
	"push-unsubscribe": {joined, func(*matrix, string) reply { return reply{"endpoint": "https://push.test/none"} }},
	"privacy-set":      {joined, func(*matrix, string) reply { return reply{"directFrom": "everybody"} }},
	"person-block":     {joined, func(m *matrix, _ string) reply { return reply{"userId": m.ids["victim"], "ignore": true} }},
	"search":           {insiders("member"), inRoom(reply{"query": "canary"})},
	"typing-indicator": {insiders("member"), inRoom(reply{"typing": true})},
}

// matrix is a server with one person of each kind.
type matrix struct {
	*server
	people  map[string]*person
	tokens  map[string]string
	ids     map[string]string
	room    string
	message string
	thread  string // about the message
	reply   string // in the thread
	poll    string // in the room
	n       int
	tally   tally
	passed  map[string]bool // rooms that were made for an event that has been tried, for [matrix.fresh]
}

func newMatrix(t *testing.T, o db.Options) *matrix {
	m := &matrix{
		server: start(t, "--rate-limit=off", "--database-url="+o.URL), people: map[string]*person{}, tokens: map[string]string{}, ids: map[string]string{},
		passed: map[string]bool{},
	}
	for _, name := range []string{"server-owner", "other", "ex-member", "banned", "moderator", "admin", "deactivated", "member", "room-moderator", "room-owner", "target", "victim"} {
		p := m.dial(nil)
		r := p.must("account-create", reply{"name": name, "password": "password of " + name})
		m.people[name], m.tokens[name], m.ids[name] = p, r["token"].(string), r["userId"].(string)
	}
	m.people["guest"] = m.dial(nil)
	r := m.people["guest"].must("user-join", reply{"username": "A guest"})
	m.tokens["guest"], m.ids["guest"] = r["token"].(string), r["userId"].(string)
	m.people["server-owner"].must("person-role", reply{"userId": m.ids["moderator"], "role": "moderator"})
	m.people["server-owner"].must("person-role", reply{"userId": m.ids["admin"], "role": "admin"})
	m.people["server-owner"].must("person-deactivate", reply{"userId": m.ids["deactivated"]})
	m.people["anonymous"], m.people["deactivated"] = m.dial(nil), m.connect("deactivated")
	m.newRoom()
	return m
}

// newRoom makes a private room whose every text is a canary, with its members, and those who were.
func (m *matrix) newRoom() {
	owner := m.people["room-owner"]
	m.n++
	r := owner.must("room-create", reply{
		"name": fmt.Sprint("canary room ", m.n), "kind": "private", "topic": "canary topic", "description": "canary",
		"members": []string{m.ids["member"], m.ids["room-moderator"], m.ids["ex-member"], m.ids["banned"], m.ids["victim"]},
	})
	m.room = r["roomId"].(string)
	owner.must("member-role", reply{"roomId": m.room, "userId": m.ids["room-moderator"], "role": "moderator"})
	owner.must("member-kick", reply{"roomId": m.room, "userId": m.ids["ex-member"]})
	owner.must("member-kick", reply{"roomId": m.room, "userId": m.ids["banned"], "ban": true})
	m.message = owner.must("chat-message", reply{"roomId": m.room, "text": "late canary for @member"})["messageId"].(string)
	m.poll = owner.must("poll-create", reply{"roomId": m.room, "question": "late canary?", "options": []string{"yes", "canary no"}})["messageId"].(string)
	m.thread = owner.must("thread-open", reply{"roomId": m.room, "messageId": m.message})["roomId"].(string)
	m.reply = owner.must("chat-message", reply{"roomId": m.thread, "text": "late canary in a thread"})["messageId"].(string)
}

// connect gives somebody a connection as it is at the beginning.
func (m *matrix) connect(who string) *person {
	p := m.dial(reply{"token": m.tokens[who]})
	if who != "anonymous" && who != "deactivated" {
		p.must("user-join", reply{})
	}
	return p
}

// threadCases are the events about rooms and messages again, now in a thread.
var threadCases = map[string]matrixCase{
	"room-get":          {insiders("member"), inThread(nil)},
	"room-join":         {insiders("member"), inThread(nil)},
	"room-leave":        {nil, inThread(nil)},
	"room-update":       {nil, inThread(reply{"topic": "changed canary"})},
	"room-sync":         {insiders("member"), inThread(nil)},
	"room-history":      {insiders("member"), inThread(nil)},
	"room-read":         {insiders("member"), inThread(reply{"seq": 1})},
	"room-delivered":    {insiders("member"), inThread(reply{"seq": 1})},
	"room-receipts":     {insiders("member"), inThread(nil)},
	"member-list":       {insiders("member"), inThread(nil)},
	"member-add":        {nil, inThread(reply{"userIds": []string{}})},
	"invite-create":     {nil, inThread(nil)},
	"chat-message":      {insiders("member"), inThread(reply{"text": "canary of a member"})},
	"message-edit":      {[]string{"room-owner"}, inThread(reply{"text": "edited canary"})},
	"message-react":     {insiders("member"), inThread(reply{"emoji": "👍"})},
	"message-revisions": {insiders("member"), inThread(nil)},
	"message-pin":       {nil, inThread(nil)},
	"message-find":      {insiders("member"), inThread(nil)},
	"poll-create":       {insiders("member"), inThread(reply{"question": "canary?", "options": []string{"canary yes", "canary no"}})},
	"message-forward": {insiders("member"), func(m *matrix, _ string) reply {
		return reply{"roomId": m.thread, "messageId": m.reply, "to": m.thread}
	}},
	"message-schedule": {insiders("member"), func(m *matrix, _ string) reply {
		return reply{"roomId": m.thread, "text": "canary later", "at": time.Now().Add(time.Hour)}
	}},
	"pin-list":               {insiders("member"), inThread(nil)},
	"message-save":           {insiders("member"), inThread(nil)},
	"draft-set":              {insiders("member"), inThread(reply{"text": "canary draft"})},
	"search":                 {insiders("member"), inThread(reply{"query": "canary"})},
	"message-preview-remove": {insiders("room-moderator"), inThread(nil)},
	"message-delete":         {insiders("room-moderator"), inThread(nil)},
}

// Every event × everybody: whoever may not is told so, by a typed refusal, and nobody from outside ever receives a byte of the
// private room.
func TestAuthorisationMatrix(t *testing.T) {
	var all tally
	databases := 0
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		m := newMatrix(t, o)
		for _, e := range live.Registry() {
			tc, ok := matrixCases[e.Name]
			if !ok {
				t.Errorf("%s has no row in the matrix", e.Name)
				continue
			}
			for _, who := range matrixRoles {
				m.try(e.Name, who, tc)
			}
		}
		for name, tc := range threadCases {
			for _, who := range matrixRoles {
				m.try(name, who, tc)
			}
		}
		if len(matrixCases) != len(live.Registry()) {
			t.Errorf("%d rows for %d events", len(matrixCases), len(live.Registry()))
		}
		m.nothingLeaked()
		t.Logf("%d events, and %d of them again in a thread, × %d people: %s", len(matrixCases), len(threadCases), len(matrixRoles), m.tally)
		all.add(m.tally)
		databases++
	})
	t.Logf("%d events × %d people × %d databases: %s", len(matrixCases)+len(threadCases), len(matrixRoles), databases, all)
}

// tally counts what the matrix has tried, and where canaries were looked for.
type tally struct {
	allowed, refused int
	outside          int // answers and events that people outside of the room got, in which no canary may be
	inside           int // events with a canary that those inside heard: the search can find one
}

func (a *tally) add(b tally) {
	a.allowed, a.refused, a.outside, a.inside = a.allowed+b.allowed, a.refused+b.refused, a.outside+b.outside, a.inside+b.inside
}

func (a tally) String() string {
	return fmt.Sprintf("%d cells, %d allowed and %d refused; %d answers and events looked through outside of the room, %d canaries heard inside",
		a.allowed+a.refused, a.allowed, a.refused, a.outside, a.inside)
}

func (m *matrix) try(event, who string, tc matrixCase) {
	m.t.Helper()
	p := m.people[who]
	if event == "account-create" || event == "account-login" || event == "account-logout" || event == "user-join" {
		p = m.throwaway(who)
	}
	r := p.ask(event, tc.payload(m, who))
	allowed := slices.Contains(tc.allowed, who)
	if allowed {
		m.tally.allowed++
	} else {
		m.tally.refused++
	}
	if r["success"] != allowed {
		m.t.Errorf("%s by %s: %v, want success %v", event, who, r, allowed)
	}
	code, _ := r["code"].(string)
	if !allowed && !slices.Contains([]string{"unauthenticated", "forbidden", "not-found", "conflict"}, code) {
		m.t.Errorf("%s by %s is refused as %q", event, who, code)
	}
	if outside := !slices.Contains(insiders("member"), who); outside {
		m.tally.outside++
		if strings.Contains(fmt.Sprint(r), "canary") {
			m.t.Errorf("%s tells %s: %v", event, who, r)
		}
	}
	switch event { // what may have changed the room for those who come next
	case "room-update", "room-leave", "member-add", "member-kick", "member-unban", "member-role", "message-edit", "message-delete":
		if allowed {
			m.newRoom()
		}
	}
}

// throwaway is a connection, and for a guest a person, that the event may use up.
func (m *matrix) throwaway(who string) *person {
	switch who {
	case "guest":
		p := m.dial(nil)
		p.must("user-join", reply{"username": "Another guest"})
		return p
	case "anonymous", "deactivated":
		return m.connect(who)
	}
	p := m.dial(nil)
	p.must("account-login", reply{"name": who, "password": "password of " + who})
	return p
}

// nothingLeaked looks for the canaries in all that those outside have received.
func (m *matrix) nothingLeaked() {
	m.t.Helper()
	time.Sleep(300 * time.Millisecond) // what is on its way arrives
	for _, who := range matrixRoles {
		if slices.Contains(insiders("member"), who) {
			continue
		}
		p := m.people[who]
		p.mu.Lock()
		for _, e := range p.in {
			m.tally.outside++
			late := strings.Contains(e, "late canary") || strings.Contains(e, "changed canary") || strings.Contains(e, "edited canary")
			wasIn := who == "ex-member" || who == "banned"
			if strings.Contains(e, "canary") && (!wasIn || late) {
				m.t.Errorf("%s received %s", who, e)
			}
		}
		p.mu.Unlock()
	}
	for _, who := range []string{"member", "room-owner"} { // the test can fail: inside they are there
		heard := m.people[who].count("late canary")
		if m.tally.inside += heard; heard == 0 {
			m.t.Errorf("%s never received a canary", who)
		}
	}
}

// What a client is refused, it is refused by a code that the protocol has.
func TestErrorsAreTyped(t *testing.T) {
	nul := reply{"at": time.Now().Add(time.Hour), "text": "x", "choices": []int{0}, "options": []string{"a", "b"}, "question": "?"}
	for _, field := range []string{
		"roomId", "messageId", "clientId", "replyTo", "userId", "key", "url", "to", "emoji", "sessionId", "invitationId", "passkeyId", "linkId", "token", "claim", "issuer",
		"cursor", "prefix", "afterId",
	} {
		nul[field] = "a\x00b"
	}
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := start(t, "--rate-limit=off", "--database-url="+o.URL)
		p, _ := s.account("ana")
		guest := s.dial(nil)
		for _, e := range live.Registry() {
			for _, payload := range []any{nil, 7, []int{}, reply{"roomId": 7}, reply{"roomId": strings.Repeat("x", 10_000)}, nul} {
				if e.Name == "account-logout" {
					continue
				}
				for _, asking := range []*person{p, guest} {
					r := asking.ask(e.Name, payload)
					if r["success"] == true {
						continue
					}
					data, _ := json.Marshal(r)
					code, _ := r["code"].(string)
					if !slices.Contains([]string{"invalid", "not-found", "forbidden", "too-large", "unauthenticated", "conflict"}, code) || r["error"] == "" {
						t.Errorf("%s %.60v: %s", e.Name, payload, data)
					}
				}
			}
		}
	})
}

// deviceKey is the public key of a device.
func deviceKey(t testing.TB) string {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())
}
