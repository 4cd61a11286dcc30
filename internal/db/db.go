package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// minSQLite is the first version whose WAL reset cannot corrupt a database.
const minSQLite = "3.51.3"

// DB is an open database with a current schema.
type DB struct {
	write *sql.DB
	read  *sql.DB
}

// Open opens, or creates, the SQLite database below dir, and migrates it.
func Open(ctx context.Context, dir string) (*DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	file := filepath.Join(dir, "parley.db")
	d := &DB{}
	var err error
	if d.write, err = openSQLite(file, 1, "_txlock=immediate"); err != nil {
		return nil, err
	}
	if d.read, err = openSQLite(file, max(4, 2*runtime.NumCPU()), "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, d.write.Close())
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func openSQLite(file string, conns int, extra string) (*sql.DB, error) {
	// synchronous=FULL: with NORMAL a power failure may lose commits that were acknowledged.
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-16000)&_pragma=temp_store(2)&" + extra
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

func (d *DB) prepare(ctx context.Context) error {
	var version, mode string
	var sync int
	if err := d.write.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if olderThan(version, minSQLite) {
		return fmt.Errorf("db: SQLite %s can corrupt its log; %s is needed", version, minSQLite)
	}
	if err := d.write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if err := d.write.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if mode != "wal" || sync != 2 {
		return fmt.Errorf("db: journal_mode %s, synchronous %d: durability needs wal and 2 (is the file system a network's?)", mode, sync)
	}
	return migrate(ctx, d.write)
}

func olderThan(version, than string) bool {
	var a, b [3]int
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &a[0], &a[1], &a[2]) // what is missing counts as 0
	_, _ = fmt.Sscanf(than, "%d.%d.%d", &b[0], &b[1], &b[2])
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// Close closes the database.
func (d *DB) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Read is the pool for queries outside transactions.
func (d *DB) Read() *sql.DB { return d.read }

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	return d.read.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// CommitError is an error of the commit itself: whether the transaction took effect is not known.
type CommitError struct{ Err error }

// Error implements error.
func (e *CommitError) Error() string { return "db: commit: " + e.Err.Error() }

// Unwrap returns the driver's error.
func (e *CommitError) Unwrap() error { return e.Err }

// Tx runs fn in a writing transaction, which is rolled back when fn fails. A [*CommitError] means that the outcome is unknown.
func (d *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return &CommitError{err}
	}
	return nil
}

// IsFull reports whether an error says that the disk is full.
func IsFull(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "disk is full") || strings.Contains(err.Error(), "SQLITE_FULL"))
}
