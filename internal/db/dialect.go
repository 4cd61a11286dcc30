package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// Dialect is what differs between the databases.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// ForUpdate ends a query whose rows are to be locked until the transaction ends. SQLite's writer has locked everything.
func (d Dialect) ForUpdate() string {
	if d == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// SkipLocked ends a query that takes rows which several compete for: those that another transaction has taken are left out. SQLite has
// one writer, so nobody competes.
func (d Dialect) SkipLocked() string {
	if d == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Now is the database's clock as an expression, in microseconds: the one clock that all nodes have in common.
func (d Dialect) Now() string {
	if d == Postgres {
		return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
	}
	return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
}

// Writers is how many transactions may usefully write at the same time.
func (d Dialect) Writers() int {
	if d == Postgres {
		return 4
	}
	return 1
}

// compiles reports whether statements are to be kept by us: pgx keeps its own.
func (d Dialect) compiles() bool { return d == SQLite }

// running is the context of a statement of a transaction. SQLite's driver starts a goroutine for each statement that may be called off, which
// for those of a message takes as long as the statement: there a transaction is called off between its statements.
func (d Dialect) running(ctx context.Context) (context.Context, error) {
	if d != SQLite {
		return ctx, nil
	}
	return context.WithoutCancel(ctx), ctx.Err()
}

func (d Dialect) goose() goose.Dialect {
	if d == Postgres {
		return goose.DialectPostgres
	}
	return goose.DialectSQLite3
}

// isConflict reports a deadlock, a serialization failure or a lock that was not to be had in time: the transaction was rolled back and
// may be run again.
func (d Dialect) isConflict(err error) bool {
	var pg *pgconn.PgError
	var commit *CommitError
	return !errors.As(err, &commit) && errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001" || pg.Code == "55P03")
}

// isBroken reports that the connection was lost before the commit, or that the server is about to restart.
func (d Dialect) isBroken(err error) bool {
	var commit *CommitError
	if d != Postgres || errors.As(err, &commit) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "25P03" || pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03" || pg.Code == "08006"
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, net.ErrClosed)
}

// assertDurable refuses a database that may lose what it has committed.
func (d Dialect) assertDurable(ctx context.Context, pool *sql.DB) error {
	if d == Postgres {
		return assertPostgres(ctx, pool)
	}
	return assertSQLite(ctx, pool)
}
