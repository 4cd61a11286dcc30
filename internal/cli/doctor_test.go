package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
	"parley/internal/peers/redistest"
)

// proxy runs a proxy of Debian's with a configuration from deploy/proxies, changed as told, before a server. It reaches the server from
// 127.0.0.5, so that the proxy's address is not the client's.
func proxy(t *testing.T, s *server, kind string, change ...string) (url string) {
	t.Helper()
	file := map[string]string{"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile", "cluster": "haproxy.cfg"}[kind]
	folder := "../../deploy/proxies/"
	if kind == "cluster" {
		folder = "../../deploy/cluster/"
	}
	text, err := os.ReadFile(folder + file)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	dir := t.TempDir()
	conf := strings.NewReplacer(append(change, "127.0.0.1:3000", s.addr)...).Replace(string(text))
	var cmd *exec.Cmd
	file = filepath.Join(dir, file)
	switch kind {
	case "nginx":
		conf = strings.NewReplacer("listen 80;", "listen "+addr+";", "proxy_pass", "proxy_bind 127.0.0.5; proxy_pass").Replace(conf)
		conf = fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s;\n%[2]s}", dir, conf)
		cmd = exec.CommandContext(t.Context(), "nginx", "-e", "stderr", "-p", dir, "-c", file)
	case "haproxy", "cluster":
		conf = strings.NewReplacer("bind :8080", "bind "+addr, "bind :80", "bind "+addr, "maxconn 100000", "maxconn 200", "maxconn 200000", "maxconn 200", "default-server", "source 127.0.0.5\n    default-server").Replace(conf)
		cmd = exec.CommandContext(t.Context(), "haproxy", "-db", "-f", file)
	case "caddy":
		conf = "{\n\tadmin off\n\tauto_https off\n}\n" + strings.NewReplacer("chat.example.com {", "http://"+addr+" {\n\tbind 127.0.0.1", "stream_close_delay 5m", "").Replace(conf)
		cmd = exec.CommandContext(t.Context(), "caddy", "run", "--adapter", "caddyfile", "--config", file)
		cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	}
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (scripts/install-test-deps installs it)", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return "http://" + addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %s", kind, log)
		}
	}
}

// says fails unless the doctor's words have all of these.
func says(t *testing.T, printed string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(printed, w) {
			t.Errorf("no %q in\n%s", w, printed)
		}
	}
}

// The configurations that we hand out pass everything through.
func TestDoctorThroughProxies(t *testing.T) {
	s := start(t, "--trusted-proxies=127.0.0.5")
	for _, kind := range []string{"nginx", "haproxy"} {
		t.Run(kind, func(t *testing.T) {
			printed := cli(t, 0, "doctor", "--trusted-proxies=127.0.0.5", "--data="+t.TempDir(), "--hold=1s", proxy(t, s, kind))
			says(t, printed, "ok       websocket        comes through", "still open after 1s", "ok       long-polling", "ok       origins", "ok       buffering",
				"ok       trusted proxies  the server counts this request to 127.0.0.1", "ok       clock", "ok       fsync")
		})
	}
	t.Run("caddy", func(t *testing.T) { // it reaches the server from the client's address, which is trusted here
		s := start(t, "--trusted-proxies=127.0.0.1")
		printed := cli(t, 0, "doctor", "--trusted-proxies=127.0.0.1", "--data="+t.TempDir(), proxy(t, s, "caddy"))
		says(t, printed, "ok       websocket", "ok       long-polling", "ok       origins", "ok       buffering", "ok       trusted proxies")
	})
}

// What people get wrong is found, and how to mend it is said.
func TestDoctorFindsWhatProxiesBreak(t *testing.T) {
	s := start(t, "--trusted-proxies=127.0.0.5")
	for name, c := range map[string]struct {
		kind   string
		change []string
		code   int
		want   []string
	}{
		"nginx without upgrade": {"nginx", []string{"proxy_set_header Upgrade $http_upgrade;", "", "$connection_upgrade;\n", `"";` + "\n"}, 1,
			[]string{"error    websocket        the upgrade does not come through", "proxy_set_header Upgrade"}},
		"nginx without host": {"nginx", []string{"proxy_set_header Host $http_host;", "proxy_set_header Host parley;"}, 1,
			[]string{"error    origins          the server's own page is refused: 403", "Host header"}},
		"nginx that buffers": {"nginx", []string{"proxy_buffering off;", "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;"}, 0,
			[]string{"warning  buffering", "proxy_buffering off"}},
		"nginx that passes on whom a client pretends to be": {"nginx", []string{"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", ""}, 1,
			[]string{"error    trusted proxies  anybody can pretend"}},
		"haproxy that waits for more": {"haproxy", []string{"option http-no-delay", ""}, 0, []string{"warning  buffering", "http-no-delay"}},
		"nginx that closes early": {"nginx", []string{"proxy_read_timeout 120s;", "proxy_read_timeout 1s;"}, 1,
			[]string{"error    websocket        it was closed within 2s", "proxy_read_timeout"}},
		"nginx before nothing": {"nginx", []string{"127.0.0.1:3000", "127.0.0.1:1"}, 1, []string{"error    url", "answers 502 Bad Gateway"}},
		"haproxy without upgrade": {"haproxy", []string{"option forwardfor", "option forwardfor\n    http-request del-header Upgrade"}, 1,
			[]string{"error    websocket        the upgrade does not come through"}},
		"haproxy that does not say whom it forwards": {"haproxy", []string{"option forwardfor", ""}, 1,
			[]string{"error    trusted proxies  anybody can pretend"}},
	} {
		t.Run(name, func(t *testing.T) {
			hold := "0s"
			if strings.Contains(name, "early") {
				hold = "2s"
			}
			says(t, cli(t, c.code, "doctor", "--data="+t.TempDir(), "--hold="+hold, proxy(t, s, c.kind, c.change...)), c.want...)
		})
	}
	t.Run("a proxy that is not named", func(t *testing.T) {
		s := start(t)
		says(t, cli(t, 0, "doctor", "--data="+t.TempDir(), proxy(t, s, "nginx")), "warning  trusted proxies  there is a proxy that PARLEY_TRUSTED_PROXIES does not name", "127.0.0.5")
	})
	t.Run("two nodes without a memory", func(t *testing.T) {
		other := start(t)
		conf := proxy(t, s, "haproxy", "cookie PARLEY_NODE insert indirect nocache httponly", "", "balance leastconn", "balance roundrobin",
			"server one 127.0.0.1:3000 cookie one", "server one "+s.addr+"\n    server two "+other.addr)
		says(t, cli(t, 0, "doctor", "--data="+t.TempDir(), conf), "warning  long-polling     the requests of one client reach different nodes")
	})
}

func TestDoctorFindsWhatIsWrongHere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	printed := cli(t, 1, "doctor", "--data=/proc/parley", "--redis-url=redis://127.0.0.1:1", "--allowed-origins=*", "--trusted-proxies=0.0.0.0/0",
		"--rate-limit=off", "--admin-addr=0.0.0.0:6060", "http://127.0.0.1:1")
	says(t, printed, "error    disk             nothing can be written", "error    redis            REDIS_URL is set, and the database is a file",
		"error    redis            127.0.0.1:1 does not answer", "warning  origins", "error    trusted proxies  PARLEY_TRUSTED_PROXIES has 0.0.0.0/0",
		"warning  rate limits", "warning  secret key", "warning  admin address", "error    url              cannot be reached", "chown")
	says(t, cli(t, 1, "doctor", "--data="+file), "is no folder")
	says(t, cli(t, 1, "doctor", "--data="+t.TempDir(), "localhost:3000"), "error    url")
	says(t, cli(t, 1, "doctor", "--port=70000"), "error    settings         PORT must be between")
}

func TestDoctorLooksIntoTheFile(t *testing.T) {
	dir := t.TempDir()
	says(t, cli(t, 0, "doctor", "--data="+dir), "will be made")
	d, err := db.Open(t.Context(), db.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	says(t, cli(t, 0, "doctor", "--data="+dir), "ok       database         SQLite 3", "wal, sound", "ok       push             its keys will be made")
	start(t, "--data="+dir).stop()
	says(t, cli(t, 0, "doctor", "--data="+dir), "ok       push             its keys (VAPID) are valid, 0 devices", "warning  push             without an https address")
	says(t, cli(t, 1, "doctor", "--data="+dir, "--push-service=https://127.0.0.1:1"), "error    push service     127.0.0.1:1 is inside of a network")
	says(t, cli(t, 0, "doctor", "--data="+dir, "--no-push"), "ok       push             is off")
	file := filepath.Join(dir, "parley.db")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(whole) / 3; i < 2*len(whole)/3; i++ {
		whole[i] = 'x'
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, cli(t, 1, "doctor", "--data="+dir), "error    database", "restore a backup")
}

func TestDoctorLooksAtPostgresAndRedis(t *testing.T) {
	redis := redistest.Start(t)
	good := dbtest.NewPostgres(t).URL
	says(t, cli(t, 0, "doctor", "--database-url="+good, "--redis-url="+redis.URL()), "ok       database         Postgres 1", "ok       durability", "ok       commit", "ok       connections",
		"ok       clock            the database's clock", "ok       redis            version", "ok       redis memory", "ok       clock            Redis's clock", "ok       push             its keys will be made")
	start(t, "--database-url="+good).stop()
	says(t, cli(t, 0, "doctor", "--database-url="+good), "ok       push             its keys (VAPID) are valid, 0 devices")
	says(t, cli(t, 0, "doctor", "--database-url="+good, "--database-connections=500"), "warning  connections")
	says(t, cli(t, 1, "doctor", "--database-url="+strings.Replace(good, "?", "x?", 1)), "error    database         Postgres at 127.0.0.1", "does not exist", "createdb")
	says(t, cli(t, 1, "doctor", "--database-url=postgres://me:secret@127.0.0.1:1/x"), "connection refused", "is it running there")
	if printed := cli(t, 1, "doctor", "--database-url=postgres://me:secret@127.0.0.1:x/x"); strings.Contains(printed, "secret") || !strings.Contains(printed, "malformed") {
		t.Error(printed)
	}
	if out, err := exec.CommandContext(context.Background(), "redis-cli", "-u", redis.URL(), "config", "set", "maxmemory-policy", "allkeys-lru").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	says(t, cli(t, 0, "doctor", "--database-url="+good, "--redis-url="+redis.URL()), "warning  redis memory     maxmemory-policy is allkeys-lru")
	careless, err := dbtest.Start("fsync = off")
	if err != nil {
		t.Fatal(err)
	}
	defer careless.Close()
	says(t, cli(t, 1, "doctor", "--database-url="+careless.URL("postgres")), "error    durability       fsync is off")
}
