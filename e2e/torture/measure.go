package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is what a run found.
type report struct {
	times
	Database                           string
	Nodes, Entries, Reconnects, Resets int

	Found    map[string]int // violations, by kind
	Problems []string       // the first few of each kind
	Phases   []times        // what was broken, one thing after the other
}

// times are what people did and how long it took while one thing was broken and mended, or all the time.
type times struct {
	Name                                              string
	Took                                              time.Duration
	Strikes, Sent, Acked, Refused, Unknown, Delivered int

	Waited      spread        // from a message's first try to its acknowledgement: what its sender waited
	Ack         spread        // from its last try to that
	Delivery    spread        // from the same to its arrival at each of those who are always members, by whatever way
	Resumed     spread        // from a connection's end to being joined again
	Recovered   time.Duration // the longest from mending to the first acknowledgement
	ReadyAgain  time.Duration // the longest that a node took to start
	ZombiesGone time.Duration // from the last half-open connection until the nodes have noticed all of them
	Grown       int64         // bytes of memory that a node took, at most, where that is looked at
	Note        string        // what else is to be said
	Visible     int           // what a person would have seen: refusals for want of a server, attempts to connect that failed
}

// spread are percentiles.
type spread struct {
	N             int
	P50, P99, Max time.Duration
}

func (s spread) String() string {
	return fmt.Sprintf("%v/%v/%v", s.P50.Round(time.Millisecond), s.P99.Round(time.Millisecond), s.Max.Round(time.Millisecond))
}

func spreadOf(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	slices.Sort(all)
	return spread{len(all), all[len(all)/2], all[min(len(all)-1, len(all)*99/100)], all[len(all)-1]}
}

func (r report) String() string {
	text := fmt.Sprintf("%d lost, %d duplicated, %d reordered, %d leaked, %d other problems; %d entries, %d reconnects, %d resets; ",
		r.Found["lost"], r.Found["duplicate"], r.Found["reordered"]+r.Found["order"], r.Found["leak"], r.others(), r.Entries, r.Reconnects, r.Resets)
	return text + r.times.String()
}

func (t times) String() string {
	text := fmt.Sprintf("%d strikes; %d sent: %d acknowledged, %d refused, %d unknown; %d delivered; %d visible errors; p50/p99/max: waited %v, ack %v, delivery %v, resumed %v",
		t.Strikes, t.Sent, t.Acked, t.Refused, t.Unknown, t.Delivered, t.Visible, t.Waited, t.Ack, t.Delivery, t.Resumed)
	for _, part := range []struct {
		what string
		took time.Duration
	}{{"ready again within", t.ReadyAgain}, {"acknowledged again within", t.Recovered}, {"zombies gone after", t.ZombiesGone}} {
		if part.took > 0 {
			text += fmt.Sprintf("; %s %v", part.what, part.took.Round(time.Millisecond))
		}
	}
	if t.Note != "" {
		text += "; " + t.Note
	}
	return text
}

// others is the number of problems that are no violation of the four promises.
func (r report) others() int {
	n := 0
	for kind, count := range r.Found {
		if !slices.Contains([]string{"lost", "duplicate", "reordered", "order", "leak"}, kind) {
			n += count
		}
	}
	return n
}

// measure finds the times in the history. The caller holds its lock.
func (t *trial) measure() {
	first := t.deliveries()
	for _, p := range t.phases {
		m := t.between(p.from, p.to, first)
		m.Name, m.Took, m.Strikes, m.ReadyAgain, m.ZombiesGone = p.name, p.to.Sub(p.from), int(p.strikes.Load()), p.slowestStart, p.zombiesGone
		m.Note, m.Grown = p.note, p.grown
		for _, at := range p.mends {
			if ack, ok := firstAck(t.h.sends, at, kills[p.name].flood); ok && kills[p.name].recovered {
				m.Recovered = max(m.Recovered, ack.Sub(at))
			}
		}
		t.report.Phases = append(t.report.Phases, m)
		t.report.Strikes += m.Strikes
	}
	strikes := t.report.Strikes
	t.report.times = t.between(time.Time{}, time.Now(), first)
	t.report.Strikes = strikes
}

// between measures what was begun between two moments.
func (t *trial) between(from, to time.Time, first map[string][]time.Time) (m times) {
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	var acks, waits, deliveries, resumes []time.Duration
	for _, s := range t.h.sends {
		if !within(s.begun) {
			continue
		}
		m.Sent++
		switch s.outcome {
		case acked:
			m.Acked++
			acks = append(acks, s.ended.Sub(s.tried))
			waits = append(waits, s.ended.Sub(s.begun))
		case refused:
			m.Refused++
		default:
			m.Unknown++
		}
		for _, at := range first[s.text] {
			deliveries = append(deliveries, at.Sub(s.tried))
		}
	}
	for _, r := range t.h.resumes {
		if within(r.at) {
			resumes = append(resumes, r.took)
		}
	}
	for _, at := range t.h.visible {
		if within(at) {
			m.Visible++
		}
	}
	m.Waited = spreadOf(waits)
	m.Ack, m.Delivery, m.Resumed, m.Delivered = spreadOf(acks), spreadOf(deliveries), spreadOf(resumes), len(deliveries)
	return m
}

// firstAck is the first acknowledgement after a moment; of what was sent after it, if it is to be new.
func firstAck(sends []*sent, after time.Time, fresh bool) (first time.Time, ok bool) {
	for _, s := range sends {
		if s.outcome == acked && s.ended.After(after) && (!fresh || s.tried.After(after)) && (!ok || s.ended.Before(first)) {
			first, ok = s.ended, true
		}
	}
	return first, ok
}

// deliveries are the times at which each message came to those who were always members, by its text, however it came.
func (t *trial) deliveries() map[string][]time.Time {
	regular, sender, seen := map[string]bool{}, map[string]string{}, map[string]bool{}
	for _, id := range t.regulars() {
		regular[id] = true
	}
	for _, s := range t.h.sends {
		sender[s.text] = s.user
	}
	out := map[string][]time.Time{}
	for _, d := range t.h.deliveries {
		key := d.user + d.text
		if d.text == "" || d.kind != "message" || !regular[d.user] || d.user == sender[d.text] || seen[key] {
			continue
		}
		seen[key] = true
		out[d.text] = append(out[d.text], d.at)
	}
	return out
}

// bound is what a report must keep to under a fault; zero is no bound.
type bound struct {
	delivery, resumed  time.Duration // 99th percentiles
	recovered, zombies time.Duration
	grown              int64
	invisible          bool // no request may have an error, and no attempt to connect fail
}

// bounds are those of the fault matrix.
var bounds = map[string]bound{
	"server":             {resumed: 5 * time.Second},
	"redis":              {delivery: 2 * time.Second, invisible: true},
	"redis-pause":        {delivery: 2 * time.Second, invisible: true},
	"redis-partition":    {delivery: 2 * time.Second, invisible: true},
	"redis-flap":         {delivery: 2 * time.Second, invisible: true},
	"redis-flush":        {delivery: 2 * time.Second, invisible: true},
	"database":           {recovered: 10 * time.Second},
	"database-restart":   {recovered: 10 * time.Second},
	"database-failover":  {recovered: 10 * time.Second},
	"disk-full":          {recovered: 10 * time.Second},
	"flood":              {recovered: 10 * time.Second},
	"pause":              {recovered: 10 * time.Second},
	"database-partition": {recovered: 10 * time.Second},
	"half-open":          {zombies: 46 * time.Second}, // a heartbeat and its deadline, and how exactly it is looked at
	"reset":              {resumed: 5 * time.Second},
	"cut":                {resumed: 5 * time.Second},
	"balancer":           {resumed: 5 * time.Second},
	"balancer-reload":    {resumed: 5 * time.Second},
	"slow":               {grown: 256 << 20},
	"upgrade":            {resumed: 5 * time.Second, invisible: true},
	"roll":               {resumed: 5 * time.Second, invisible: true},
}

// late says which bounds were not kept.
func (r times) late() (out []string) {
	b := bounds[r.Name]
	for _, c := range []struct {
		what       string
		took, most time.Duration
	}{
		{"delivery p99", r.Delivery.P99, b.delivery}, {"resumed p99", r.Resumed.P99, b.resumed}, {"recovered", r.Recovered, b.recovered},
		{"zombies gone", r.ZombiesGone, b.zombies},
	} {
		if c.most > 0 && c.took > c.most {
			out = append(out, fmt.Sprintf("%s: %s %v, the bound is %v", r.Name, c.what, c.took, c.most))
		}
	}
	if b.grown > 0 && r.Grown > b.grown {
		out = append(out, fmt.Sprintf("%s: a node has taken %d MiB more, the bound is %d MiB", r.Name, r.Grown>>20, b.grown>>20))
	}
	if b.invisible && r.Visible > 0 {
		out = append(out, fmt.Sprintf("%s: %d errors that a person would have seen", r.Name, r.Visible))
	}
	return out
}

// table prints reports side by side.
func table(reports []report) string {
	var b strings.Builder
	b.WriteString("| broken | database | nodes | seconds | strikes | acknowledged | lost | duplicated | reordered | leaked | other | unknown | refused | visible | " +
		"waited p50/p99/max | delivery p50/p99/max | resumed p50/p99/max | recovered | besides |\n|" + strings.Repeat("---|", 19) + "\n")
	for _, r := range reports {
		for _, m := range r.Phases {
			fmt.Fprintf(&b, "| %s | %s | %d | %.0f | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %v | %v | %v | %v | %s |\n", m.Name, r.Database, r.Nodes,
				m.Took.Seconds(), m.Strikes, m.Acked, r.Found["lost"], r.Found["duplicate"], r.Found["reordered"]+r.Found["order"], r.Found["leak"], r.others(),
				m.Unknown, m.Refused, m.Visible, m.Waited, m.Delivery, m.Resumed, cmp.Or(m.Recovered, m.ZombiesGone, m.ReadyAgain).Round(time.Millisecond), m.Note)
		}
	}
	return b.String()
}
