package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"parley/internal/config"
	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// settings are the names of all environment variables that the server reads.
func settings() map[string]bool {
	names := map[string]bool{}
	for i := range reflect.TypeFor[config.Config]().NumField() {
		if name := reflect.TypeFor[config.Config]().Field(i).Tag.Get("env"); name != "" {
			names[name] = true
		}
	}
	return names
}

// notSettings look like settings in what is handed out, and are something else.
var notSettings = []string{
	"PARLEY_NODE",         // a balancer's cookie
	"PARLEY_HTTP_PORT",    // the port of a compose file
	"PARLEY_TOKEN",        // of parley bench
	"PARLEY_CRASH_CYCLES", // of make torture
	"PARLEY_BIN",          // of the browser's tests
}

// Links from one document to another lead somewhere.
func TestDocumentsLinkToFilesThatExist(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	above, err := filepath.Glob("../../*.md")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, file := range append(files, above...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(prose, -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
	if links < 10 {
		t.Errorf("%d links: nothing was tested", links)
	}
}

// What is handed out and what is written about it name settings and verbs that there are.
func TestDeploymentNamesWhatThereIs(t *testing.T) {
	known, variable := settings(), regexp.MustCompile(`\b(PARLEY|OTEL)_[A-Z_]*[A-Z]\b`)
	verb, verbs := regexp.MustCompile(`(?:^|[/ ])parley ([a-z]+)(?: |$)`), regexp.MustCompile(`(?m)^  parley ([a-z]+)`)
	there := []string{"help", "parley"} // the latter is the program after its folder or its user
	for _, m := range verbs.FindAllStringSubmatch(usage, -1) {
		there = append(there, m[1])
	}
	seen, said := 0, 0
	look := func(file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range variable.FindAllString(string(text), -1) {
			seen++
			if !known[name] && !slices.Contains(notSettings, name) {
				t.Errorf("%s names %s, which is no setting", file, name)
			}
		}
		if filepath.Ext(file) != ".md" && filepath.Ext(file) != ".service" {
			return
		}
		for _, code := range regexp.MustCompile("(?s)```sh\n.*?```|`[^`\n]+`|ExecStart=.*?\n").FindAllString(string(text), -1) {
			for line := range strings.Lines(strings.Trim(code, "`")) {
				for _, m := range verb.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
					if said++; !slices.Contains(there, m[1]) && !strings.Contains(line, "postgres") && !strings.Contains(line, "kubectl") && !strings.Contains(line, "docker") {
						t.Errorf("%s says %q, and there is no such verb", file, strings.TrimSpace(line))
					}
				}
			}
		}
	}
	for _, dir := range []string{"../../deploy", "../../docs"} {
		err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(file) != ".png" {
				look(file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look("../../README.md")
	look("../../CONTRIBUTING.md")
	if seen < 50 || said < 10 {
		t.Errorf("%d settings and %d verbs were found: nothing was tested", seen, said)
	}
}

type composeFile struct {
	Services map[string]struct {
		Environment map[string]string
		StopGrace   time.Duration `yaml:"stop_grace_period"`
		Ports       []string
	}
	Networks map[string]struct {
		IPAM struct{ Config []struct{ Subnet string } }
	}
}

func readYAML[T any](t *testing.T, file string) (out T) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/" + file)
	if err == nil {
		err = yaml.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return out
}

// settingsFrom are the settings that a server gets in an environment that consists of these variables.
func settingsFrom(t *testing.T, env map[string]string) config.Config {
	t.Helper()
	for name := range settings() {
		t.Setenv(name, env[name])
	}
	c, err := config.Parse(nil, io.Discard)
	if err != nil {
		t.Fatalf("%v: %v", env, err)
	}
	return c
}

// leaves fails unless a server that is told to stop has the time for it before it is killed.
func leaves(t *testing.T, where string, c config.Config, grace time.Duration) {
	t.Helper()
	if need := c.DrainDelay + c.DrainTimeout; grace < need+5*time.Second {
		t.Errorf("%s gives a stopping server %v, and it may take %v", where, grace, need)
	}
}

// The three nodes of the compose file, behind the HAProxy that comes with it, are one server.
func TestComposeClusterIsOneServer(t *testing.T) {
	file := readYAML[composeFile](t, "cluster/compose.yaml")
	single := readYAML[composeFile](t, "compose.yaml")
	leaves(t, "deploy/compose.yaml", settingsFrom(t, nil), single.Services["parley"].StopGrace)
	subnet := file.Networks["default"].IPAM.Config[0].Subnet
	fill := strings.NewReplacer("postgres://parley:${POSTGRES_PASSWORD:?set it in .env}@postgres/parley", dbtest.NewPostgres(t).URL,
		"redis://redis:6379", redistest.Start(t).URL(), "${PARLEY_SECRET_KEY:?set it in .env}", "bGVzcyBzZWNyZXQgdGhhbiBhIHJlYWwgb25lIGlzIGl0Cg==",
		"${PARLEY_PUBLIC_URL:-}", "", subnet, "127.0.0.5/32")
	var nodes []*server
	var addresses []string
	for _, name := range []string{"parley1", "parley2", "parley3"} {
		env := map[string]string{}
		for key, value := range file.Services[name].Environment {
			if !settings()[key] {
				t.Fatalf("%s is no setting", key)
			}
			if env[key] = fill.Replace(value); strings.Contains(env[key], "$") {
				t.Fatalf("%s has %s", key, env[key])
			}
		}
		leaves(t, name, settingsFrom(t, env), file.Services[name].StopGrace)
		s := start(t, "--rate-limit=off", "--drain-delay=0s")
		nodes = append(nodes, s)
		addresses = append(addresses, name+":3000", s.addr)
	}
	if len(file.Services) != 6 || nodes[0].addr == nodes[1].addr {
		t.Fatalf("%d services", len(file.Services))
	}
	url := proxy(t, nodes[0], "cluster", addresses...)
	printed := cli(t, 0, "doctor", "--data="+t.TempDir(), url)
	says(t, printed, "ok       websocket        comes through", "ok       long-polling", "ok       origins", "ok       buffering", "ok       trusted proxies", "ok       redis")
	if strings.Contains(printed, "secret key") {
		t.Error("the nodes have no common key")
	}
	through := &server{t: t, url: url}
	var people []*person
	for i := range 6 {
		people = append(people, through.join(fmt.Sprint("person ", i)))
	}
	for i, p := range people {
		p.must("chat-message", reply{"text": fmt.Sprintf("from %d.", i)})
	}
	for _, p := range people {
		for i := range people {
			p.heard("new-message", fmt.Sprintf("from %d.", i))
		}
	}
	for i, s := range nodes {
		if there, _ := s.scrape(); there["parley_connections"] < 1 {
			t.Errorf("nobody is connected to node %d", i)
		}
	}
	if res, err := http.Get(url + "/metrics"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("the metrics can be read from outside: %v", err)
	}
}

// The units of systemd name what there is, and wait for a server that takes its leave.
func TestSystemdUnitsFit(t *testing.T) {
	text, err := os.ReadFile("../../deploy/systemd/parley.service")
	if err != nil {
		t.Fatal(err)
	}
	env, grace := map[string]string{}, time.Duration(0)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "Environment":
			key, value, _ := strings.Cut(value, "=")
			env[key] = value
		case "TimeoutStopSec":
			grace, err = time.ParseDuration(value + "s")
		}
	}
	if err != nil || len(env) == 0 {
		t.Fatal(env, err)
	}
	for key := range env {
		if !settings()[key] {
			t.Errorf("%s is no setting", key)
		}
	}
	leaves(t, "parley.service", settingsFrom(t, env), grace)
}

// manifests are the objects of the Kubernetes manifests, by kind.
func manifests(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	kustomization := readYAML[struct{ Resources []string }](t, "kubernetes/kustomization.yaml")
	for _, file := range append(kustomization.Resources, "secret.example.yaml") {
		text, err := os.ReadFile("../../deploy/kubernetes/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var object map[string]any
			if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			out[object["kind"].(string)] = object
		}
	}
	return out
}

// at follows a path of keys, and of positions, into an object.
func at(t *testing.T, object any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := object.(map[string]any)
			if !ok || m[step] == nil {
				t.Fatalf("no %v at %v in %v", path, step, object)
			}
			object = m[step]
		case int:
			object = object.([]any)[step]
		}
	}
	return object
}

// The Kubernetes manifests fit each other and the server: names, ports, paths, settings, the time to leave, and the metric to scale by.
func TestKubernetesManifestsFit(t *testing.T) {
	all := manifests(t)
	pod := at(t, all["Deployment"], "spec", "template", "spec")
	container := at(t, pod, "containers", 0)
	env := map[string]string{}
	for _, from := range []any{at(t, all["ConfigMap"], "data"), at(t, all["Secret"], "stringData")} {
		for key, value := range from.(map[string]any) {
			env[key] = value.(string)
		}
	}
	for _, v := range at(t, container, "env").([]any) {
		if value, ok := v.(map[string]any)["value"].(string); ok {
			env[at(t, v, "name").(string)] = value
		}
	}
	for name := range env {
		if !settings()[name] {
			t.Errorf("%s is no setting", name)
		}
	}
	c := settingsFrom(t, env)
	leaves(t, "the pod", c, time.Duration(at(t, pod, "terminationGracePeriodSeconds").(int))*time.Second)
	port := at(t, container, "ports", 0)
	if at(t, port, "containerPort") != c.Port || c.NodeAddress != fmt.Sprintf("$(POD_IP):%d", c.Port) ||
		at(t, all["Deployment"], "spec", "template", "metadata", "annotations", "prometheus.io/port") != fmt.Sprint(c.Port) {
		t.Errorf("the container's port is %v, the server's %d, its address %s", at(t, port, "containerPort"), c.Port, c.NodeAddress)
	}
	for _, name := range []any{
		at(t, all["Service"], "spec", "ports", 0, "targetPort"), at(t, all["NetworkPolicy"], "spec", "ingress", 0, "ports", 0, "port"),
		at(t, all["NetworkPolicy"], "spec", "egress", 1, "ports", 0, "port"), at(t, container, "startupProbe", "httpGet", "port"),
	} {
		if name != at(t, port, "name") {
			t.Errorf("%v is not the container's port", name)
		}
	}
	labels := at(t, all["Deployment"], "spec", "template", "metadata", "labels")
	for what, selector := range map[string]any{
		"deployment": at(t, all["Deployment"], "spec", "selector", "matchLabels"), "service": at(t, all["Service"], "spec", "selector"),
		"budget": at(t, all["PodDisruptionBudget"], "spec", "selector", "matchLabels"), "policy": at(t, all["NetworkPolicy"], "spec", "podSelector", "matchLabels"),
	} {
		if !reflect.DeepEqual(selector, labels) {
			t.Errorf("the %s selects %v, and the pods have %v", what, selector, labels)
		}
	}
	backend := at(t, all["Ingress"], "spec", "rules", 0, "http", "paths", 0, "backend", "service")
	if at(t, backend, "name") != at(t, all["Service"], "metadata", "name") || at(t, backend, "port", "name") != at(t, all["Service"], "spec", "ports", 0, "name") {
		t.Errorf("the ingress leads to %v", backend)
	}
	if target := at(t, all["HorizontalPodAutoscaler"], "spec", "scaleTargetRef", "name"); target != at(t, all["Deployment"], "metadata", "name") {
		t.Errorf("the autoscaler scales %v", target)
	}
	if c.PublicURL != "https://"+at(t, all["Ingress"], "spec", "rules", 0, "host").(string) {
		t.Errorf("people find the server at %s, and the ingress is for another host", c.PublicURL)
	}
	settingsFrom(t, nil)
	s := start(t)
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		path := at(t, container, probe, "httpGet", "path").(string)
		if res, err := http.Get(s.url + path); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s asks %s: %v", probe, path, err)
		}
	}
	metric := at(t, all["HorizontalPodAutoscaler"], "spec", "metrics", 0, "pods", "metric", "name").(string)
	there, _ := s.scrape()
	if _, ok := there[metric]; !ok {
		t.Errorf("the autoscaler goes by %s, which is no metric", metric)
	}
	adapter := readYAML[struct {
		Rules struct {
			Custom []struct{ Name struct{ As string } }
		}
	}](t, "kubernetes/prometheus-adapter.yaml")
	if adapter.Rules.Custom[0].Name.As != metric {
		t.Errorf("the adapter brings %s", adapter.Rules.Custom[0].Name.As)
	}
}
