package redis

import (
	"slices"

	"parley/socketio"
)

// maxRecentBytes bounds the packets that a namespace keeps in memory for sockets that come back. For older ones the stream is read.
const maxRecentBytes = 16 << 20

// recentEntries are the recoverable packets that were delivered since a place in the stream.
type recentEntries struct {
	restart bool     // nothing is known of what was before the next entry
	start   streamID // everything after it is here
	entries []recentEntry
	bytes   int
}

type recentEntry struct {
	id     streamID
	packet *socketio.Packet
	target socketio.Target
}

func (e *recentEntry) size() int {
	n := 256 + len(e.packet.Data)
	for _, a := range e.packet.Attachments {
		n += len(a)
	}
	return n
}

func (l *recentEntries) reset(start streamID) { *l = recentEntries{start: start} }

func (l *recentEntries) add(e recentEntry, limit int) {
	l.entries = append(l.entries, e)
	l.bytes += e.size()
	drop := 0
	for drop < len(l.entries) && (len(l.entries)-drop > limit || l.bytes > maxRecentBytes) {
		l.bytes -= l.entries[drop].size()
		l.start = l.entries[drop].id
		drop++
	}
	if drop > 0 {
		clear(l.entries[:drop])
		l.entries = l.entries[drop:]
	}
}

// reaches reports whether everything after a place is here.
func (l *recentEntries) reaches(from streamID) bool { return !l.restart && !l.start.after(from) }

// after returns the packets after a place for a socket with these rooms.
func (l *recentEntries) after(from streamID, rooms []string) []recentEntry {
	i, _ := slices.BinarySearchFunc(l.entries, from.next(), func(e recentEntry, id streamID) int { return e.id.compare(id) })
	var found []recentEntry
	for _, e := range l.entries[i:] {
		if e.target.Reaches(rooms) {
			found = append(found, e)
		}
	}
	return found
}
