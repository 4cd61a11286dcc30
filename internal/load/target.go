package load

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Target is what the server uses, all its nodes together, as their metrics say.
type Target struct {
	CPU    float64 // processors, in the last second, or on average
	Memory float64 // bytes, now, or at most
}

// target asks the server's nodes for their metrics every second. Nil asks nobody.
type target struct {
	urls        []string
	first, last map[string]usage

	mu             sync.Mutex
	latest, summed Target
}

// usage is what a node says that it has used.
type usage struct {
	at         time.Time
	cpu, bytes float64
}

// watch begins to ask, until ctx is done.
func watch(ctx context.Context, urls []string) *target {
	if len(urls) == 0 {
		return nil
	}
	t := &target{urls: urls, first: map[string]usage{}, last: map[string]usage{}}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for t.ask(ctx); ; t.ask(ctx) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return t
}

func (t *target) ask(ctx context.Context) {
	var sum, all Target
	for _, url := range t.urls {
		u, err := readUsage(ctx, url)
		if err != nil {
			continue // it may be too busy to say
		}
		if before, known := t.last[url]; known {
			sum.CPU += u.since(before)
			all.CPU += u.since(t.first[url])
		} else {
			t.first[url] = u
		}
		sum.Memory += u.bytes
		t.last[url] = u
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all.Memory = max(t.summed.Memory, sum.Memory)
	t.latest, t.summed = sum, all
}

// since is how many processors were used since an earlier time.
func (u usage) since(before usage) float64 {
	return (u.cpu - before.cpu) / u.at.Sub(before.at).Seconds()
}

// now is what was used in the last second.
func (t *target) now() Target {
	if t == nil {
		return Target{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latest
}

// all is what was used on average, and at most.
func (t *target) all() Target {
	if t == nil {
		return Target{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.summed
}

func readUsage(ctx context.Context, url string) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usage{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	u := usage{at: time.Now()}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "process_cpu_seconds_total":
			u.cpu, _ = strconv.ParseFloat(value, 64)
		case "process_resident_memory_bytes":
			u.bytes, _ = strconv.ParseFloat(value, 64)
		}
	}
	return u, lines.Err()
}
