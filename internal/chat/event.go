package chat

// Event tells the doors what has been committed. Exactly one field is set.
type Event struct {
	Message *Message
	Renamed *User
}
