package load

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHistogramIsWithinTwoPercent(t *testing.T) {
	var h histogram
	all := make([]time.Duration, 50_000)
	for i := range all {
		all[i] = time.Duration(rand.ExpFloat64() * float64(20*time.Millisecond))
		h.record(all[i])
	}
	slices.Sort(all)
	c := h.read()
	for _, share := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[int(share*float64(len(all)-1))]
		if got := c.at(share); got < want-want/50-time.Microsecond || got > want+want/50+time.Microsecond {
			t.Errorf("p%g is %v, want %v", 100*share, got, want)
		}
	}
	h.record(-time.Second)
	h.record(100 * time.Hour)
	if after := h.read().since(c); after.total() != 2 || after.at(0) != 0 {
		t.Errorf("%d, %v", after.total(), after.at(0))
	}
}

// What a place takes for a fault, and what not.
func TestPlace(t *testing.T) {
	for name, c := range map[string]struct {
		before []int64 // told before the answer that says where the room is
		head   int64
		after  []int64
		wrong  string
		lacks  bool
		last   int64
	}{
		"in order":                      {nil, 5, []int64{6, 7}, "", false, 7},
		"told before the answer":        {[]int64{6, 7}, 5, []int64{8}, "", false, 8},
		"told of what the answer knows": {[]int64{4, 5}, 5, []int64{6}, "", false, 6},
		"told after the answer of it":   {[]int64{4}, 5, []int64{5, 6}, "", false, 6},
		"twice":                         {nil, 5, []int64{6, 6}, "doubled", false, 6},
		"an older one again":            {nil, 5, []int64{6, 7, 6}, "doubled", false, 7},
		"a gap":                         {nil, 5, []int64{6, 8}, "gap", false, 6},
		"an empty room":                 {nil, 0, []int64{1}, "", false, 1},
	} {
		p, wrong := &place{}, ""
		for _, seq := range c.before {
			wrong += p.take(seq)
		}
		lacks := p.begin("e", c.head)
		for _, seq := range c.after {
			wrong += p.take(seq)
		}
		if wrong != c.wrong || lacks != c.lacks || p.last != c.last {
			t.Errorf("%s: %q, lacks %v, last %d", name, wrong, lacks, p.last)
		}
	}
}

// A connection that comes back lacks what came meanwhile, until it has asked.
func TestPlaceAfterALoss(t *testing.T) {
	p := &place{}
	p.begin("e", 5)
	p.take(6)
	p.broken()
	if wrong := p.take(9); wrong != "" || p.last != 6 {
		t.Fatalf("%q, last %d", wrong, p.last)
	}
	if !p.begin("e", 8) {
		t.Fatal("7 and 8 are missing")
	}
	p.last = 8 // it has asked
	if p.settle(); p.last != 9 {
		t.Fatalf("last %d", p.last)
	}
	if p.broken(); p.begin("another log", 3) || p.last != 3 {
		t.Fatalf("last %d", p.last)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{URLs: []string{"http://localhost:3000"}, People: 2, Rate: 1, Duration: time.Second, TextLength: 10}
	if err := good.validate(1); err != nil {
		t.Fatal(err)
	}
	for word, change := range map[string]func(*Options){
		"address":       func(o *Options) { o.URLs = []string{"http://localhost:3000", "localhost"} },
		"people":        func(o *Options) { o.People = 0 },
		"rate":          func(o *Options) { o.Rate = -1 },
		"duration":      func(o *Options) { o.Duration = 0 },
		"shares":        func(o *Options) { o.Readers = 2 },
		"two people":    func(o *Options) { o.People, o.Direct = 1, 0.5 },
		"as many rooms": func(o *Options) { o.Rooms = 3 },
		"--sign-up":     func(o *Options) { o.Rooms = 1 },
		"token":         func(o *Options) { o.NoGuests = true },
		"characters":    func(o *Options) { o.TextLength = 0 },
	} {
		o := good
		change(&o)
		if err := o.validate(1); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

// Everybody has a part, and the parts are the whole.
func TestSharesAreTheWhole(t *testing.T) {
	for _, o := range []Options{{People: 10, Rooms: 3, Rate: 5}, {People: 15_000, Rate: 2}, {People: 3, Rooms: 3}} {
		for _, n := range []int{1, 2, 3} {
			people, rooms, rate := 0, 0, 0.0
			for i := range n {
				s := o.share(i, n)
				if people, rooms, rate = people+s.People, rooms+s.Rooms, rate+s.Rate; s.People == 0 || s.Rooms > s.People {
					t.Errorf("%d of %d: %+v", i, n, s)
				}
			}
			if people != o.People || rooms != o.Rooms || rate < o.Rate*0.999 || rate > o.Rate*1.001 {
				t.Errorf("%d: %d people, %d rooms, %v messages/s", n, people, rooms, rate)
			}
		}
	}
}

// A plot has a gap where nothing was measured, and of a long run no more points than can be seen, which hide no peak.
func TestPlots(t *testing.T) {
	r := &Report{}
	for i := range 10_000 {
		s := Second{At: time.Duration(i+1) * time.Second, Delivered: 10, People: 3}
		if i < 4000 || i >= 6000 {
			s.Delivery = Latency{Count: 10, P50: time.Millisecond, P95: 2 * time.Millisecond, P99: 3 * time.Millisecond}
		}
		if i == 1234 {
			s.Delivery.P99 = 777 * time.Millisecond
		}
		r.Seconds = append(r.Seconds, s)
	}
	plots := r.plots()
	if n := len(plots[0].Told); n > plotPoints || n < plotPoints/2 {
		t.Errorf("%d points", n)
	}
	if parts := plots[0].Lines[0].Parts; len(parts) != 1 || !strings.Contains(parts[0], ",0.0") {
		t.Errorf("deliveries: %d parts", len(parts))
	}
	delivery := plots[3]
	if n := len(delivery.Lines[2].Parts); n != 2 {
		t.Errorf("p99 has %d parts, want two with a gap between them", n)
	}
	if !slices.ContainsFunc(delivery.Told, func(t told) bool { return strings.HasSuffix(t.Text, " p99 777") }) {
		t.Error("the peak is not in the plot")
	}
}
