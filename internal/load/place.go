package load

// place is how far one connection has got in one room. Its person's lock guards it.
type place struct {
	last  int64 // everything up to here is with the person
	known bool  // whether last means anything yet
	epoch string
	// What the connection was told live, which must be without gaps: from first to live, 0 before anything was.
	first, live int64
}

// entry is what counts of an event about a room's log.
type entry struct {
	RoomID   string `json:"roomId"`
	Seq      int64  `json:"seq"`
	ID       string `json:"id"`
	ClientID string `json:"clientId"`
}

// take takes what the connection is told, and says what is wrong with it: "", "doubled" or "gap". What is not after last is no fault:
// where a connection begins is told after it has begun.
func (p *place) take(seq int64) (wrong string) {
	switch {
	case p.live == 0:
		p.first = seq
	case seq <= p.live:
		return "doubled"
	case seq > p.live+1:
		wrong, p.first = "gap", seq
	}
	p.live = seq
	p.settle()
	return wrong
}

// settle counts in what was told live, once nothing before it is missing.
func (p *place) settle() {
	if p.known && p.live > 0 && p.first <= p.last+1 {
		p.last = max(p.last, p.live)
	}
}

// begin says how far the room's log went when the connection entered it. It reports whether something is missing.
func (p *place) begin(epoch string, head int64) (missing bool) {
	if !p.known || p.epoch != "" && epoch != "" && p.epoch != epoch {
		p.last, p.known = head, true
	}
	if epoch != "" {
		p.epoch = epoch
	}
	p.settle()
	return p.last < head && (p.live == 0 || p.first > p.last+1)
}

// broken forgets the connection: its next one is told of all that comes after.
func (p *place) broken() { p.first, p.live = 0, 0 }
