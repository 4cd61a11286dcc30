package db

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies what the schema lacks. Migrations only add; what a released version reads is removed a version later, so that
// two versions can run side by side.
func migrate(ctx context.Context, d *DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithGoMigrations(
		goose.NewGoMigration(3, &goose.GoFunc{RunTx: d.Dialect.createSearch}, nil),
		goose.NewGoMigration(41, &goose.GoFunc{RunTx: d.Dialect.createAccessVersion}, nil),
	)}
	if d.Dialect == Postgres { // nodes that start together wait for the first
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fmt.Errorf("db: migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	pool := d.write
	if d.migrator != nil {
		pool = d.migrator()
		defer func() { _ = pool.Close() }() // what it did is committed
	}
	p, err := goose.NewProvider(d.Dialect.goose(), pool, files, options...)
	if err != nil {
		return fmt.Errorf("db: migrations: %w", err)
	}
	for attempt := 1; ; attempt++ {
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
		if attempt == migrateAttempts || !d.Dialect.isConflict(err) {
			return fmt.Errorf("db: migrate: %w", err)
		}
		select {
		case <-time.After(time.Duration(50+rand.IntN(200)) * time.Millisecond): //nolint:gosec // not a secret
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// migrateAttempts bounds how often a migration is tried that gets no lock because of what other nodes do.
const migrateAttempts = 100
