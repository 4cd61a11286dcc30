package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // to look into the databases without the server
	_ "modernc.org/sqlite"             // the same
)

// logged is a row of the log in the database.
type logged struct {
	room string
	seq  int64
	id   string
	kind string
	user string

	clientID, target string
}

// check compares what the clients did and saw with the log. These must hold:
//
//   - an acknowledged message is in the log, under the seq and id of its acknowledgement;
//   - what was refused for good is not in it, and what nobody knows of is in it once or not;
//   - no message is in it twice, and its seqs have no gaps;
//   - at one (room, seq) everybody saw the same entry, the one that is in the log;
//   - over each connection a room's entries came in their order, without gaps;
//   - whatever was sent after another message was acknowledged stands after it;
//   - nobody saw an entry from outside of their membership;
//   - every copy that was kept by events is what a fresh reading gives (settle has looked).
func (t *trial) check(ctx context.Context) error {
	log, heads, err := t.readLog(ctx)
	if err != nil {
		return err
	}
	h := t.h
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &checker{h: h, log: log, at: map[string]logged{}, sent: map[string]logged{}, told: map[string]int{}}
	if n := len(h.problems); n > 0 {
		c.told["other"] = n
	}
	for _, e := range log {
		c.at[place(e.room, e.seq)] = e
	}
	c.contiguous(heads)
	c.acknowledgements()
	c.senderOrder()
	c.delivered()
	c.connections()
	c.memberships()
	t.report = report{Database: t.database, Nodes: max(1, t.nodes), Entries: len(log), Reconnects: h.reconnects, Resets: h.resets, Problems: h.problems, Found: c.told}
	t.measure()
	return nil
}

func place(room string, seq int64) string { return fmt.Sprintf("%s/%d", room, seq) }

// readLog reads the log of the trial's rooms straight from the database.
func (t *trial) readLog(ctx context.Context) ([]logged, map[string]int64, error) {
	driver, dsn := "pgx", t.server.databaseURL()
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+file+"?_pragma=query_only(1)"
	}
	d, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = d.Close() }() // it was only read
	if driver == "sqlite" {
		var verdict string
		if err := d.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
			return nil, nil, err
		}
		if verdict != "ok" {
			return nil, nil, fmt.Errorf("the file is damaged: %s", verdict)
		}
	}
	rows, err := d.QueryContext(ctx, `SELECT room_id, seq, id, kind, actor_id, COALESCE(client_id, ''), COALESCE(target_id, '') FROM log
		WHERE room_id <> 'general' ORDER BY room_id, seq`)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var log []logged
	for rows.Next() {
		var e logged
		if err := rows.Scan(&e.room, &e.seq, &e.id, &e.kind, &e.user, &e.clientID, &e.target); err != nil {
			return nil, nil, err
		}
		log = append(log, e)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	heads := map[string]int64{}
	for _, id := range t.allRooms() {
		var head int64
		if err := d.QueryRowContext(ctx, `SELECT last_seq FROM rooms WHERE id = $1`, id).Scan(&head); err != nil {
			return nil, nil, err
		}
		heads[id] = head
	}
	return log, heads, nil
}

type checker struct {
	h    *history
	log  []logged
	at   map[string]logged // by place
	sent map[string]logged // by sender and client id
	told map[string]int    // problems by kind, of which the first few are told
}

func (c *checker) problem(kind, format string, args ...any) {
	if c.told[kind]++; c.told[kind] <= 5 {
		c.h.problems = append(c.h.problems, kind+": "+fmt.Sprintf(format, args...))
	}
}

func (c *checker) contiguous(heads map[string]int64) {
	last := map[string]int64{}
	for _, e := range c.log {
		if e.seq != last[e.room]+1 {
			c.problem("gap", "%s has %d after %d", e.room, e.seq, last[e.room])
		}
		last[e.room] = e.seq
		if e.kind != "message" {
			continue
		}
		key := e.user + " " + e.clientID
		if old, ok := c.sent[key]; ok {
			c.problem("duplicate", "%s is at %s and %s", key, place(old.room, old.seq), place(e.room, e.seq))
		}
		c.sent[key] = e
	}
	for room, head := range heads {
		if last[room] != head {
			c.problem("head", "%s ends at %d, its head is %d", room, last[room], head)
		}
	}
}

func (c *checker) acknowledgements() {
	for _, s := range c.h.sends {
		e, ok := c.sent[s.user+" "+s.clientID]
		switch {
		case s.outcome == acked && !ok:
			c.problem("lost", "%s was acknowledged as %s and is not in the log", s.clientID, place(s.room, s.seq))
		case s.outcome == acked && (e.id != s.id || e.seq != s.seq || e.room != s.room):
			c.problem("acknowledged wrongly", "%s as %s, and is at %s", s.clientID, place(s.room, s.seq), place(e.room, e.seq))
		case s.outcome == refused && ok:
			c.problem("refused but saved", "%s is at %s", s.clientID, place(e.room, e.seq))
		}
	}
}

// senderOrder checks that what was sent after an acknowledgement stands after what was acknowledged.
func (c *checker) senderOrder() {
	byRoom := map[string][]*sent{}
	for _, s := range c.h.sends {
		if s.outcome == acked {
			byRoom[s.room] = append(byRoom[s.room], s)
		}
	}
	for _, list := range byRoom {
		ended := slices.Clone(list)
		slices.SortFunc(list, func(a, b *sent) int { return a.begun.Compare(b.begun) })
		slices.SortFunc(ended, func(a, b *sent) int { return a.ended.Compare(b.ended) })
		var before *sent // the last in the log of those acknowledged so far
		i := 0
		for _, b := range list {
			for ; i < len(ended) && ended[i].ended.Before(b.begun); i++ {
				if before == nil || ended[i].seq > before.seq {
					before = ended[i]
				}
			}
			if before != nil && before.seq > b.seq {
				c.problem("reordered", "%s at %d was sent after the acknowledgement of %s at %d", b.clientID, b.seq, before.clientID, before.seq)
			}
		}
	}
}

// delivered checks that everybody saw what is in the log, and no text at two places.
func (c *checker) delivered() {
	texts := map[string]string{}
	for _, d := range c.h.deliveries {
		if d.kind == "added" {
			continue
		}
		e, ok := c.at[place(d.room, d.seq)]
		switch {
		case !ok:
			c.problem("phantom", "%s saw %s, which is not in the log", d.user, place(d.room, d.seq))
		case e.id != d.id:
			c.problem("two entries", "%s saw %s at %s, where the log has %s", d.user, d.id, place(d.room, d.seq), e.id)
		}
		if d.kind != "message" || !strings.HasPrefix(d.text, "<") {
			continue
		}
		if where, ok := texts[d.text]; ok && where != place(d.room, d.seq) {
			c.problem("duplicate", "%s is at %s and at %s", d.text, where, place(d.room, d.seq))
		}
		texts[d.text] = place(d.room, d.seq)
	}
}

// connections checks the order of what came over each connection. It may begin anew, further on, with one's own joining, and once when
// the server tells that one is in the room.
func (c *checker) connections() {
	last, anew := map[string]int64{}, map[string]bool{}
	for _, d := range c.h.deliveries {
		if d.conn == 0 {
			continue
		}
		key := fmt.Sprint(d.conn, " ", d.room)
		if d.kind == "added" {
			anew[key] = true
			continue
		}
		before := last[key]
		begins := (d.mine || anew[key]) && d.seq > before
		if d.seq != before+1 {
			anew[key] = false
		}
		if before != 0 && d.seq != before+1 && !begins {
			c.problem("order", "%s received %s after %d over connection %d", d.user, place(d.room, d.seq), before, d.conn)
		}
		last[key] = d.seq
	}
}

// memberships checks that nobody saw anything from outside of their time in a room.
func (c *checker) memberships() {
	type interval struct{ from, to int64 }
	of := map[string][]interval{}
	for _, e := range c.log {
		key := e.room + " " + e.target
		switch e.kind {
		case "join":
			from := e.seq
			if e.user == e.target { // the founder has made it
				from = 1
			}
			of[key] = append(of[key], interval{from, 1 << 62})
		case "leave", "kick", "ban":
			of[key][len(of[key])-1].to = e.seq
		}
	}
	for _, d := range c.h.deliveries {
		if d.kind == "added" {
			continue
		}
		if !slices.ContainsFunc(of[d.room+" "+d.user], func(i interval) bool { return d.seq >= i.from && d.seq < i.to }) {
			c.problem("leak", "%s saw %s from outside", d.user, place(d.room, d.seq))
		}
	}
	slices.SortFunc(c.h.problems, cmp.Compare)
}
