package chat

// Role is what a person may do on the server, or in a room.
type Role string

// The roles on the server, from the one that may everything. Rooms have Owner, Moderator and Member.
const (
	Owner     Role = "owner"
	Admin     Role = "admin"
	Moderator Role = "moderator"
	Member    Role = "member"
	Guest     Role = "guest"
)

var ranks = map[Role]int{Owner: 5, Admin: 4, Moderator: 3, Member: 2, Guest: 1}

// AtLeast reports whether a role may all that another may.
func (r Role) AtLeast(other Role) bool { return ranks[r] >= ranks[other] }

// Above reports whether a role stands over another.
func (r Role) Above(other Role) bool { return ranks[r] > ranks[other] }

// valid reports a role that somebody can be given.
func (r Role) valid() bool { return ranks[r] > 0 }
