package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
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
}

type line struct {
	Name   string
	Color  int    // of the page's series
	Points string // of an SVG polyline
}

type tick struct {
	At   float64 // in the drawing
	Text string
}

// The drawing's size, in its own units.
const (
	plotWidth  = 720.0
	plotHeight = 200.0
)

// series is what a line shows of each second.
type series struct {
	name  string
	value func(Second) float64
}

func (r *Report) plots() []plot {
	if len(r.Seconds) < 2 {
		return nil
	}
	ms := func(of func(Second) time.Duration) func(Second) float64 {
		return func(s Second) float64 { return float64(of(s).Microseconds()) / 1000 }
	}
	out := []plot{
		r.plot("Deliveries a second", series{"delivered", func(s Second) float64 { return s.Delivered }}),
		r.plot("Messages a second", series{"sent", func(s Second) float64 { return s.Sent }}, series{"acknowledged", func(s Second) float64 { return s.Acked }},
			series{"refused", func(s Second) float64 { return s.Refused }}),
		r.plot("From being due to the acknowledgement, ms", series{"p50", ms(func(s Second) time.Duration { return s.Ack.P50 })},
			series{"p95", ms(func(s Second) time.Duration { return s.Ack.P95 })}, series{"p99", ms(func(s Second) time.Duration { return s.Ack.P99 })}),
		r.plot("From being due to a delivery, ms", series{"p50", ms(func(s Second) time.Duration { return s.Delivery.P50 })},
			series{"p95", ms(func(s Second) time.Duration { return s.Delivery.P95 })}, series{"p99", ms(func(s Second) time.Duration { return s.Delivery.P99 })}),
		r.plot("People", series{"joined", func(s Second) float64 { return float64(s.People) }}),
		r.plot("Other events a second (typing, presence, receipts)", series{"told", func(s Second) float64 { return s.Told }}),
	}
	if r.Target.Memory > 0 {
		out = append(out,
			r.plot("Processors that the server uses", series{"in use", func(s Second) float64 { return s.Target.CPU }}),
			r.plot("Memory that the server uses, MiB", series{"in use", func(s Second) float64 { return s.Target.Memory / (1 << 20) }}))
	}
	return out
}

func (r *Report) plot(title string, all ...series) plot {
	p := plot{Title: title}
	top, end := 0.0, r.Seconds[len(r.Seconds)-1].At.Seconds()
	for _, s := range all {
		for _, one := range r.Seconds {
			top = max(top, s.value(one))
		}
	}
	step := roundStep(top / 4)
	top = step * math.Ceil(max(top, step)/step)
	for i, s := range all {
		var points strings.Builder
		for _, one := range r.Seconds {
			fmt.Fprintf(&points, "%.1f,%.1f ", one.At.Seconds()/end*plotWidth, plotHeight-s.value(one)/top*plotHeight)
		}
		p.Lines = append(p.Lines, line{s.name, i + 1, strings.TrimSpace(points.String())})
	}
	for v := 0.0; v <= top+step/2; v += step {
		p.YAxis = append(p.YAxis, tick{plotHeight - v/top*plotHeight, shortNumber(v)})
	}
	step = max(1, roundStep(end/6))
	for v := 0.0; v <= end; v += step {
		p.XAxis = append(p.XAxis, tick{v / end * plotWidth, fmt.Sprintf("%.0f s", v)})
	}
	return p
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
