package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"brief": brief}).Parse(page))

// HTML writes the report as one page that needs nothing beside itself.
func (r *Report) HTML(out io.Writer) error {
	return pageTemplate.Execute(out, struct {
		*Report
		Plots  []plot
		Advice string
	}{r, r.plots(), heldBackAdvice})
}

// plot is a chart over the time of the run.
type plot struct {
	Title string
	Lines []line
	XAxis []tick
	YAxis []tick
	Told  []told
}

type line struct {
	Name  string
	Color int      // of the page's series
	Parts []string // points of an SVG polyline each: there are gaps where nothing was measured
}

type tick struct {
	At   float64 // in the drawing
	Text string
}

// told is what the drawing says where it is pointed at.
type told struct {
	From, Width float64
	Text        string
}

// Drawn are the lines in the order in which they are drawn: the first over the others.
func (p plot) Drawn() []line {
	lines := slices.Clone(p.Lines)
	slices.Reverse(lines)
	return lines
}

// The drawing's size, in its own units, and how many points a line has at most.
const (
	plotWidth  = 720.0
	plotHeight = 200.0
	plotPoints = 360
)

// series is what a line shows of each second. What is negative was not measured.
type series struct {
	name  string
	value func(Second) float64
}

func (r *Report) plots() []plot {
	if len(r.Seconds) < 2 {
		return nil
	}
	ms := func(of func(Second) (Latency, time.Duration)) func(Second) float64 {
		return func(s Second) float64 {
			l, value := of(s)
			if l.Count == 0 {
				return -1
			}
			return float64(value.Microseconds()) / 1000
		}
	}
	latencies := func(of func(Second) Latency) []series {
		return []series{
			{"p50", ms(func(s Second) (Latency, time.Duration) { l := of(s); return l, l.P50 })},
			{"p95", ms(func(s Second) (Latency, time.Duration) { l := of(s); return l, l.P95 })},
			{"p99", ms(func(s Second) (Latency, time.Duration) { l := of(s); return l, l.P99 })},
		}
	}
	seconds := thin(r.Seconds, plotPoints)
	out := []plot{
		plotOf(seconds, "Deliveries a second", series{"delivered", func(s Second) float64 { return s.Delivered }}),
		plotOf(seconds, "Messages a second", series{"sent", func(s Second) float64 { return s.Sent }}, series{"acknowledged", func(s Second) float64 { return s.Acked }},
			series{"refused", func(s Second) float64 { return s.Refused }}),
		plotOf(seconds, "From being due to the acknowledgement, ms", latencies(func(s Second) Latency { return s.Ack })...),
		plotOf(seconds, "From being due to a delivery, ms", latencies(func(s Second) Latency { return s.Delivery })...),
		plotOf(seconds, "People", series{"joined", func(s Second) float64 { return float64(s.People) }}),
		plotOf(seconds, "Other events a second (typing, presence, receipts)", series{"told", func(s Second) float64 { return s.Told }}),
	}
	if r.Target.Memory > 0 {
		out = append(out,
			plotOf(seconds, "Processors that the server uses", series{"in use", func(s Second) float64 { return s.Target.CPU }}),
			plotOf(seconds, "Memory that the server uses, MiB", series{"in use", func(s Second) float64 { return s.Target.Memory / (1 << 20) }}))
	}
	return out
}

// thin makes points of several seconds each when there are too many: with what there was on average of rates, and with the worst of
// latencies.
func thin(all []Second, most int) []Second {
	size := (len(all) + most - 1) / most
	if size <= 1 {
		return all
	}
	out := make([]Second, 0, most)
	for group := range slices.Chunk(all, size) {
		n, sum := float64(len(group)), Second{}
		for _, s := range group {
			sum.At, sum.People = s.At, s.People
			sum.Sent += s.Sent / n
			sum.Acked += s.Acked / n
			sum.Delivered += s.Delivered / n
			sum.Refused += s.Refused / n
			sum.Told += s.Told / n
			sum.Target.CPU += s.Target.CPU / n
			sum.Target.Memory = max(sum.Target.Memory, s.Target.Memory)
			sum.Ack, sum.Delivery = worst(sum.Ack, s.Ack), worst(sum.Delivery, s.Delivery)
		}
		out = append(out, sum)
	}
	return out
}

func worst(a, b Latency) Latency {
	return Latency{Count: a.Count + b.Count, P50: max(a.P50, b.P50), P95: max(a.P95, b.P95), P99: max(a.P99, b.P99)}
}

func plotOf(seconds []Second, title string, all ...series) plot {
	p := plot{Title: title}
	top, end := 0.0, seconds[len(seconds)-1].At.Seconds()
	for _, s := range all {
		for _, one := range seconds {
			top = max(top, s.value(one))
		}
	}
	step := roundStep(top / 4)
	top = step * math.Ceil(max(top, step)/step)
	for i, s := range all {
		p.Lines = append(p.Lines, line{s.name, i + 1, s.parts(seconds, top, end)})
	}
	for v := 0.0; v <= top+step/2; v += step {
		p.YAxis = append(p.YAxis, tick{plotHeight - v/top*plotHeight, shortNumber(v)})
	}
	step = max(1, roundStep(end/6))
	for v := 0.0; v <= end; v += step {
		p.XAxis = append(p.XAxis, tick{v / end * plotWidth, fmt.Sprintf("%.0f s", v)})
	}
	from := 0.0
	for _, one := range seconds {
		at := one.At.Seconds() / end * plotWidth
		p.Told = append(p.Told, told{from, at - from, describe(one, all)})
		from = at
	}
	return p
}

// parts are the polylines of a series.
func (s series) parts(seconds []Second, top, end float64) (parts []string) {
	var points strings.Builder
	finish := func() {
		if points.Len() > 0 {
			parts = append(parts, strings.TrimSpace(points.String()))
			points.Reset()
		}
	}
	for _, one := range seconds {
		v, x := s.value(one), one.At.Seconds()/end*plotWidth
		if v < 0 {
			finish()
			continue
		}
		fmt.Fprintf(&points, "%.1f,%.1f ", x, plotHeight-v/top*plotHeight)
	}
	finish()
	return parts
}

// describe says what a point of a plot shows.
func describe(one Second, all []series) string {
	text := fmt.Sprintf("%.0f s:", one.At.Seconds())
	for _, s := range all {
		if v := s.value(one); v >= 0 {
			text += fmt.Sprintf(" %s %.4g", s.name, v)
		}
	}
	return text
}

// roundStep is 1, 2 or 5 times a power of ten that is not below v.
func roundStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}

func shortNumber(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}
