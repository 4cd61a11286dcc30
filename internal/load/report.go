package load

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what came of a run.
type Report struct {
	Options Options
	Begun   time.Time
	Took    time.Duration
	Seconds []Second

	Connect, Join, Ack, Delivery Latency
	Back                         Latency // of those whose connections the storm has cut, until they had joined and caught up
	// Connections: attempts, refusals, losses that were not asked for, cuts that were, times that somebody caught up.
	Attempts, Refusals, Losses, Cuts, CaughtUp int64
	// Messages: sent, acknowledged, refused, of unknown outcome; that were due when everybody was busy; delivered.
	Sent, Acked, Refused, Unknown, Nobody, Delivered int64
	// Other events: told by the server; typing and reading that was told to it.
	Told, Typed, Reads int64
	ReadBack           int64 // acknowledged messages that were looked up in the end
	Behind             int64 // people and rooms that were still being caught up with then: too slow, and no proof
	Peak               int   // people at the same time
	Errors, Connects   []Count
	Problems           []Count // what must never be, by kind
	Examples           []string
	HeldBack           []string // the target's limits that were felt, in words
	Target             Target   // what the server used, on average and at most; zero when it was not asked

	counts map[string]*counts // of the latencies, by name
}

// Count is how often something happened.
type Count struct {
	What  string
	Times int
}

func counted(m map[string]int) []Count {
	out := make([]Count, 0, len(m))
	for _, what := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Count{what, m[what]})
	}
	slices.SortStableFunc(out, func(a, b Count) int { return cmp.Compare(b.Times, a.Times) })
	return out
}

func (t *tester) report() *Report {
	s := &t.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	t.truth.mu.Lock()
	defer t.truth.mu.Unlock()
	r := &Report{
		Options: t.o, Begun: t.begun, Took: t.now(), Seconds: t.seconds,
		counts:   map[string]*counts{"connect": s.connect.read(), "join": s.join.read(), "ack": s.ack.read(), "delivery": s.delivery.read(), "back": s.back.read()},
		Attempts: s.attempts.Load(), Cuts: s.cuts.Load(), Losses: s.disconnects.Load() - s.cuts.Load(), CaughtUp: s.caughtUp.Load(),
		Sent: s.sent.Load(), Acked: s.acked.Load(), Refused: s.refused.Load(), Unknown: s.unknown.Load(), Nobody: s.nobody.Load(), Delivered: s.delivered.Load(),
		Told: s.told.Load(), Typed: s.typed.Load(), Reads: s.reads.Load(), ReadBack: s.readBack.Load(), Behind: s.behind.Load(),
		Errors: counted(s.errors), Connects: counted(s.connects), Problems: counted(t.truth.problems), Examples: t.truth.examples,
	}
	r.Options.Token = "" // it is in no report
	r.Target = t.target.all()
	r.finish()
	return r
}

// finish sets what follows from what was counted.
func (r *Report) finish() {
	for name, latency := range map[string]*Latency{"connect": &r.Connect, "join": &r.Join, "ack": &r.Ack, "delivery": &r.Delivery, "back": &r.Back} {
		if c := r.counts[name]; c != nil {
			*latency = c.latency()
		}
	}
	r.Refusals = 0
	for _, c := range r.Connects {
		r.Refusals += int64(c.Times)
	}
	for _, one := range r.Seconds {
		r.Peak = max(r.Peak, one.People)
	}
	r.HeldBack = r.heldBack()
}

// limits are the server's words for its limits, and the settings behind them.
var limits = []struct{ where, words, setting string }{
	{"connect", "Too many connections from this address", "PARLEY_CONNECTIONS_PER_IP"},
	{"connect", "Too many new connections from this address", "PARLEY_CONNECTION_RATE_PER_IP"},
	{"connect", "Server is busy", "PARLEY_HANDSHAKES"},
	{"user-join: ", "too-large", "PARLEY_CONNECTIONS_PER_PERSON"},
	{"chat-message: ", "rate-limited", "PARLEY_RATE_LIMIT, PARLEY_EVENTS_PER_MINUTE"},
	{"room-join: ", "rate-limited", "PARLEY_CREATION_LIMIT"},
	{"room-create: ", "rate-limited", "PARLEY_CREATION_LIMIT"},
	{"direct-open: ", "rate-limited", "PARLEY_CREATION_LIMIT"},
	{"account-create: ", "rate-limited", "PARLEY_SIGN_IN_LIMIT"},
	{"", ": rate-limited", "PARLEY_EVENTS_PER_MINUTE"},
}

// heldBack says which of the target's limits were felt.
func (r *Report) heldBack() []string {
	times := map[string]int{}
	for _, c := range r.Connects {
		for _, l := range limits {
			if l.where == "connect" && strings.Contains(c.What, l.words) {
				times[l.setting] += c.Times
				break
			}
		}
	}
	for _, c := range r.Errors {
		for _, l := range limits {
			if l.where != "connect" && strings.HasPrefix(c.What, l.where) && strings.Contains(c.What, l.words) {
				times[l.setting] += c.Times
				break
			}
		}
	}
	counts := counted(times)
	out := make([]string, 0, len(counts))
	for _, c := range counts {
		out = append(out, fmt.Sprintf("%d refusals by %s", c.Times, c.What))
	}
	return out
}

// Sound reports whether nothing was lost, doubled or reordered, everybody could be asked, and anything was there to be.
func (r *Report) Sound() bool {
	return len(r.Problems) == 0 && r.Behind == 0 && (r.Acked > 0 || r.Options.Rate == 0)
}

// Text prints the report for a terminal.
func (r *Report) Text(out io.Writer) error {
	var b strings.Builder
	o := r.Options
	fmt.Fprintf(&b, "\n%s: %d people, %g messages/s for %v", o.Server(), o.People, o.Rate, o.Duration)
	if o.Rooms > 0 {
		fmt.Fprintf(&b, ", %d rooms", o.Rooms)
	}
	fmt.Fprintf(&b, "\n\n%-14s %9s %9s %9s %9s %9s %9s %9s\n", "latency", "count", "p50", "p90", "p95", "p99", "p99.9", "most")
	for _, l := range r.Latencies() {
		fmt.Fprintf(&b, "%-14s %9d %9s %9s %9s %9s %9s %9s\n", l.Name, l.Count, brief(l.P50), brief(l.P90), brief(l.P95), brief(l.P99), brief(l.P999), brief(l.Highest))
	}
	b.WriteByte('\n')
	for _, f := range r.Figures() {
		fmt.Fprintf(&b, "%-14s %s\n", f.Name, f.Text)
	}
	list := func(title string, counts []Count) {
		for i, c := range counts {
			if i == 0 {
				fmt.Fprintf(&b, "\n%s\n", title)
			}
			fmt.Fprintf(&b, "%9d  %s\n", c.Times, c.What)
		}
	}
	list("not done, by event and code", r.Errors)
	list("connections refused", r.Connects)
	if len(r.HeldBack) > 0 {
		fmt.Fprintf(&b, "\nTHE TARGET'S LIMITS HELD THIS TEST BACK: %s.\n%s\n", strings.Join(r.HeldBack, "; "), heldBackAdvice)
	}
	list("WRONG", r.Problems)
	for _, e := range r.Examples {
		fmt.Fprintf(&b, "           %s\n", e)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Verdict())
	_, err := io.WriteString(out, b.String())
	return err
}

const heldBackAdvice = "What was measured is them, not the server. To measure the server itself, start one for it with PARLEY_RATE_LIMIT=off, " +
	"or test with more people at a lower rate and from more addresses."

// NamedLatency is a row of the report's table.
type NamedLatency struct {
	Name string
	Latency
}

// Latencies are the rows of the report's table.
func (r *Report) Latencies() []NamedLatency {
	all := []NamedLatency{{"connect", r.Connect}, {"join", r.Join}, {"acknowledged", r.Ack}, {"delivered", r.Delivery}}
	if r.Options.Storm {
		all = append(all, NamedLatency{"back", r.Back})
	}
	return all
}

// Figure is a line of the report.
type Figure struct{ Name, Text string }

// Figures are the lines of the report.
func (r *Report) Figures() []Figure {
	highest := 0.0
	for _, s := range r.Seconds {
		highest = max(highest, s.Delivered)
	}
	out := []Figure{
		{"people", fmt.Sprintf("%d at the same time; %d attempts, %d refused, %d lost, %d cut on purpose, %d times caught up", r.Peak, r.Attempts, r.Refusals, r.Losses, r.Cuts, r.CaughtUp)},
		{"messages", fmt.Sprintf("%d sent, %d acknowledged, %d refused, %d unknown; %d not sent, because everybody was busy", r.Sent, r.Acked, r.Refused, r.Unknown, r.Nobody)},
		{"deliveries", fmt.Sprintf("%d, at most %.0f in a second; %d other events", r.Delivered, highest, r.Told)},
		{"besides", fmt.Sprintf("%d times seen typing, %d times told what was read", r.Typed, r.Reads)},
	}
	if r.Target.Memory > 0 {
		out = append(out, Figure{"the server", fmt.Sprintf("%.2f processors on average, at most %.0f MiB", r.Target.CPU, r.Target.Memory/(1<<20))})
	}
	return out
}

// Verdict says whether the promises were kept.
func (r *Report) Verdict() string {
	switch {
	case len(r.Problems) > 0:
		return "NOT SOUND: something was lost, doubled or reordered."
	case r.Behind > 0:
		return fmt.Sprintf("NOT FINISHED: the server was too slow to tell what had happened meanwhile, %d times, before this test ended. Nothing is known to be lost.", r.Behind)
	case !r.Sound():
		return "NOTHING WAS MEASURED: no message was acknowledged."
	}
	return fmt.Sprintf("Sound: of %d deliveries none was lost, doubled or out of order; %d acknowledged messages were read back.", r.Delivered, r.ReadBack)
}

// brief writes a duration with three digits.
func brief(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// Line is a second as a line of progress.
func (s Second) Line() string {
	return fmt.Sprintf("%4.0fs  %5d people  %6.0f sent/s  %8.0f delivered/s  ack p50 %s p99 %s  delivery p50 %s p99 %s%s", s.At.Seconds(), s.People, s.Sent, s.Delivered,
		brief(s.Ack.P50), brief(s.Ack.P99), brief(s.Delivery.P50), brief(s.Delivery.P99), s.refusals())
}

func (s Second) refusals() string {
	if s.Refused == 0 {
		return ""
	}
	return fmt.Sprintf("  %.0f refused/s", s.Refused)
}
