package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const defaultMaxConns = 16

func openPostgres(ctx context.Context, url string, conns int) (*DB, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("db: the URL of the database is malformed") // the driver's error may quote its password
	}
	if conns <= 0 {
		conns = defaultMaxConns
	}
	c.MaxConns = int32(min(conns, 1000)) //nolint:gosec // bounded
	c.MaxConnIdleTime, c.HealthCheckPeriod = 5*time.Minute, 30*time.Second
	c.ConnConfig.ConnectTimeout = 5 * time.Second
	// Whatever the server's default is: an acknowledged commit is on its disk.
	c.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	c.ConnConfig.RuntimeParams["application_name"] = "parley"
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// A transaction whose node has gone silent, stopped or cut off in its midst, must not hold back all others who write in its rooms.
	c.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "5000"
	// Plans are kept for as long as a connection lives, and the first ones are made while the tables are empty: then reading all of
	// a table looks cheapest, and it stays the plan when there are a million rows. Every query of ours has an index.
	for _, method := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin"} {
		c.ConnConfig.RuntimeParams[method] = "off"
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	std := stdlib.OpenDBFromPool(pool)
	return &DB{Dialect: Postgres, write: std, read: std, closing: pool.Close, migrator: func() *sql.DB { return openMigrator(c.ConnConfig) }}, nil
}

// migrationLockTimeout is how many milliseconds a migration waits for a table that other nodes use: whatever they ask for waits behind
// it. It is shorter than Postgres takes to look for deadlocks, so that of the two it is the migration that gives way, to try again.
const migrationLockTimeout = "400"

func openMigrator(c *pgx.ConnConfig) *sql.DB {
	own := c.Copy()
	own.RuntimeParams["lock_timeout"] = migrationLockTimeout
	return stdlib.OpenDB(*own)
}

// patient lets a transaction wait for what is done elsewhere meanwhile, for as long as that takes.
func (d *DB) patient(ctx context.Context, tx *sql.Tx) error {
	if d.Dialect != Postgres {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	return err
}

func assertPostgres(ctx context.Context, pool *sql.DB) error {
	var fsync string
	if err := pool.QueryRowContext(ctx, "SHOW fsync").Scan(&fsync); err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if fsync != "on" {
		return fmt.Errorf("db: fsync is %s: durability needs it on", fsync)
	}
	return nil
}
