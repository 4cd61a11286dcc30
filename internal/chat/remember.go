package chat

import (
	"maps"

	"parley/internal/db"
)

// remembered is what SQLite's committer knows of who may do what, from one batch to the next. The database itself counts the changes of what
// that rests on, whoever makes them (see db.AccessVersion); what was read before one is forgotten. On Postgres, where other nodes write at
// the same time, nothing is remembered: its methods do nothing when there is none.
type remembered struct {
	version int64
	members map[memberKey]*access
}

const maxRemembered = 10_000 // people in rooms; beyond, all of them are read again

func newRemembered(d db.Dialect) *remembered {
	if d != db.SQLite {
		return nil
	}
	return &remembered{version: -1, members: map[memberKey]*access{}}
}

// recall forgets what has changed until now. It comes before anything that the batch changes itself.
func (r *remembered) recall(b *batch) error {
	if r == nil {
		return nil
	}
	v, err := b.tx.AccessVersion(b.ctx)
	if err == nil && (v != r.version || len(r.members) >= maxRemembered) {
		clear(r.members)
		r.version = v
	}
	return err
}

func (r *remembered) of(key memberKey) *access {
	if r == nil {
		return nil
	}
	return r.members[key]
}

// remember keeps what somebody may do in a room. Of a thread it is kept nowhere: there it depends on more. Where logs and cursors ended is not
// part of it.
func (r *remembered) remember(acc *access) {
	if r == nil || acc.thread() {
		return
	}
	kept := *acc
	kept.LastSeq, kept.HolderSeq, kept.ReadSeq, kept.DeliveredSeq = 0, 0, 0, 0
	r.members[memberKey{acc.RoomID, acc.UserID}] = &kept
}

// forget makes a batch read anew who may do what, after an operation that may have changed it. Who follows a thread is not counted.
func (b *batch) forget() error {
	if b.memory == nil {
		clear(b.members)
		return nil
	}
	v, err := b.tx.AccessVersion(b.ctx)
	changed := v != b.memory.version
	maps.DeleteFunc(b.members, func(_ memberKey, acc *access) bool { return changed || acc.thread() })
	return err
}
