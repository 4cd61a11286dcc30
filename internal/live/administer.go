package live

import (
	"context"

	"parley/internal/auth"
	"parley/internal/chat"
)

// wireAdministered is a person as those see them who administer the server.
type wireAdministered struct {
	UserID       string    `json:"userId"`
	Username     string    `json:"username"`
	Login        string    `json:"login,omitempty"`
	Role         chat.Role `json:"role"`
	Avatar       string    `json:"avatar,omitempty"`
	Presence     string    `json:"presence"` // online, away, dnd or offline
	Suspended    bool      `json:"suspended"`
	CreatedAt    string    `json:"createdAt"`
	SeenAt       string    `json:"seenAt,omitempty"` // exact to an hour
	Sessions     int       `json:"sessions"`         // that have not ended
	Password     bool      `json:"password"`         // whether they have one here
	SecondFactor bool      `json:"secondFactor"`
}

func (d *Door) toWireAdministered(p auth.Administered) wireAdministered {
	return wireAdministered{
		UserID: p.ID, Username: p.Name, Login: p.Login, Role: p.Role, Avatar: p.Avatar, Presence: d.people.presenceOf(p.ID, p.Presence),
		Suspended: p.Suspended, CreatedAt: timestamp(p.CreatedAt), SeenAt: optional(p.SeenAt), Sessions: p.Sessions,
		Password: p.HasPassword, SecondFactor: p.SecondFactor,
	}
}

type adminPeopleRequest struct {
	Query string    `json:"query"` // in the name or the account's name
	Role  chat.Role `json:"role"`
	State string    `json:"state"` // active or suspended
	After string    `json:"after"` // id of the last person of the page before
}

type adminPeopleReply struct {
	ok
	People  []wireAdministered `json:"people"`
	HasMore bool               `json:"hasMore"`
	Total   *int               `json:"total,omitempty"` // with the first page
}

// adminPeople lists the people of the server, those who are suspended too, accounts first, 50 at once.
func (d *Door) adminPeople(ctx context.Context, _ *client, in adminPeopleRequest) (adminPeopleReply, error) {
	people, total, err := d.o.Accounts.People(ctx, auth.PeopleQuery{Text: in.Query, Role: in.Role, State: in.State, After: in.After})
	out := adminPeopleReply{ok: done, People: make([]wireAdministered, len(people)), HasMore: len(people) == auth.PeoplePage}
	for i, p := range people {
		out.People[i] = d.toWireAdministered(p)
	}
	if total >= 0 {
		out.Total = &total
	}
	return out, err
}

// adminSignOut ends all sessions of somebody; their connections close.
func (d *Door) adminSignOut(ctx context.Context, c *client, in personRequest) (ok, error) {
	_, err := d.o.Accounts.SignOutEverywhere(ctx, *c.person(), in.UserID)
	return done, d.noted("admin-sign-out", c, in.UserID, err)
}

// adminFactorsReset takes somebody's passkeys, authenticator and recovery codes away, for who has lost them.
func (d *Door) adminFactorsReset(ctx context.Context, c *client, in personRequest) (ok, error) {
	return done, d.noted("admin-factors-reset", c, in.UserID, d.o.Accounts.RemoveFactors(ctx, *c.person(), in.UserID))
}

type resetLinkReply struct {
	ok
	URL       string `json:"url"` // known only now
	ExpiresAt string `json:"expiresAt"`
}

// adminResetLink makes a link by which somebody sets a new password, to be handed over.
func (d *Door) adminResetLink(ctx context.Context, c *client, in personRequest) (resetLinkReply, error) {
	token, until, err := d.o.Accounts.ResetLink(ctx, *c.person(), in.UserID)
	return resetLinkReply{done, d.o.Accounts.Origin() + "/#reset=" + token, timestamp(until)}, d.noted("admin-reset-link", c, in.UserID, err)
}

// Settings are what the operator has set, for those who administer the server.
type Settings struct {
	Version  string
	Database string // sqlite or postgres
	List     []Setting
}

// Setting is one of them.
type Setting struct {
	Name   string `json:"name"`  // of the environment variable
	Value  string `json:"value"` // of a secret nothing
	Help   string `json:"help"`
	Given  bool   `json:"given"`  // somebody has set it
	Secret bool   `json:"secret"` // its value is nobody's to see
}

type adminSettingsReply struct {
	ok
	Version  string    `json:"version"`
	Database string    `json:"database"`
	Settings []Setting `json:"settings"`
}

// adminSettings lists the settings that are in force, without what is secret.
func (d *Door) adminSettings(context.Context, *client, emptyRequest) (adminSettingsReply, error) {
	return adminSettingsReply{done, d.o.Settings.Version, d.o.Settings.Database, d.o.Settings.List}, nil
}

// noted leaves in the log what an administrator has done, and to what.
func (d *Door) noted(event string, c *client, what string, err error) error {
	if err == nil {
		d.o.Log.Info("administered", "event", event, "by", c.person().UserID, "what", what)
	}
	return err
}

// wireAdministeredRoom is a room as those see it who administer the server.
type wireAdministeredRoom struct {
	RoomID     string        `json:"roomId"`
	Kind       chat.RoomKind `json:"kind"`
	Name       string        `json:"name"`
	Topic      string        `json:"topic"`
	Members    int           `json:"members"` // 0 for the lobby, where everybody is
	LastSeq    int64         `json:"lastSeq"` // how many entries its log has
	LastAt     string        `json:"lastAt,omitempty"`
	CreatedAt  string        `json:"createdAt"`
	ArchivedAt string        `json:"archivedAt,omitempty"`
	Owners     []personHere  `json:"owners"`
}

func toWireAdministeredRoom(r chat.AdministeredRoom) wireAdministeredRoom {
	w := wireAdministeredRoom{
		RoomID: r.ID, Kind: r.Kind, Name: r.Name, Topic: r.Topic, Members: r.Members, LastSeq: r.LastSeq, LastAt: optional(r.LastAt),
		CreatedAt: timestamp(r.CreatedAt), ArchivedAt: optional(r.ArchivedAt), Owners: make([]personHere, len(r.Owners)),
	}
	for i, m := range r.Owners {
		w.Owners[i] = personHere{m.UserID, m.Name}
	}
	return w
}

type adminRoomsRequest struct {
	Query string        `json:"query"` // in the name
	Kind  chat.RoomKind `json:"kind"`
	State string        `json:"state"` // open or archived
	After string        `json:"after"` // id of the last room of the page before
}

type adminRoomsReply struct {
	ok
	Rooms   []wireAdministeredRoom `json:"rooms"`
	HasMore bool                   `json:"hasMore"`
	Total   *int                   `json:"total,omitempty"` // with the first page
}

// adminRooms lists the rooms that anybody may join, and those private ones that the administrator is in, by name, 50 at once.
func (d *Door) adminRooms(ctx context.Context, c *client, in adminRoomsRequest) (adminRoomsReply, error) {
	rooms, total, err := d.o.Chat.AdministeredRooms(ctx, *c.person(), chat.RoomsQuery{Text: in.Query, Kind: in.Kind, State: in.State, After: in.After})
	out := adminRoomsReply{ok: done, Rooms: make([]wireAdministeredRoom, len(rooms)), HasMore: len(rooms) == chat.RoomsPage}
	for i, r := range rooms {
		out.Rooms[i] = toWireAdministeredRoom(r)
	}
	if total >= 0 {
		out.Total = &total
	}
	return out, err
}

type adminRoomReply struct {
	ok
	Room wireAdministeredRoom `json:"room"`
}

type adminRoomUpdateRequest struct {
	RoomID   string  `json:"roomId"`
	Name     *string `json:"name"`
	Topic    *string `json:"topic"`
	Archived *bool   `json:"archived"`
}

// adminRoomUpdate changes what describes a room, or archives it; the administrator need not be in it.
func (d *Door) adminRoomUpdate(ctx context.Context, c *client, in adminRoomUpdateRequest) (adminRoomReply, error) {
	r, err := d.o.Chat.AdministerRoom(ctx, *c.person(), in.RoomID, chat.RoomChange{Name: in.Name, Topic: in.Topic, Archived: in.Archived})
	return adminRoomReply{done, toWireAdministeredRoom(r)}, d.noted("admin-room-update", c, in.RoomID, err)
}

// adminRoomOwner gives a room another owner.
func (d *Door) adminRoomOwner(ctx context.Context, c *client, in memberRequest) (adminRoomReply, error) {
	r, err := d.o.Chat.GiveRoom(ctx, *c.person(), in.RoomID, in.UserID)
	return adminRoomReply{done, toWireAdministeredRoom(r)}, d.noted("admin-room-owner", c, in.RoomID, err)
}
