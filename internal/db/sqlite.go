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

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// minSQLite is the first version whose WAL reset cannot corrupt a database.
const minSQLite = "3.51.3"

func openSQLite(dir, file string) (*DB, error) {
	if file == "" {
		file = filepath.Join(dir, "parley.db")
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	d := &DB{Dialect: SQLite, file: file}
	_, err := sqlite.Fdatasync(true) // as SQLite does wherever it is built for Linux; other systems have their own way
	if err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, fmt.Errorf("db: %w", err)
	}
	if d.write, err = sqlitePool(file, 1, "_txlock=immediate"); err != nil {
		return nil, err
	}
	if d.read, err = sqlitePool(file, max(4, 2*runtime.NumCPU()), "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, d.write.Close())
	}
	return d, nil
}

func sqlitePool(file string, conns int, extra string) (*sql.DB, error) {
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

func assertSQLite(ctx context.Context, pool *sql.DB) error {
	var version, mode string
	var sync int
	if err := pool.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if olderThan(version, minSQLite) {
		return fmt.Errorf("db: SQLite %s can corrupt its log; %s is needed", version, minSQLite)
	}
	if err := pool.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if err := pool.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if mode != "wal" || sync != 2 {
		return fmt.Errorf("db: journal_mode %s, synchronous %d: durability needs wal and 2 (is the file system a network's?)", mode, sync)
	}
	return nil
}

// isUnsynced reports that fsync failed: the kernel may have dropped what it could not write, and says so only once.
func isUnsynced(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_IOERR_FSYNC || e.Code() == sqlite3.SQLITE_IOERR_DIR_FSYNC)
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
