package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"parley/internal/chat"
	"parley/internal/config"
	"parley/internal/db"
)

// backupArgs are those of backup and restore.
type backupArgs struct {
	config.Database
	Force bool   `help:"Restore over an SQLite database that has data: the old file is kept beside it."`
	File  string `arg:"" help:"The backup: an SQLite database, whatever the server's is."`
}

// backup writes all data into a file, while the server runs or not.
func backup(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in backupArgs
	if code, ok := parseVerb("parley backup", "Write all data as it is now into a file. The server may run meanwhile.", &in, args, stdout, stderr); !ok {
		return code
	}
	d, err := db.Open(ctx, db.Options{URL: in.URL, Dir: in.Data})
	if err != nil {
		return fail(stderr, 1, err)
	}
	copied, err := d.Backup(ctx, in.File)
	if err = errors.Join(err, d.Close()); err != nil {
		return fail(stderr, 1, err)
	}
	printCopied(stdout, copied)
	_, _ = fmt.Fprintln(stdout, "Not in it: the key that seals secrets (PARLEY_SECRET_KEY, or secret.key in PARLEY_DATA). Keep a copy of it elsewhere.")
	return 0
}

func printCopied(stdout io.Writer, copied []db.Copied) {
	for _, c := range copied {
		_, _ = fmt.Fprintf(stdout, "%-14s %d rows\n", c.Table, c.Rows)
	}
}

// restore reads a backup into an empty database.
func restore(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in backupArgs
	if code, ok := parseVerb("parley restore", "Read a backup into an empty database. Stop the server before.", &in, args, stdout, stderr); !ok {
		return code
	}
	if err := db.CheckFile(ctx, in.File); err != nil {
		return fail(stderr, 1, err)
	}
	copied, err := in.restore(ctx, stdout)
	if errors.Is(err, db.ErrNotEmpty) && !in.Force {
		err = fmt.Errorf("%w: restore into an empty one, or, for SQLite, with --force", err)
	}
	if err != nil {
		return fail(stderr, 1, err)
	}
	printCopied(stdout, copied)
	return 0
}

func (in *backupArgs) restore(ctx context.Context, stdout io.Writer) ([]db.Copied, error) {
	from, err := db.Open(ctx, db.Options{URL: "sqlite:" + in.File})
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }() // it was only read
	to, err := db.Open(ctx, db.Options{URL: in.URL, Dir: in.Data})
	if err != nil {
		return nil, err
	}
	if in.Force && to.Dialect == db.SQLite {
		if to, err = setAside(ctx, to, stdout); err != nil {
			return nil, err
		}
	}
	copied, err := db.Copy(ctx, from, to, nil)
	if err == nil {
		err = chat.RenewEpochs(ctx, to)
	}
	return copied, errors.Join(err, to.Close())
}

// setAside moves an SQLite database out of the way and opens a new one in its place.
func setAside(ctx context.Context, d *db.DB, stdout io.Writer) (*db.DB, error) {
	file := d.File()
	if _, err := d.Pool().ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	old := file + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	if err := os.Rename(file, old); err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintln(stdout, "the old database is kept as", old)
	return db.Open(ctx, db.Options{URL: "sqlite:" + file})
}

// migrateArgs are those of migrate.
type migrateArgs struct {
	From string `required:"" help:"Database to read: postgres://… or sqlite:FILE."`
	To   string `required:"" help:"Empty database to fill."`
}

// migrate moves all data to a database of another kind.
func migrate(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in migrateArgs
	what := "Copy all data into an empty database, as from SQLite to Postgres, and compare it row by row. Stop the server before."
	if code, ok := parseVerb("parley migrate", what, &in, args, stdout, stderr); !ok {
		return code
	}
	from, err := db.Open(ctx, db.Options{URL: in.From})
	if err != nil {
		return fail(stderr, 1, err)
	}
	defer func() { _ = from.Close() }() // it was only read
	to, err := db.Open(ctx, db.Options{URL: in.To})
	if err != nil {
		return fail(stderr, 1, err)
	}
	copied, err := db.Copy(ctx, from, to, func(table string, rows int64) { _, _ = fmt.Fprintf(stderr, "%s: %d rows\n", table, rows) })
	if err = errors.Join(err, to.Close()); err != nil {
		return fail(stderr, 1, err)
	}
	printCopied(stdout, copied)
	return 0
}
