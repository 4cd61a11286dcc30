package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	_ "modernc.org/sqlite" // to look into the file without migrating it
)

const (
	connectTimeout = 5 * time.Second
	oldestPostgres = 13_00_00
)

func (e *examination) database(ctx context.Context) {
	if e.embedded() {
		e.sqlite(ctx)
	} else {
		e.postgres(ctx)
	}
}

// sqlite looks at the file, if there is one already.
func (e *examination) sqlite(ctx context.Context) {
	file := filepath.Join(e.folder(), "parley.db")
	if named, ok := strings.CutPrefix(e.DatabaseURL, "sqlite:"); ok {
		file = strings.TrimPrefix(named, "//")
	}
	if found, _ := filepath.Glob(file); len(found) == 0 {
		e.ok("database", "SQLite: "+file+" will be made")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	d, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(2000)")
	if err == nil {
		defer func() { _ = d.Close() }()
	}
	var version, mode, sound string
	for into, text := range map[*string]string{&version: "SELECT sqlite_version()", &mode: "PRAGMA journal_mode", &sound: "PRAGMA quick_check(1)"} {
		if err == nil {
			err = d.QueryRowContext(ctx, text).Scan(into)
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.warn("database", file+" could not be checked within a few seconds", "parley backup checks it thoroughly")
	case err != nil:
		e.wrong("database", file+": "+err.Error(), "restore a backup: parley restore --force FILE")
	case sound != "ok":
		e.wrong("database", file+" is damaged: "+sound, "stop the server and restore a backup: parley restore --force FILE")
	default:
		e.ok("database", fmt.Sprintf("SQLite %s, %s, sound (%s)", version, mode, file))
		e.pushKeys(func(text string, into ...any) error { return d.QueryRowContext(ctx, text).Scan(into...) })
	}
}

func (e *examination) postgres(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 4*connectTimeout)
	defer cancel()
	c, err := pgx.ParseConfig(e.DatabaseURL)
	if err != nil {
		e.wrong("database", "DATABASE_URL is malformed", "write it like postgres://user:password@host:5432/name") // the cause may quote the password
		return
	}
	c.ConnectTimeout = connectTimeout
	c.RuntimeParams["synchronous_commit"] = "on" // as the server does
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		e.wrong("database", fmt.Sprintf("Postgres at %s:%d: %s", c.Host, c.Port, pgReason(err)), pgMend(err))
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	e.postgresSettings(ctx, conn)
	e.pushKeys(func(text string, into ...any) error { return conn.QueryRow(ctx, text).Scan(into...) })
	before := time.Now()
	var theirs time.Time
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err == nil {
		e.skew("the database's clock", before, theirs, time.Now())
	}
	// A message in the write-ahead log makes the commit wait for the disk, and leaves nothing behind.
	took, err := median(15, func() error {
		_, err := conn.Exec(ctx, "SELECT pg_logical_emit_message(true, 'parley-doctor', 'how long does a commit take')")
		return err
	})
	if err != nil {
		e.wrong("commit", pgReason(err), "the database must accept writes: is it a replica, or read-only?")
		return
	}
	level := graded(took, 20*time.Millisecond, 500*time.Millisecond)
	e.judge(level, Finding{
		About: "commit", Says: fmt.Sprintf("takes %v (median), with the way there: every message waits for one", took.Round(10*time.Microsecond)),
		Mend: mendIf(level != OK, "bring the database nearer, or onto a faster disk"),
	})
}

func (e *examination) postgresSettings(ctx context.Context, conn *pgx.Conn) {
	var version, maximum, used int
	var name, fsync, synchronous, pages, encoding string
	var replica bool
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('fsync'),
		(SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'), current_setting('full_page_writes'), current_setting('server_encoding'),
		current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), pg_is_in_recovery()`).Scan(
		&version, &name, &fsync, &synchronous, &pages, &encoding, &maximum, &used, &replica)
	if err != nil {
		e.wrong("database", pgReason(err), "")
		return
	}
	if version < oldestPostgres {
		e.wrong("database", "Postgres "+name+" is too old", "use 13 or newer")
	} else {
		e.ok("database", "Postgres "+name)
	}
	if replica {
		e.wrong("database", "it is a replica: nothing can be written", "name the primary in DATABASE_URL")
	}
	if fsync != "on" || pages != "on" {
		e.wrong("durability", "fsync is "+fsync+", full_page_writes is "+pages+": a crash loses what was acknowledged", "turn both on in postgresql.conf")
	} else {
		e.ok("durability", "fsync and full_page_writes are on; Parley commits with synchronous_commit=on")
	}
	if encoding != "UTF8" {
		e.wrong("database", "its encoding is "+encoding, "make it with ENCODING 'UTF8'")
	}
	says := fmt.Sprintf("%d of %d in use; a node takes up to %d", used, maximum, e.DatabaseConns)
	if used+e.DatabaseConns > maximum {
		e.warn("connections", says, "raise max_connections, or lower PARLEY_DATABASE_CONNECTIONS on every node")
	} else {
		e.ok("connections", says)
	}
}

// pgReason is an error without what may quote a password.
func pgReason(err error) string {
	var pg *pgconn.PgError
	var op *net.OpError
	switch {
	case errors.As(err, &pg):
		return pg.Message
	case errors.As(err, &op):
		return op.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	}
	return "the connection failed"
}

func pgMend(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "28P01", "28000":
			return "look at the user and the password in DATABASE_URL, and at pg_hba.conf"
		case "3D000":
			return "make the database: createdb NAME"
		case "53300":
			return "raise max_connections"
		}
		return "look at the database's log"
	}
	return "is it running there, and does a firewall let this machine in?"
}
