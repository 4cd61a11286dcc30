package db

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Tx is a writing transaction. It is for one goroutine.
type Tx struct {
	tx      *sql.Tx
	db      *DB
	stmts   map[string]*sql.Stmt // those that it has used
	missing map[string]bool      // texts to prepare when the transaction is over
}

// maxAttempts bounds how often a transaction is run that the database itself has asked to be run again.
const maxAttempts = 4

// Tx runs fn in a writing transaction, which is rolled back when fn fails. A [*CommitError] means that the outcome is unknown.
// fn may run more than once: when Postgres finds a deadlock, it rolls one side back and asks for another try; and what a connection
// that broke before the commit has done is rolled back too.
func (d *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := d.runTx(ctx, fn)
		if err == nil || attempt == maxAttempts || ctx.Err() != nil {
			return err
		}
		switch {
		case d.Dialect.isConflict(err):
		case d.Dialect.isBroken(err):
			time.Sleep(time.Duration(attempt-1) * brokenPause) // the first time it was perhaps one that had been idle
		default:
			return err
		}
	}
}

// brokenPause is how much longer a transaction waits each time before it looks for another connection.
const brokenPause = 50 * time.Millisecond

func (d *DB) runTx(ctx context.Context, fn func(*Tx) error) error {
	raw, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	tx := &Tx{tx: raw, db: d, stmts: map[string]*sql.Stmt{}}
	err = fn(tx)
	if err == nil {
		if err = raw.Commit(); err != nil {
			if d.lost != nil && isUnsynced(err) {
				d.lost(err)
			}
			err = &CommitError{err}
		}
	}
	_ = raw.Rollback() // after a commit it does nothing
	for text := range tx.missing {
		d.writes.prepare(ctx, text)
	}
	return err
}

func (t *Tx) stmt(ctx context.Context, text string) *sql.Stmt {
	t.db.queries.Add(1)
	if !t.db.Dialect.compiles() {
		return nil
	}
	if s := t.stmts[text]; s != nil {
		return s
	}
	s := t.db.writes.lookup(ctx, t.tx, text)
	if s == nil {
		if t.missing == nil {
			t.missing = map[string]bool{}
		}
		t.missing[text] = true
		return nil
	}
	t.stmts[text] = s
	return s
}

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	ctx, err := t.db.Dialect.running(ctx)
	if err != nil {
		return 0, err
	}
	var res sql.Result
	if s := t.stmt(ctx, text); s != nil {
		res, err = s.ExecContext(ctx, args...)
	} else {
		res, err = t.tx.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query runs a query.
func (t *Tx) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	ctx, err := t.db.Dialect.running(ctx)
	if err != nil {
		return nil, err
	}
	if s := t.stmt(ctx, text); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return t.tx.QueryContext(ctx, text, args...)
}

// QueryRow runs a query of one row.
func (t *Tx) QueryRow(ctx context.Context, text string, args ...any) *sql.Row {
	if running, err := t.db.Dialect.running(ctx); err == nil {
		ctx = running
	} // otherwise it fails by itself
	if s := t.stmt(ctx, text); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return t.tx.QueryRowContext(ctx, text, args...)
}

// Dialect is the dialect of the transaction's database.
func (t *Tx) Dialect() Dialect { return t.db.Dialect }

// Part runs fn as a part of the transaction that can fail alone: when it does, what it did is undone, its error is returned and
// the transaction goes on. broken reports that the transaction itself cannot go on.
func (t *Tx) Part(ctx context.Context, fn func() error) (err error, broken bool) { //nolint:revive // the second tells about the transaction
	if _, err := t.tx.ExecContext(ctx, "SAVEPOINT part"); err != nil {
		return err, true
	}
	err = fn()
	end := "RELEASE SAVEPOINT part"
	if err != nil {
		end = "ROLLBACK TO SAVEPOINT part"
	}
	if _, endErr := t.tx.ExecContext(ctx, end); endErr != nil {
		return errors.Join(err, endErr), true
	}
	return err, false
}
