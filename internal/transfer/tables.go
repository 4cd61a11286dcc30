package transfer

import "strings"

// exported says what of a table goes into an export.
type exported struct {
	never  bool     // none of it: it lets somebody in, or is of use to nobody else
	hidden []string // columns that stay here
	person string   // which rows are about one person, as a condition on $1; empty: none
}

// tables has every table of the schema: a test fails when one is missing, so that nobody forgets to decide.
var tables = map[string]exported{
	"users":              {hidden: []string{"password_hash"}, person: "id = $1"},
	"avatars":            {person: "id IN (SELECT avatar FROM users WHERE id = $1 UNION SELECT picture FROM emojis WHERE created_by = $1)"},
	"emails":             {person: "user_id = $1"},
	"identities":         {person: "user_id = $1"},
	"sessions":           {hidden: []string{"token_hash"}, person: "user_id = $1"},
	"devices":            {hidden: []string{"token_hash"}, person: "user_id = $1"},
	"passkeys":           {hidden: []string{"credential"}, person: "user_id = $1"},
	"invitations":        {hidden: []string{"token_hash"}, person: "created_by = $1"},
	"rooms":              {person: "id IN (SELECT room_id FROM memberships WHERE user_id = $1)"},
	"memberships":        {person: "user_id = $1"},
	"bans":               {person: "user_id = $1"},
	"log":                {person: "actor_id = $1"},
	"revisions":          {person: "message_id IN (SELECT id FROM log WHERE actor_id = $1)"},
	"reactions":          {person: "user_id = $1"},
	"mentions":           {person: "user_id = $1"},
	"follows":            {person: "user_id = $1"},
	"told":               {},
	"imports":            {},
	"kept_files":         {person: "message_id IN (SELECT id FROM log WHERE actor_id = $1)"},
	"pins":               {},
	"due":                {never: true}, // what is due is in personal and polls
	"polls":              {hidden: []string{"salt"}, person: "message_id IN (SELECT id FROM log WHERE actor_id = $1)"},
	"votes":              {person: "voter = $1"}, // of an anonymous poll nobody can tell whose: its salt is not in it
	"emojis":             {person: "created_by = $1"},
	"previews":           {never: true}, // what pages have said lately
	"preview_uses":       {person: "message_id IN (SELECT id FROM log WHERE actor_id = $1)"},
	"preview_pictures":   {person: "id IN (SELECT u.picture FROM preview_uses u JOIN log l ON l.id = u.message_id WHERE l.actor_id = $1)"},
	"personal":           {person: "user_id = $1"},
	"provisioned":        {person: "user_id = $1"},
	"personal_heads":     {never: true},
	"service_tokens":     {never: true},
	"counters":           {never: true},
	"jobs":               {never: true},
	"throttles":          {never: true},
	"push_keys":          {never: true},
	"push_subscriptions": {never: true},
	"totps":              {never: true},
	"device_links":       {never: true},
	"account_tokens":     {never: true},
	"recovery_codes":     {never: true},
}

// isTime reports columns that hold microseconds since 1970, which are written as people write times.
func isTime(column string) bool {
	return strings.HasSuffix(column, "_at") || strings.HasSuffix(column, "_until")
}
