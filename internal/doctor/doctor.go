package doctor

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, but not well, or not for long
	Error   Level = "error"   // it does not work, or loses what it promises
)

// Finding is what was looked at and what to do about it.
type Finding struct {
	Level Level
	About string // a word or two
	Says  string
	Mend  string // empty when there is nothing to do
}

// Options says where to look.
type Options struct {
	Data           string // folder of the embedded database
	DatabaseURL    string // empty for the embedded one in Data
	DatabaseConns  int
	RedisURL       string // empty for one node
	URL            string // where people reach the server, through its proxy; empty is not looked at
	Hold           time.Duration
	AllowedOrigins []string
	Proxies        []netip.Prefix
	RateLimited    bool
	AdminAddr      string
	SecretKey      bool // PARLEY_SECRET_KEY is set
	Push           bool // devices are told of messages
	PublicURL      string
	PushServices   []string        // that are asked whether they can be reached
	PushTransport  *http.Transport // reaches them; default one that reaches what is public
}

// examination is one run.
type examination struct {
	Options
	told func(Finding)
}

// Examine looks at everything, tells each finding when it has it, and reports whether there was no error.
func Examine(ctx context.Context, o Options, told func(Finding)) (healthy bool) {
	healthy = true
	e := &examination{o, func(f Finding) {
		healthy = healthy && f.Level != Error
		told(f)
	}}
	e.machine()
	e.settings()
	e.database(ctx)
	e.pushServices(ctx)
	if o.RedisURL != "" {
		e.redis(ctx)
	}
	if o.URL != "" {
		e.proxy(ctx)
	}
	return healthy
}

func (e *examination) ok(about, says string)          { e.told(Finding{OK, about, says, ""}) }
func (e *examination) warn(about, says, mend string)  { e.told(Finding{Warning, about, says, mend}) }
func (e *examination) wrong(about, says, mend string) { e.told(Finding{Error, about, says, mend}) }
func (e *examination) judge(l Level, f Finding)       { f.Level = l; e.told(f) }

// graded is warning from one bound on, and error from another.
func graded(value, warning, wrong time.Duration) Level {
	switch {
	case value >= wrong:
		return Error
	case value >= warning:
		return Warning
	}
	return OK
}

// median runs something a few times and returns the median of how long it took.
func median(times int, run func() error) (time.Duration, error) {
	took := make([]time.Duration, times)
	for i := range took {
		begun := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[times/2], nil
}

// skew judges another clock by what it said between two looks at this one.
func (e *examination) skew(whose string, before, theirs, after time.Time) {
	off := theirs.Sub(before.Add(after.Sub(before) / 2))
	says := whose + " is " + off.Abs().Round(time.Millisecond).String() + " from this one"
	e.judge(graded(off.Abs()-after.Sub(before), 2*time.Second, time.Minute), Finding{
		About: "clock", Says: says, Mend: mendIf(off.Abs() > 2*time.Second, "run an NTP client (chrony, systemd-timesyncd) on both: sessions, invitations and one-time passwords go by the clock"),
	})
}

func mendIf(yes bool, mend string) string {
	if yes {
		return mend
	}
	return ""
}
