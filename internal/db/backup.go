package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes all data as it is at one moment into a file, an SQLite database whatever this one is. The server may run meanwhile. The
// file is there, whole and checked, or not at all.
func (d *DB) Backup(ctx context.Context, file string) ([]Copied, error) {
	if _, err := os.Stat(file); err == nil {
		return nil, fmt.Errorf("db: %s is there already", file)
	}
	unfinished := file + ".unfinished"
	_ = os.Remove(unfinished) // of a backup that was cut short
	defer func() { _ = os.Remove(unfinished) }()
	target, err := Open(ctx, Options{URL: "sqlite:" + unfinished})
	if err != nil {
		return nil, err
	}
	copied, err := Copy(ctx, d, target, nil)
	if err == nil {
		_, err = target.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	}
	if err = errors.Join(err, target.Close()); err != nil {
		return nil, err
	}
	if err := CheckFile(ctx, unfinished); err != nil {
		return nil, err
	}
	for _, side := range []string{"-wal", "-shm"} {
		_ = os.Remove(unfinished + side) // empty after the checkpoint
	}
	if err := syncFile(unfinished); err != nil {
		return nil, err
	}
	if err := os.Rename(unfinished, file); err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	return copied, syncFile(filepath.Dir(file))
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("db: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// CheckFile reports what is wrong with an SQLite file.
func CheckFile(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	pool, err := sqlitePool(file, 1, "_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }() // it was only read
	var result string
	if err := pool.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&result); err != nil {
		return fmt.Errorf("db: %s: %w", file, err)
	}
	if result != "ok" {
		return fmt.Errorf("db: %s is damaged: %s", file, result)
	}
	var table string
	err = pool.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&table)
	if err == nil {
		return fmt.Errorf("db: %s is damaged: %s refers to rows that are not there", file, table)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("db: %s: %w", file, err)
	}
	return nil
}
