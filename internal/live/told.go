package live

import "reflect"

// told is every event that the server sends, with what it carries.
var told = []Described{
	tells[wireMessage]("new-message"),
	tells[wireEntry]("message-edited"),
	tells[wireEntry]("message-deleted"),
	tells[wireEntry]("message-reaction"),
	tells[wireEntry]("message-updated"),
	tells[wireEntry]("room-created"),
	tells[wireEntry]("room-updated"),
	tells[wireEntry]("member-joined"),
	tells[wireEntry]("member-left"),
	tells[wireEntry]("member-role"),
	tells[followNotice]("thread-followed"),
	tells[wirePersonal]("personal"),
	tells[wireEmoji]("emoji-changed"),
	tells[roomNotice]("room-added"),
	tells[roomNotice]("room-removed"),
	tells[wireReceipt]("room-read"),
	tells[wireReceipt]("receipt"),
	tells[comingOrGoing]("user-joined"),
	tells[comingOrGoing]("user-left"),
	tells[howMany]("people-online"),
	tells[personHere]("user-renamed"),
	tells[userUpdated]("user-updated"),
	tells[presenceNotice]("presence"),
	tells[typingNotice]("typing-indicator"),
	tells[sessionNew]("session-new"),
	tells[numbersTold]("admin-stats"),
	tells[linkClaimed]("device-link-claimed"),
	tells[sessionEnded]("session-ended"),
	tells[serverRestarting]("server-restarting"),
}

func tells[T any](name string) Described { return Described{Name: name, Out: reflect.TypeFor[T]()} }

// Told describes all events that the server sends.
func Told() []Described { return told }

// Refusal is the answer to whatever was not done.
func Refusal() reflect.Type { return reflect.TypeFor[refusal]() }
