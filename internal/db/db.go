package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
)

// Options says which database to open.
type Options struct {
	// URL is postgres://… or sqlite:FILE. Empty is the file parley.db below Dir.
	URL string
	// Dir is the folder of the embedded database.
	Dir string
	// MaxConns bounds the connections to Postgres; default 16.
	MaxConns int
	// Lost is called when the operating system could not bring a commit to the disk. What the file holds is unknown from then on, and
	// trying again would seem to succeed: the program must end. It may be nil.
	Lost func(error)
}

// DB is an open database with a current schema.
type DB struct {
	Dialect Dialect
	write   *sql.DB
	read    *sql.DB
	writes  *statements
	reads   *statements
	file    string // of SQLite
	closing func() // releases what the pools stand on; may be nil
	// migrator opens a pool for migrations, where they need one of their own; may be nil.
	migrator func() *sql.DB
	lost     func(error)
	queries  atomic.Int64
}

// Open opens a database, creates it if it is a file that does not exist, and migrates it.
func Open(ctx context.Context, o Options) (*DB, error) {
	d, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	d.lost = o.Lost
	d.writes, d.reads = newStatements(d.write), newStatements(d.read)
	if err := d.Dialect.assertDurable(ctx, d.write); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := migrate(ctx, d); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func open(ctx context.Context, o Options) (*DB, error) {
	switch scheme, rest, _ := strings.Cut(o.URL, ":"); {
	case o.URL == "":
		return openSQLite(o.Dir, "")
	case scheme == "sqlite":
		return openSQLite("", strings.TrimPrefix(rest, "//"))
	case scheme == "postgres" || scheme == "postgresql":
		return openPostgres(ctx, o.URL, o.MaxConns)
	}
	return nil, errors.New(`db: the database's URL must begin with "postgres://" or "sqlite:"`)
}

// Close closes the database.
func (d *DB) Close() error {
	errs := []error{d.writes.close(), d.reads.close()}
	if d.read != d.write {
		errs = append(errs, d.read.Close())
	}
	errs = append(errs, d.write.Close())
	if d.closing != nil {
		d.closing()
	}
	return errors.Join(errs...)
}

// Pool is the pool of connections that may write, for what works on the database as a whole.
func (d *DB) Pool() *sql.DB { return d.write }

// File is the path of SQLite's file, empty for Postgres.
func (d *DB) File() string { return d.file }

// Queries is how many statements were run, in transactions and outside.
func (d *DB) Queries() int64 { return d.queries.Load() }

// Query runs a query outside of a transaction.
func (d *DB) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := d.stmt(ctx, text); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return d.read.QueryContext(ctx, text, args...)
}

// stmt is the prepared statement of a text, where it is not the driver that keeps them: Postgres' does, for each connection. One of
// database/sql would be prepared and dropped again at each use there, in three round trips instead of one.
func (d *DB) stmt(ctx context.Context, text string) *sql.Stmt {
	d.queries.Add(1)
	if !d.Dialect.compiles() {
		return nil
	}
	return d.reads.prepare(ctx, text)
}

// QueryRow runs a query of one row outside of a transaction.
func (d *DB) QueryRow(ctx context.Context, text string, args ...any) *sql.Row {
	if s := d.stmt(ctx, text); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return d.read.QueryRowContext(ctx, text, args...)
}

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	return d.QueryRow(ctx, "SELECT 1").Scan(&one)
}

// Querier is what reads: a [DB] or a [Tx].
type Querier interface {
	Query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, text string, args ...any) *sql.Row
}

// CommitError is an error of the commit itself: whether the transaction took effect is not known.
type CommitError struct{ Err error }

// Error implements error.
func (e *CommitError) Error() string { return "db: commit: " + e.Err.Error() }

// Unwrap returns the driver's error.
func (e *CommitError) Unwrap() error { return e.Err }

// IsNotFound reports whether a query of one row found none.
func IsNotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// IsFull reports whether an error says that the disk is full.
func IsFull(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "disk is full") || strings.Contains(text, "SQLITE_FULL") || strings.Contains(text, "SQLSTATE 53100")
}

// IsTaken reports whether an error says that a unique index of a table, or what its columns hold, has what was to be inserted already.
func IsTaken(err error, table, index string, columns ...string) bool {
	if err == nil {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505" && pg.ConstraintName == index
	}
	return strings.Contains(err.Error(), "UNIQUE constraint failed: "+table+"."+strings.Join(columns, ", "+table+"."))
}

// IsUnstorable reports whether an error says that a text has characters that the database does not take. SQLite takes all.
func IsUnstorable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "22021" // invalid byte sequence, such as a NUL
}

// Scan reads all rows of a query with scan, which is called once a row.
func Scan[T any](rows *sql.Rows, err error, scan func(*sql.Rows, *T) error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	out := []T{}
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("db: rows: %w", err)
	}
	return out, nil
}
