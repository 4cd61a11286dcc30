package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// cli runs the program and returns what it printed.
func cli(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Run(context.Background(), args, &out, &errs); code != want {
		t.Fatalf("%s: exit code %d: %s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

// A backup that is taken while people write has all that was acknowledged before it, and a beginning of what came after.
func TestBackupWhileRunning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		dir := t.TempDir()
		s := start(t, "--rate-limit=off", "--data="+dir, "--database-url="+o.URL)
		ana, is := s.account("ana")
		room := ana.must("room-create", reply{"name": "Kept", "kind": "private"})["roomId"]
		first := ana.must("chat-message", reply{"roomId": room, "text": "kept", "clientId": "c1"})
		for i := range 200 {
			ana.must("chat-message", reply{"text": fmt.Sprint(i)})
		}
		acked, stop := ana.writes()
		file := filepath.Join(t.TempDir(), "backup.db")
		before := acked.Load()
		printed := cli(t, 0, "backup", "--data="+dir, "--database-url="+o.URL, file)
		stop()
		if !regexp.MustCompile(`log +\d{3,} rows`).MatchString(printed) {
			t.Fatal(printed)
		}
		cli(t, 1, "backup", "--data="+dir, "--database-url="+o.URL, file) // it is there already
		s.stop()

		restored := t.TempDir()
		cli(t, 0, "restore", "--data="+restored, "--database-url=", file)
		cli(t, 1, "restore", "--data="+restored, "--database-url=", file) // it has data
		cli(t, 0, "restore", "--force", "--data="+restored, "--database-url=", file)
		again := start(t, "--rate-limit=off", "--data="+restored)
		back := again.dial(reply{"token": is["token"]})
		joined := back.must("user-join", reply{})
		if joined["epoch"] == is["epoch"] || int64(joined["lastSeq"].(float64)) < before || before < 200 {
			t.Fatalf("%d were acknowledged before the backup, and it has %v", before, joined["lastSeq"])
		}
		if retry := back.must("chat-message", reply{"roomId": room, "text": "kept", "clientId": "c1"}); retry["messageId"] != first["messageId"] {
			t.Fatal("a retry after the restore made another message")
		}
		if r := back.must("room-sync", reply{"epoch": is["epoch"], "afterSeq": 100}); r["reset"] != true {
			t.Fatalf("a client of the old log is not told: %v", r)
		}
	})
}

// writes lets somebody write to the lobby without a pause, until stop. acked is the seq of what was acknowledged last.
func (p *person) writes() (acked *atomic.Int64, stop func()) {
	acked = &atomic.Int64{}
	ending, ended, first := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			r := p.ask("chat-message", reply{"text": "meanwhile"})
			if seq, ok := r["seq"].(float64); ok {
				acked.Store(int64(seq))
			} else {
				p.t.Errorf("%v", r)
			}
			if n == 0 {
				close(first)
			}
			select {
			case <-ending:
				return
			default:
			}
		}
	}()
	<-first
	return acked, func() { close(ending); <-ended }
}

// Postgres' own tools do as well: what pg_dump takes while people write has all that was acknowledged before, and after "admin restored"
// clients know that the log is another one.
func TestBackupByPostgresTools(t *testing.T) {
	o, empty := dbtest.NewPostgres(t), dbtest.NewPostgres(t)
	s := start(t, "--rate-limit=off", "--database-url="+o.URL)
	ana, is := s.account("ana")
	for i := range 100 {
		ana.must("chat-message", reply{"text": fmt.Sprint(i)})
	}
	acked, stop := ana.writes()
	file, before := filepath.Join(t.TempDir(), "parley.dump"), acked.Load()
	if out, err := exec.CommandContext(t.Context(), "pg_dump", "--format=custom", "--file="+file, o.URL).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	stop()
	s.stop()
	if out, err := exec.CommandContext(t.Context(), "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+empty.URL, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cli(t, 0, "admin", "restored", "--database-url="+empty.URL)
	again := start(t, "--rate-limit=off", "--database-url="+empty.URL)
	back := again.dial(reply{"token": is["token"]})
	joined := back.must("user-join", reply{})
	if head := int64(joined["lastSeq"].(float64)); head < before || before < 100 || joined["epoch"] == is["epoch"] {
		t.Fatalf("%d were acknowledged before the backup, and it has %d; epochs %v, %v", before, head, is["epoch"], joined["epoch"])
	}
	if r := back.must("room-sync", reply{"epoch": is["epoch"], "afterSeq": 50}); r["reset"] != true {
		t.Fatalf("a client of the old log is not told: %v", r)
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{file, file + ".missing"} {
		cli(t, 1, "restore", "--data="+t.TempDir(), "--database-url=", f)
	}
}

// From SQLite to Postgres and back: nothing is lost, retries and clients go on where they were.
func TestMigrateBetweenDatabases(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "--rate-limit=off", "--data="+dir)
	ana, is := s.account("ana")
	ben, benIs := s.account("ben")
	room := ana.must("room-create", reply{"name": "Moving", "kind": "private", "members": []any{benIs["userId"]}})["roomId"]
	sent := ana.must("chat-message", reply{"roomId": room, "text": "before @ben 北京", "clientId": "c1"})
	ben.must("message-react", reply{"roomId": room, "messageId": sent["messageId"], "emoji": "👍"})
	ana.must("message-edit", reply{"roomId": room, "messageId": sent["messageId"], "text": "before, @ben 北京"})
	ana.must("profile-update", reply{"avatar": tinyPicture})
	ana.must("invite-create", reply{"roomId": room})
	was := ben.must("room-get", reply{"roomId": room})["room"].(map[string]any)
	s.stop()

	file, postgres := "sqlite:"+filepath.Join(dir, "parley.db"), dbtest.NewPostgres(t).URL
	cli(t, 0, "migrate", "--from="+file, "--to="+postgres)
	cli(t, 1, "migrate", "--from="+file, "--to="+postgres) // it has data now
	d, err := db.Open(t.Context(), db.Options{URL: postgres})
	if err != nil {
		t.Fatal(err)
	}
	var known float64 // of a table that was never looked at: -1
	err = d.QueryRow(t.Context(), `SELECT reltuples FROM pg_class WHERE oid = 'log'::regclass`).Scan(&known)
	if err = errors.Join(err, d.Close()); err != nil || known < 1 {
		t.Fatalf("Postgres does not know how much has come: %v, %v", known, err)
	}
	for _, where := range []string{postgres, "sqlite:" + filepath.Join(t.TempDir(), "back.db")} {
		if where != postgres {
			cli(t, 0, "migrate", "--from="+postgres, "--to="+where)
		}
		moved := start(t, "--rate-limit=off", "--database-url="+where)
		back := moved.dial(reply{"token": benIs["token"]})
		back.must("user-join", reply{})
		now := back.must("room-get", reply{"roomId": room})["room"].(map[string]any)
		for _, field := range []string{"epoch", "lastSeq", "unread", "mentions", "readSeq", "name", "role"} {
			if now[field] != was[field] {
				t.Errorf("%s: %s was %v and is %v", where, field, was[field], now[field])
			}
		}
		owner := moved.dial(reply{"token": is["token"]})
		owner.must("user-join", reply{})
		if retry := owner.must("chat-message", reply{"roomId": room, "text": "before @ben 北京", "clientId": "c1"}); retry["messageId"] != sent["messageId"] {
			t.Fatal("a retry after moving made another message")
		}
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if hits := back.must("search", reply{"query": "北京"})["hits"].([]any); len(hits) == 1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("not found after moving")
			}
		}
		moved.stop()
	}
}

func TestAdminFromTheTerminal(t *testing.T) {
	dir := t.TempDir()
	where := "--data=" + dir
	s := start(t, "--rate-limit=off", where)
	_, _ = s.account("ana")
	ben, benIs := s.account("ben")
	list := cli(t, 0, "admin", "list", where)
	if !strings.Contains(list, "ana") || !strings.Contains(list, "owner") {
		t.Fatal(list)
	}
	printed := cli(t, 0, "admin", "set-password", "ben", where)
	password := regexp.MustCompile(`password: (\S+)`).FindStringSubmatch(printed)
	if password == nil {
		t.Fatal(printed)
	}
	ben.heard("session-ended")
	again := s.dial(nil)
	again.must("account-login", reply{"name": "ben", "password": password[1]})
	cli(t, 0, "admin", "set-role", "ben", "admin", where)
	again.heard("user-updated", `"role":"admin"`)
	again.must("person-role", reply{"userId": benIs["userId"], "role": "admin"})
	token, _, _ := strings.Cut(cli(t, 0, "admin", "invite", "--uses=2", where), " ")
	s.dial(nil).must("account-create", reply{"name": "cleo", "password": "a long enough password", "invitation": token})
	cli(t, 0, "admin", "deactivate", "cleo", where)
	cli(t, 1, "admin", "deactivate", "nobody", where)
	cli(t, 1, "admin", "set-role", "ana", "member", where) // the last owner
	cli(t, 2, "admin", "set-role", "ana", "emperor", where)
	cli(t, 0, "admin", "create-owner", "dora", where)
	cli(t, 0, "admin", "set-role", "ana", "member", where)
	cli(t, 0, "admin", "sessions", "ben", where)
	again.heard("session-ended")
	for _, verb := range []string{"admin", "backup", "restore", "migrate"} {
		if code := Run(t.Context(), []string{verb, "--help"}, io.Discard, io.Discard); code != 0 {
			t.Errorf("%s --help: %d", verb, code)
		}
	}
}
