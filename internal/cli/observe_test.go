package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"gopkg.in/yaml.v3"

	"parley/internal/db"
)

// scrape reads a node's metrics: samples by name, and how many series there are.
func (s *server) scrape() (map[string]float64, int) {
	s.t.Helper()
	res, err := http.Get(s.url + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, series := map[string]float64{}, 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		series++
		var v float64
		_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v)
		out[strings.FieldsFunc(line, func(r rune) bool { return r == '{' || r == ' ' })[0]] += v
	}
	return out, series
}

// used lets a little of everything happen at a node.
func (s *server) used() {
	p := s.join("Ana")
	q := s.join("Ben")
	for range 12 {
		p.ask("chat-message", reply{"text": "measured"})
	}
	q.heard("new-message", "measured")
	if res, err := http.Get(s.url + "/socket.io/?EIO=3&transport=polling"); err == nil {
		_ = res.Body.Close()
	}
	q.Close()
	p.heard("user-left")
}

var metricNames = regexp.MustCompile(`\b(parley|go|process)_[a-z_]+[a-z]\b`)

// What the dashboard draws and the alerts look at is there.
func TestDashboardAndAlertsNameMetricsThatExist(t *testing.T) {
	nodes, _ := startNodes(t, 2, "--rate-limit=10/m")
	nodes[0].used()
	there, _ := nodes[0].scrape()
	for name, exprs := range map[string][]string{"dashboard": dashboardExprs(t), "alerts": alertExprs(t)} {
		seen := 0
		for _, expr := range exprs {
			for _, metric := range metricNames.FindAllString(expr, -1) {
				seen++
				if _, ok := there[metric]; !ok {
					t.Errorf("the %s has %s, which is not among the metrics", name, metric)
				}
			}
		}
		if seen < 15 {
			t.Errorf("the %s names %d metrics only: nothing was tested", name, seen)
		}
	}
	for metric, least := range map[string]float64{
		"parley_build_info": 1, "parley_connections": 1, "parley_people_online": 1, "parley_messages_total": 10, "parley_deliveries_total": 10,
		"parley_bytes_written_total": 1000, "parley_writes_total": 10, "parley_frames_written_total": 10, "parley_rate_limited_total": 2,
		"parley_connections_refused_total": 1, "parley_connections_closed_total": 1, "parley_commit_seconds_count": 3, "parley_database_up": 1, "parley_nodes_connected": 1,
	} {
		if there[metric] < least {
			t.Errorf("%s is %v, want at least %v", metric, there[metric], least)
		}
	}
}

func dashboardExprs(t *testing.T) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana/parley.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			out = append(out, target.Expr)
		}
	}
	return out
}

func alertExprs(t *testing.T) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations struct{ Summary, Description string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, r := range d.Groups[0].Rules {
		if r.Alert == "" || r.Annotations.Summary == "" || r.Annotations.Description == "" {
			t.Errorf("an alert without words: %+v", r)
		}
		out = append(out, r.Expr)
	}
	return out
}

// What clients send does not become labels: nobody can fill the memory with series.
func TestMetricsDoNotGrowWithWhatClientsSend(t *testing.T) {
	s := start(t, "--rate-limit=off", "--allowed-origins=https://a.test")
	p := s.join("Ana")
	try := func(n int) {
		for i := range n {
			p.ask(fmt.Sprintf("event-%d-%d", n, i), reply{})
			p.ask("chat-message", reply{"text": "x", "roomId": fmt.Sprintf("room-%d-%d", n, i)})
			for _, url := range []string{fmt.Sprintf("/socket.io/?EIO=4&transport=t%d", i), fmt.Sprintf("/socket.io/?EIO=4&transport=polling&sid=%d", i), fmt.Sprintf("/%d", i)} {
				req, _ := http.NewRequest(http.MethodGet, s.url+url, nil)
				req.Header.Set("Origin", fmt.Sprintf("https://%d.test", i))
				if res, err := http.DefaultClient.Do(req); err == nil {
					_ = res.Body.Close()
				}
			}
		}
	}
	try(1)
	_, before := s.scrape()
	try(40)
	if _, after := s.scrape(); after > before {
		t.Errorf("%d series have become %d", before, after)
	}
}

// collector is a receiver of OTLP over HTTP with the official collector's decoder.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []collected
}

type collected struct {
	node string
	ptrace.Span
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in := ptraceotlp.NewExportRequest()
		if err := in.UnmarshalJSON(body); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Authorization") != "Bearer of it" {
			t.Errorf("%s %v: %v", r.URL, r.Header, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range in.Traces().ResourceSpans().All() {
			node, _ := resource.Resource().Attributes().Get("service.instance.id")
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					c.spans = append(c.spans, collected{node.Str(), span})
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// trace waits for a trace that has so many spans of each name, and returns it.
func (c *collector) trace(t *testing.T, root string, want map[string]int) map[string][]collected {
	t.Helper()
	var seen string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		c.mu.Lock()
		for _, r := range c.spans {
			if r.Name() != root {
				continue
			}
			trace := map[string][]collected{}
			for _, s := range c.spans {
				if s.TraceID() == r.TraceID() {
					trace[s.Name()] = append(trace[s.Name()], s)
				}
			}
			whole := true
			for name, n := range want {
				whole = whole && len(trace[name]) == n
			}
			if whole {
				c.mu.Unlock()
				return trace
			}
			seen = fmt.Sprint(trace)
		}
		c.mu.Unlock()
	}
	t.Fatalf("no trace of %s has %v, but %s", root, want, seen)
	return nil
}

// A message is one trace, from its event through the commit to its delivery on every node.
func TestTracesFromEventToDelivery(t *testing.T) {
	c := newCollector(t)
	nodes, _ := startNodes(t, 2, "--otlp-endpoint="+c.URL, "--otlp-headers=Authorization=Bearer%20of it", "--trace-share=1")
	ana, ben := nodes[0].join("Ana"), nodes[1].join("Ben")
	ana.must("chat-message", reply{"text": "traced"})
	ben.heard("new-message", "traced")
	trace := c.trace(t, "chat-message", map[string]int{"chat-message": 1, "commit": 1, "deliver new-message": 2})
	event, commit := trace["chat-message"][0], trace["commit"][0]
	if commit.ParentSpanID() != event.SpanID() || commit.StartTimestamp() < event.StartTimestamp() || commit.EndTimestamp() > event.EndTimestamp() {
		t.Error("the commit is not within the event")
	}
	if n, ok := commit.Attributes().Get("parley.batch"); !ok || n.Int() < 1 {
		t.Error("the commit does not tell its batch")
	}
	where := map[string]bool{}
	for _, d := range trace["deliver new-message"] {
		where[d.node] = true
		if n, _ := d.Attributes().Get("parley.receivers"); d.ParentSpanID() != commit.SpanID() || n.Int() != 1 {
			t.Errorf("%v receivers, parent %v", n.AsRaw(), d.ParentSpanID())
		}
	}
	if len(where) != 2 {
		t.Errorf("delivered on %v", where)
	}
	ana.refused("chat-message", reply{"text": ""}, "invalid", "")
	refusal := c.trace(t, "chat-message", map[string]int{"chat-message": 1, "commit": 0})["chat-message"][0]
	if code, _ := refusal.Attributes().Get("parley.code"); refusal.Status().Code() != ptrace.StatusCodeError || code.Str() != "invalid" {
		t.Errorf("%v %v", refusal.Status().Code(), code.AsRaw())
	}
}

func TestTracesGoNowhereByDefault(t *testing.T) {
	if printed := cli(t, 1, "serve", "--data="+t.TempDir(), "--port=0", "--otlp-endpoint=localhost:4318"); !strings.Contains(printed, "OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Error(printed)
	}
	s := start(t, "--otlp-endpoint=http://127.0.0.1:1", "--trace-share=1")
	p := s.join("Ana") // a collector that is away is nobody's trouble
	for range 20 {
		p.must("chat-message", reply{"text": "untraced"})
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(s.log.String(), "traces are dropped") {
		t.Error(s.log.String())
	}
}

// What fails on the server has an id, which the answer and the log have in common.
func TestFaultsHaveAnID(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "--data="+dir)
	p := s.join("Ana")
	d, err := db.Open(t.Context(), db.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for _, table := range []string{"search_docs", "avatars"} {
		if _, err := d.Pool().Exec("ALTER TABLE " + table + " RENAME TO gone_" + table); err != nil {
			t.Fatal(err)
		}
	}
	id, _ := p.refused("search", reply{"query": "word"}, "unavailable", "")["requestId"].(string)
	if len(id) < 16 || !strings.Contains(s.log.String(), "request="+id) {
		t.Errorf("id %q is not in the log\n%s", id, s.log)
	}
	res, err := http.Get(s.url + "/avatars/0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ RequestID string }
	_ = json.NewDecoder(res.Body).Decode(&answer)
	_ = res.Body.Close()
	if id := res.Header.Get("X-Request-Id"); id == "" || answer.RequestID != id || !strings.Contains(s.log.String(), "request="+id) {
		t.Errorf("%s: header %q, answer %q\n%s", res.Status, id, answer.RequestID, s.log)
	}
	if p.refused("chat-message", reply{"text": ""}, "invalid", "")["requestId"] != nil {
		t.Error("what is the client's fault has an id")
	}
}
