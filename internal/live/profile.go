package live

import (
	"context"
	"time"

	"parley/internal/chat"
)

// profileRequest changes what is given and leaves the rest.
type profileRequest struct {
	Username    *string `json:"username"`
	Bio         *string `json:"bio"`
	Status      *string `json:"status"`
	StatusUntil *string `json:"statusUntil"` // ISO 8601; empty for as long as it stays
	Presence    *string `json:"presence"`    // auto, away or dnd
	TimeZone    *string `json:"timeZone"`    // IANA name
	Avatar      *string `json:"avatar"`      // a picture as a data: URL; empty for none
	Receipts    *bool   `json:"receipts"`    // whether others may see what one has read
}

type personReply struct {
	ok
	Person wirePerson `json:"person"`
}

// profileUpdate changes what the person says of themselves.
func (d *Door) profileUpdate(ctx context.Context, c *client, in profileRequest) (personReply, error) {
	p := chat.Profile{Name: in.Username, Bio: in.Bio, Status: in.Status, Presence: in.Presence, TimeZone: in.TimeZone, Receipts: in.Receipts}
	if in.StatusUntil != nil {
		until := time.Time{}
		if *in.StatusUntil != "" {
			var err error
			if until, err = time.Parse(time.RFC3339, *in.StatusUntil); err != nil {
				return personReply{}, &chat.Error{Kind: chat.Invalid, Message: "statusUntil must be a time in ISO 8601"}
			}
		}
		p.StatusUntil = &until
	}
	if in.Avatar != nil {
		id, err := d.o.Chat.StoreAvatar(ctx, *in.Avatar)
		if err != nil {
			return personReply{}, err
		}
		p.Avatar = &id
	}
	u, err := d.o.Chat.UpdateProfile(ctx, *c.person(), p)
	return personReply{done, d.toWirePerson(u)}, err
}

type personRequest struct {
	UserID string `json:"userId"`
}

// personGet tells about one person.
func (d *Door) personGet(ctx context.Context, _ *client, in personRequest) (personReply, error) {
	u, err := d.o.Chat.User(ctx, in.UserID)
	return personReply{done, d.toWirePerson(u)}, err
}

type peopleListRequest struct {
	Prefix string `json:"prefix"` // of the name or the account's name
}

type peopleReply struct {
	ok
	People  []wirePerson `json:"people"`
	Version int64        `json:"version,omitempty"` // of people-sync: ask again with it until there are none
}

// peopleList lists people by name, at most 100.
func (d *Door) peopleList(ctx context.Context, _ *client, in peopleListRequest) (peopleReply, error) {
	users, err := d.o.Chat.People(ctx, in.Prefix)
	return peopleReply{ok: done, People: d.toWirePeople(users)}, err
}

type peopleSyncRequest struct {
	Version int64 `json:"version"`
}

// peopleSync lists who has changed after a version of the directory, at most 100.
func (d *Door) peopleSync(ctx context.Context, _ *client, in peopleSyncRequest) (peopleReply, error) {
	users, version, err := d.o.Chat.ChangedPeople(ctx, in.Version)
	return peopleReply{done, d.toWirePeople(users), version}, err
}

type personRoleRequest struct {
	UserID string    `json:"userId"`
	Role   chat.Role `json:"role"`
}

// personRole gives somebody another role on the server.
func (d *Door) personRole(ctx context.Context, c *client, in personRoleRequest) (personReply, error) {
	u, err := d.o.Chat.SetRole(ctx, *c.person(), in.UserID, in.Role)
	return personReply{done, d.toWirePerson(u)}, err
}

type personDeactivateRequest struct {
	UserID string `json:"userId"`
	Off    *bool  `json:"off"` // default true; false gives the access back
}

// personDeactivate takes somebody's access away: their sessions end, what they wrote stays.
func (d *Door) personDeactivate(ctx context.Context, c *client, in personDeactivateRequest) (personReply, error) {
	u, err := d.o.Chat.Deactivate(ctx, *c.person(), in.UserID, in.Off == nil || *in.Off)
	return personReply{done, d.toWirePerson(u)}, err
}

// userUpdated is the payload of user-updated.
type userUpdated struct {
	Person wirePerson `json:"person"`
}

// deliverPerson tells everybody what somebody is now, and their own connections who they are.
func (d *Door) deliverPerson(u *chat.User) {
	renamed := d.people.update(*u)
	for _, c := range d.clientsOf(u.ID) {
		c.know(u)
	}
	d.emit(roomOf(chat.Lobby), nil, "user-updated", encode(userUpdated{d.toWirePerson(*u)}))
	if renamed {
		d.emit(roomOf(chat.Lobby), nil, "user-renamed", encode(personHere{u.ID, u.Name}))
	}
}
