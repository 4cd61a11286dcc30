package redis

import (
	"cmp"
	"strconv"
	"strings"
)

// streamID is an entry's place in a stream. The zero streamID is before all entries.
type streamID struct{ ms, seq uint64 }

// parseStreamID takes what Redis gives, and nothing else: clients send it too.
func parseStreamID(text string) (streamID, bool) {
	ms, seq, ok := strings.Cut(text, "-")
	if !ok || len(text) > 41 {
		return streamID{}, false
	}
	a, errA := strconv.ParseUint(ms, 10, 64)
	b, errB := strconv.ParseUint(seq, 10, 64)
	id := streamID{a, b}
	return id, errA == nil && errB == nil && id.String() == text
}

// String is how Redis writes it.
func (id streamID) String() string {
	return strconv.FormatUint(id.ms, 10) + "-" + strconv.FormatUint(id.seq, 10)
}

func (id streamID) compare(o streamID) int {
	return cmp.Or(cmp.Compare(id.ms, o.ms), cmp.Compare(id.seq, o.seq))
}

func (id streamID) after(o streamID) bool { return id.compare(o) > 0 }

// next is the least id after this one.
func (id streamID) next() streamID {
	if id.seq++; id.seq == 0 {
		id.ms++
	}
	return id
}

// streamHash spreads namespaces over streams as Node does: 31·h + unit over UTF-16, in 32 bits.
func streamHash(units []uint16) int32 {
	var h int32
	for _, u := range units {
		h = h*31 + int32(u)
	}
	return h
}
